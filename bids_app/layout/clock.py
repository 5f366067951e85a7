"""EEG time onto BOLD time, through the volume markers.

A volume marker is known by its regularity at the repetition time; names only help to choose among equals.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Floats, Ints
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event

KNOWN_MARKERS = ("R128", "T 1", "Scan Start", "volume_trigger", "volume", "mri")
DUPLICATE_FRACTION = 0.25  # of a repetition time: closer markers are one
JITTER_FRACTION = 0.02  # of a repetition time: farther from a whole number of volumes is irregular
REGULAR_FRACTION = 0.9  # of the intervals must be a whole number of volumes
FEWEST_MARKERS = 3
LONGEST_GAP = 50  # volumes without markers for which drift is allowed
LARGEST_DRIFT = 1e-3  # EEG clocks differ from scanners' by parts per million


@dataclass(frozen=True, slots=True)
class Expected:
    """What the BOLD series says of the markers.

    Attributes
    ----------
    tr_s : float
        Repetition time.
    n_volumes : int or None
        Volumes of the series; None without BOLD.
    eeg_s : float
        Length of the EEG recording.
    marker : str or None
        Name that the user gave.
    """

    tr_s: float
    n_volumes: int | None
    eeg_s: float
    marker: str | None = None


def fit_clock(events: tuple[Event, ...], expected: Expected, where: str, source: str) -> Clock:
    """Fit EEG time to BOLD time.

    Parameters
    ----------
    events : tuple of Event
        Markers of the recording.
    expected : Expected
        What the BOLD series says.
    where : str
        Name of the recording, for messages.
    source : str
        Where the markers were read.

    Raises
    ------
    DataError
        Without regular markers, with two sets that could both be it, when they disagree with the repetition time, or
        when it is unclear which volume the first marker stands for.
    """
    label, found = _volume_markers(events, expected, where)
    volumes, onsets = _count(found, expected.tr_s)
    if len(onsets) < REGULAR_FRACTION * len(found):
        raise DataError(
            f"{where}: only {len(onsets)} of {len(found)} {label!r} markers are whole volumes of "
            f"{expected.tr_s:g} s apart",
            hint="correct RepetitionTime, or name another marker with --volume-marker",
        )
    rate, offset_s = _line(volumes * expected.tr_s, onsets)
    if abs(rate - 1) > LARGEST_DRIFT:
        raise DataError(
            f"{where}: {label!r} markers are {rate * expected.tr_s:.6g} s apart; RepetitionTime is "
            f"{expected.tr_s:g} s",
            hint="correct RepetitionTime, or the sampling rate of the EEG",
        )
    residual_s = float(np.abs(onsets - offset_s - rate * volumes * expected.tr_s).max())
    n_expected = expected.n_volumes or int(volumes[-1]) + 1
    lacking = n_expected - (int(volumes[-1]) + 1)
    if lacking > 0 and _starts_late(onsets, expected, lacking, where):
        offset_s -= rate * lacking * expected.tr_s
    return Clock(
        offset_s=offset_s,
        rate=rate,
        residual_s=residual_s,
        n_found=len(onsets),
        n_expected=n_expected,
        marker=label,
        source=source,
    )


def _volume_markers(
    events: tuple[Event, ...], expected: Expected, where: str
) -> tuple[str, Floats]:
    groups: dict[str, list[float]] = defaultdict(list)
    for event in events:
        groups[_plain(event.label)].append(event.onset_s)
    asked = None if expected.marker is None else _plain(expected.marker)
    regular = {
        label: kept
        for label, times in groups.items()
        if asked in {None, label}
        and (kept := _regular(np.sort(np.asarray(times)), expected.tr_s)) is not None
    }
    if not regular:
        seen = (
            ", ".join(f"{label!r} x {len(times)}" for label, times in sorted(groups.items()))
            or "none"
        )
        raise DataError(
            f"{where}: no volume markers: nothing repeats every {expected.tr_s:g} s; markers found: {seen}",
            hint="name the marker with --volume-marker, if there is one",
        )
    named = [name for known in KNOWN_MARKERS for name in regular if name == known]
    if named:
        return named[0], regular[named[0]]
    if len(regular) > 1:
        raise DataError(
            f"{where}: {' and '.join(repr(label) for label in sorted(regular))} both repeat every "
            f"{expected.tr_s:g} s",
            hint="say which one marks the volumes with --volume-marker",
        )
    return next(iter(regular.items()))


def _plain(label: str) -> str:
    """Last part of a label, blanks folded: ``Response/R128`` and ``R128`` are the same."""
    return " ".join(label.rsplit("/", maxsplit=1)[-1].split())


def _regular(onsets: Floats, tr_s: float) -> Floats | None:
    keep = np.r_[True, np.diff(onsets) > DUPLICATE_FRACTION * tr_s]
    onsets = onsets[keep]
    if len(onsets) < FEWEST_MARKERS:
        return None
    steps = np.diff(onsets) / tr_s
    whole = np.abs(steps - np.round(steps)) < JITTER_FRACTION
    one = np.round(steps) == 1
    # Most intervals are one volume long, not several: other events may fall on whole volumes too.
    return onsets if whole.mean() >= REGULAR_FRACTION and one.mean() >= REGULAR_FRACTION else None


def _count(onsets: Floats, tr_s: float) -> tuple[Ints, Floats]:
    """Number the markers by volume, the first is 0, and drop those that are not regular.

    The first markers may be strays: the first is one that most others follow at whole volumes.
    """
    best: dict[int, int] = {}
    for first in range(len(onsets)):
        volumes = _followers(onsets / tr_s, first)
        best = max(best, volumes, key=len)
        if 2 * len(best) > len(onsets):
            break
    return np.asarray(list(best.values())), onsets[list(best)]


def _followers(position: Floats, first: int) -> dict[int, int]:
    """Volume of each marker that is whole volumes after ``first``; positions, shape (marker,), are in volumes.

    Each is compared with the one before it: over a whole run, drift adds up to volumes.
    """
    volumes, last = {first: 0}, first
    for index in range(first + 1, len(position)):
        step = position[index] - position[last]
        whole = round(step)
        slack = JITTER_FRACTION + LARGEST_DRIFT * min(whole, LONGEST_GAP)
        if whole >= 1 and abs(step - whole) < slack:
            volumes[index] = volumes[last] + whole
            last = index
    return volumes


def _line(bold_s: Floats, eeg_s: Floats) -> tuple[float, float]:
    rate, offset_s = np.polyfit(bold_s, eeg_s, 1)
    return float(rate), float(offset_s)


def _starts_late(onsets: Floats, expected: Expected, lacking: int, where: str) -> bool:
    """Tell whether the first volumes are the ones without markers."""
    before_s = float(onsets[0])
    after_s = expected.eeg_s - float(onsets[-1])
    room_before, room_after = before_s >= expected.tr_s, after_s >= 1.5 * expected.tr_s
    if room_before and not room_after:
        return False  # the EEG stopped during the scan
    if room_after and not room_before:
        return True  # the EEG started during the scan
    raise DataError(
        f"{where}: {len(onsets)} volume markers for {expected.n_volumes} volumes, and the EEG goes on for "
        f"{after_s:.1f} s after the last and {before_s:.1f} s before the first: it is unclear which "
        f"{lacking} are missing",
        hint="check NumberOfVolumesDiscardedByUser, or cut the EEG to the scan",
    )
