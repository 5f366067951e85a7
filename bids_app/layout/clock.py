"""EEG time onto BOLD time, through the volume markers.

A volume marker is known by its regularity at the repetition time; names only help to choose among equals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Floats, Ints
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event

NO_MARKERS = "no volume markers"
KNOWN_MARKERS = ("R128", "T 1", "Scan Start", "volume_trigger", "volume", "mri")
DUPLICATE_FRACTION = 0.25  # of a repetition time: closer markers are one
JITTER_FRACTION = 0.02  # of a repetition time: farther from a whole number of volumes is irregular
REGULAR_FRACTION = 0.9  # of the intervals must be a whole number of volumes
FEWEST_MARKERS = 3
MOST_SLICES = 200  # in a volume
LONGEST_GAP = 50  # volumes without markers for which drift is allowed
OUTLIER_SPREADS = 6.0  # times the median distance from the line
SMALLEST_SPREAD_S = 1e-6
START_FRACTION = (
    0.25  # of a repetition time: farther from a marker, a start that was told is another one
)
MOST_EXTRA = (
    2  # markers after the last volume: the scanner sends them when a scan is stopped by hand
)
LARGEST_DRIFT = 1e-3  # EEG clocks differ from scanners' by parts per million


@dataclass(frozen=True, slots=True)
class Start:
    """When the first stored volume starts, as somebody says.

    Attributes
    ----------
    eeg_s : float
        Seconds after the first EEG sample.
    source : str
        Who says so.
    """

    eeg_s: float
    source: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known before the markers are looked at.

    Attributes
    ----------
    tr_s : float
        Repetition time.
    n_volumes : int or None
        Volumes of the series; None without BOLD.
    eeg_s : float
        Length of the EEG recording.
    marker : str or None
        Name of the volume markers, when it is known.
    start : Start or None
        When the first stored volume starts, when it is known: the markers are then numbered by it.
    n_discarded : int
        Volumes at the start of the scan that were not stored.
    """

    tr_s: float
    n_volumes: int | None
    eeg_s: float
    marker: str | None = None
    start: Start | None = None
    n_discarded: int = 0


def fit_clock(events: tuple[Event, ...], expected: Expected, where: str, source: str) -> Clock:
    """Fit EEG time to BOLD time.

    Parameters
    ----------
    events : tuple of Event
        Markers of the recording.
    expected : Expected
        What is known beside them.
    where : str
        Name of the recording, for messages.
    source : str
        Where the markers were read.

    Raises
    ------
    DataError
        Without regular markers, with two sets that could both be it, when they disagree with the repetition time or
        with the start that was told, or when it is unclear which volume the first marker stands for.
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
    first = _first_volume(volumes, onsets, offset_s, expected, where)
    return Clock(
        offset_s=offset_s - rate * first * expected.tr_s,
        rate=rate,
        residual_s=residual_s,
        n_found=len(onsets),
        n_expected=expected.n_volumes or int(volumes[-1]) + 1,
        marker=label,
        source=source,
        first_s=float(onsets[0]),
        last_s=float(onsets[-1]),
    )


def _volume_markers(
    events: tuple[Event, ...], expected: Expected, where: str
) -> tuple[str, Floats]:
    groups: dict[str, list[float]] = defaultdict(list)
    for event in events:
        groups[plain(event.label)].append(event.onset_s)
    onsets = {label: np.sort(np.asarray(times)) for label, times in groups.items()}
    if expected.marker is not None:
        asked = plain(expected.marker)
        onsets = {label: times for label, times in onsets.items() if label == asked}
    regular = _that(onsets, lambda times: _regular(times, expected.tr_s))
    regular = regular or _that(onsets, lambda times: _first_slices(times, expected))
    if not regular:
        seen = ", ".join(
            f"{label!r} x {len(times)}{_spacing(times)}" for label, times in sorted(groups.items())
        )
        raise DataError(
            f"{where}: {NO_MARKERS}: nothing repeats every {expected.tr_s:g} s; markers found: {seen or 'none'}",
            hint="name the marker with --volume-marker, or say with --eeg-start when the first volume starts",
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


def _that(
    onsets: dict[str, Floats], volumes_of: Callable[[Floats], Floats | None]
) -> dict[str, Floats]:
    """Onsets of volumes by label, of the labels that have any."""
    found = {label: volumes_of(times) for label, times in onsets.items()}
    return {label: volumes for label, volumes in found.items() if volumes is not None}


def _spacing(times: list[float]) -> str:
    steps = np.diff(np.sort(times))
    if len(steps) < FEWEST_MARKERS:
        return ""
    usual = float(np.median(steps))
    near = np.abs(steps - usual) < JITTER_FRACTION * usual
    return f" (every {usual:.4g} s)" if near.mean() >= REGULAR_FRACTION else ""


@lru_cache(maxsize=4096)
def plain(label: str) -> str:
    """Give the last part of a label, blanks folded: ``Response/R128`` and ``R128`` are the same."""
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


def _first_slices(onsets: Floats, expected: Expected) -> Floats | None:
    """Give the first slice of each volume, when markers are slices and there are all of every volume."""
    if not expected.n_volumes or len(onsets) % expected.n_volumes:
        return None
    n_slices = len(onsets) // expected.n_volumes
    if not 1 < n_slices <= MOST_SLICES or _regular(onsets, expected.tr_s / n_slices) is None:
        return None
    return onsets[::n_slices]


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
    """Slope and intercept; markers that lie far from the line that the others make do not bend it."""
    rate, offset_s = np.polyfit(bold_s, eeg_s, 1)
    away = np.abs(eeg_s - offset_s - rate * bold_s)
    near = away <= OUTLIER_SPREADS * np.median(away) + SMALLEST_SPREAD_S
    if FEWEST_MARKERS <= near.sum() < len(near):
        rate, offset_s = np.polyfit(bold_s[near], eeg_s[near], 1)
    return float(rate), float(offset_s)


def _first_volume(
    volumes: Ints, onsets: Floats, offset_s: float, expected: Expected, where: str
) -> int:
    """Which stored volume the first marker stands for: negative before the first one."""
    if expected.start is not None:
        return _by_start(volumes, offset_s, expected, where)
    if expected.n_volumes is None:
        return 0
    extra = int(volumes[-1]) + 1 - expected.n_volumes
    if extra < 0:
        return -extra if _starts_late(onsets, expected, -extra, where) else 0
    if extra and extra == expected.n_discarded:
        return -extra
    longest = int(np.diff(volumes).max())
    if extra and longest > 1 and len(onsets) <= expected.n_volumes + MOST_EXTRA:
        raise DataError(
            f"{where}: {len(onsets)} volume markers for {expected.n_volumes} volumes, but with a pause of "
            f"{longest * expected.tr_s:g} s in the middle: the scanner stopped, and EEG and BOLD have no common time",
            hint="cut EEG and BOLD at the pause",
        )
    if extra > MOST_EXTRA:
        raise DataError(
            f"{where}: {len(onsets)} volume markers over {extra} more volumes than the {expected.n_volumes} that are "
            "stored: it is unclear which of them are",
            hint="say with --eeg-start when the first stored volume starts, in seconds of the EEG",
        )
    return 0


def _by_start(volumes: Ints, offset_s: float, expected: Expected, where: str) -> int:
    assert expected.start is not None
    away = (offset_s - expected.start.eeg_s) / expected.tr_s
    first = round(away)
    is_complete = first == 0 and len(volumes) == expected.n_volumes
    if abs(away - first) > START_FRACTION and not is_complete:
        raise DataError(
            f"{where}: volume markers stand at {offset_s % expected.tr_s:.3f} s of each {expected.tr_s:g} s, but the "
            f"first volume starts at {expected.start.eeg_s:.3f} s according to {expected.start.source}",
            hint="say with --eeg-start when the first stored volume starts, at one of the markers",
        )
    return first


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
        hint="say with --eeg-start when the first volume starts, in seconds of the EEG, or cut the EEG to the scan",
    )
