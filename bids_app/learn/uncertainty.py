"""Whether the intervals that a model promises hold what was measured in those whom it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bids_app.values import Floats, Ints
from bids_app.values.outcome import Prediction

SHARES = (0.5, 0.8, 0.95)
"""Intervals that are looked at, by what they promise."""

SCORED = SHARES[-1]
VOXELS_AT_ONCE = 4096
FAINTEST = 1e-12
"""Fractional change: keeps a voxel that never varies from dividing by nothing."""

SCORES = ("score", "score_constant", "score_without_eeg")
"""Scores of :class:`Held`, by field."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What intervals of one run, person or group held; means over volumes, runs, people.

    Attributes
    ----------
    inside : ndarray of shape (interval, voxel)
        Share of measured values inside each of the intervals :data:`SHARES`.
    score : ndarray of shape (voxel,)
        Interval score of the widest: its width, and what misses it times 2/(1 - share), in fractional change; the
        smaller the better. See Gneiting & Raftery (2007), Journal of the American Statistical Association 102, 359-378.
    score_constant : ndarray of shape (voxel,)
        The same with one standard deviation for each voxel all along the run.
    score_without_eeg : ndarray of shape (voxel,)
        That of intervals about the run's mean, with the standard deviation that the voxel was measured to have in this
        very run: the best that can be said of a voxel without EEG, and more than anybody knows of a left-out person.
    """

    inside: Floats
    score: Floats
    score_constant: Floats
    score_without_eeg: Floats


def held(prediction: Prediction, true: Floats) -> Held:
    """Compare the intervals around a prediction with what was measured.

    Parameters
    ----------
    prediction : Prediction
        With ``spread``.
    true : ndarray of shape (sample, voxel)
        Measured change. The level of a run is nobody's to tell, so that both are centred.

    Raises
    ------
    ValueError
        When the prediction has no spread.
    """
    if prediction.spread is None:
        raise ValueError(f"{prediction.run}: {prediction.model} tells no spread")
    parts = []
    for start in range(0, true.shape[1], VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        missed = true[:, some] - prediction.change[:, some]
        spread = np.maximum(np.asarray(prediction.spread[:, some], np.float32), FAINTEST)
        away = np.abs(true[:, some] - true[:, some].mean(axis=0))
        parts.append(_held(np.abs(missed - missed.mean(axis=0)), spread, away))
    return Held(
        np.concatenate([part.inside for part in parts], axis=1),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in SCORES},
    )


def mean(several: Iterable[Held]) -> Held:
    """Average over runs or people."""
    found = list(several)
    return Held(
        np.mean([one.inside for one in found], axis=0),
        **{name: np.mean([getattr(one, name) for one in found], axis=0) for name in SCORES},
    )


def over_people(runs: Sequence[tuple[str, Held]]) -> dict[str, Held]:
    """Average runs within each person, and people: by ``sub-LABEL`` and ``group``.

    Parameters
    ----------
    runs : sequence of (str, Held)
        Label of the person, and what the intervals of a run held.
    """
    people = {
        f"sub-{label}": mean(found for whom, found in runs if whom == label)
        for label in dict.fromkeys(label for label, _ in runs)
    }
    return people | {"group": mean(people.values())}


def rows(found: dict[str, Held], labels: Ints, reliable: Floats) -> dict[str, Sequence[object]]:
    """Columns of a table: all voxels, and each region, of each person and the group.

    Parameters
    ----------
    found : dict of str to Held
        From :func:`over_people`.
    labels : ndarray of shape (voxel,)
        Region of each voxel, from 0.
    reliable : ndarray of shape (voxel,)
        Share of models that call a voxel reliable.
    """
    regions = {"all": np.ones(len(labels), dtype=bool)}
    regions |= {f"parcel-{number + 1:02d}": labels == number for number in np.unique(labels)}
    columns: dict[str, list[object]] = {"on": [], "region": []}
    columns |= {f"inside_{share * 100:.0f}": [] for share in SHARES}
    columns |= {f"interval_{name}": [] for name in SCORES} | {"reliable": []}
    for on, one in found.items():
        for region, inside in regions.items():
            columns["on"].append(on)
            columns["region"].append(region)
            for share, values in zip(SHARES, one.inside[:, inside].mean(axis=1), strict=True):
                columns[f"inside_{share * 100:.0f}"].append(float(values))
            for name in SCORES:
                columns[f"interval_{name}"].append(float(getattr(one, name)[inside].mean()))
            columns["reliable"].append(float(reliable[inside].mean()))
    return dict(columns)


def told(found: Held, labels: Ints, reliable: Floats) -> dict[str, object]:
    """Tell the group's figures for the report: shares over all voxels, and those of the worst regions.

    Parameters
    ----------
    found : Held
        Of the group.
    labels, reliable : ndarray of shape (voxel,)
        As for :func:`rows`.
    """
    by_region = np.array([
        found.inside[:, labels == number].mean(axis=1) for number in np.unique(labels)
    ])
    inside = zip(
        found.inside.mean(axis=1), by_region.min(axis=0), by_region.max(axis=0), strict=True
    )
    return {
        "inside": [
            {"promised": share, "held": float(held), "lowest": float(low), "highest": float(high)}
            for share, (held, low, high) in zip(SHARES, inside, strict=True)
        ],
        "reliable": float(reliable.mean()),
    } | {name: float(getattr(found, name).mean()) for name in SCORES}


def _held(missed: Floats, spread: Floats, away: Floats) -> Held:
    """Compare sizes of errors with standard deviations, and distances from the mean; all of shape (sample, voxel)."""
    bounds = [NormalDist().inv_cdf((1 + share) / 2) for share in SHARES]
    constant = np.sqrt(np.mean(spread**2, axis=0, keepdims=True))
    return Held(
        np.array([np.mean(missed < bound * spread, axis=0) for bound in bounds]),
        _interval_score(missed, bounds[-1] * spread),
        _interval_score(missed, bounds[-1] * constant),
        _interval_score(away, bounds[-1] * np.sqrt(np.mean(away**2, axis=0, keepdims=True))),
    )


def _interval_score(missed: Floats, half_width: Floats) -> Floats:
    outside = np.maximum(missed - half_width, 0)
    found: Floats = np.mean(2 * half_width + 2 / (1 - SCORED) * outside, axis=0)
    return found
