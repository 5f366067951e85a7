"""How much of measured BOLD repeats: the most that a prediction of the evoked part can reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.learn.events import responses
from bids_app.metrics import r
from bids_app.metrics.base import demeaned
from bids_app.models._solve import drift_basis, without
from bids_app.values import Floats

FEWEST_EVENTS = 4
"""Of a kind: two for each half."""


def split_half(
    true: Floats, schedule: Mapping[str, Sequence[float]], times_s: Floats, longest_s: float
) -> Floats | None:
    """Correlate evoked responses that are fitted on one half of a run's events and on the other.

    Parameters
    ----------
    true : ndarray of shape (time, parcel)
        Measured courses.
    schedule : mapping of str to sequence of float
        Onsets of each kind of event, in seconds after the first volume began; later ones are in the other half.
    times_s : ndarray of shape (time,)
        When the volumes were measured, on the same clock.
    longest_s : float
        Fluctuations slower than this are drift.

    Returns
    -------
    ndarray of shape (parcel,) or None
        Correlation over the run of the two estimates of its evoked course; None where no kind of event comes often
        enough.
    """
    often = {
        kind: sorted(found) for kind, found in schedule.items() if len(found) >= FEWEST_EVENTS
    }
    if not often:
        return None
    drift = drift_basis(times_s, longest_s)
    # Early and late, not by turns: responses to neighbouring events overlap, and with them the noise of both halves.
    early = {kind: found[: len(found) // 2] for kind, found in often.items()}
    late = {kind: found[len(found) // 2 :] for kind, found in often.items()}
    halves = [demeaned(responses(half, times_s)) for half in (early, late)]
    design = without(drift, np.hstack(halves))
    weights = np.linalg.lstsq(design, without(drift, demeaned(true)), rcond=None)[0]
    whole = without(drift, halves[0] + halves[1])
    one, other = (whole @ part for part in np.split(weights, 2))
    return r.score(one, other)


def reliability(half: float) -> float:
    """Reliability of the whole from the correlation of its halves; 0 where they do not agree.

    References
    ----------
    Spearman (1910), Correlation calculated from faulty data, Br J Psychol 3, 271-295; Brown (1910), ibid., 296-322.
    """
    return max(0.0, 2 * half / (1 + half)) if half > -1 else 0.0
