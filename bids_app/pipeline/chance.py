"""Predictions against chance: which surrogates, over what, and how they are told."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import DataError
from bids_app.learn.ceiling import reliability, split_half
from bids_app.learn.events import responses
from bids_app.learn.nulls import (
    BESIDE_SCHEDULE,
    MAX_PARCEL_R,
    WINDOWS_FOR_SHIFTS,
    NullTest,
    ShiftProfile,
    cross_fitted_width,
    shift_profile,
    shift_test,
)
from bids_app.learn.parcels import parcel_means
from bids_app.learn.seed import generator
from bids_app.learn.surrogates import exchange_test, phase_test
from bids_app.learn.voxelwise import Series, VoxelTest, voxel_test
from bids_app.pipeline.rows import schedule_of, times_of, tr_of
from bids_app.values import Floats, Ints
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples

DRIFT_S = 128.0  # fluctuations slower than this are drift, as in most analyses of BOLD


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A prediction, and what was measured.

    Attributes
    ----------
    prediction : Prediction
        Of a run.
    true : ndarray of shape (sample, voxel)
        Measured change in the same volumes.
    run : PreprocessedRun
        Its files.
    shortest : int
        Shortest shift that breaks what links EEG and BOLD, in volumes: the length of a window.
    """

    prediction: Prediction
    true: Floats
    run: PreprocessedRun
    shortest: int

    @property
    def longest(self) -> float:
        """Volumes of the fastest drift."""
        return DRIFT_S / tr_of(self.run)

    @property
    def schedule(self) -> dict[str, list[float]]:
        """Onsets of the run's events."""
        return schedule_of(self.run)

    @property
    def timing(self) -> Hashable:
        """Equal for runs whose volumes and events are at the same times, to a tenth of a second."""
        times_s = times_of(self.run, self.prediction.volumes)
        events = tuple(
            (kind, tuple(np.round(found, 1))) for kind, found in sorted(self.schedule.items())
        )
        return tuple(times_s.round(1)), events

    def profile(self, labels: Ints) -> ShiftProfile:
        """Correlate at all circular shifts, with parcels of shape (voxel,)."""
        change = self.prediction.change
        return shift_profile(self.true, change, labels, self.shortest, self.longest)

    def beside_schedule(self, labels: Ints) -> ShiftProfile:
        """Correlate the mean courses of parcels, shape (voxel,), without the responses to the events."""
        responded = None
        if self.schedule:
            responded = responses(self.schedule, times_of(self.run, self.prediction.volumes))
        true, change = (parcel_means(rows, labels) for rows in (self.true, self.prediction.change))
        parcels = np.arange(true.shape[1])
        return shift_profile(true, change, parcels, self.shortest, self.longest, responded)

    @property
    def series(self) -> Series:
        """As the test of each voxel takes it."""
        return Series(self.true, self.prediction.change, self.shortest, self.longest)


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What the tests say.

    Attributes
    ----------
    tests : list of dict
        As the record holds them.
    notes : list of str
        Sentences on what could not be tested.
    voxels : VoxelTest or None
        None where nothing could be tested.
    decides : NullTest or None
        The one that the report's sentence rests on.
    """

    tests: list[dict[str, Any]]
    notes: list[str]
    voxels: VoxelTest | None = None
    decides: NullTest | None = None


def shortest_shift(truth: Samples, run: PreprocessedRun) -> int:
    """Volumes that a window covers."""
    return int(np.ceil(truth.n_window / truth.rate_hz / tr_of(run)))


def tested(
    pairs: Sequence[Pair], labels: Ints, who: str, config: RunConfig, *, cross_fitted: bool
) -> Verdicts:
    """Test predictions of one architecture and one kind of split.

    Parameters
    ----------
    pairs : sequence of Pair
        Runs.
    labels : ndarray of shape (voxel,)
        Parcels.
    who : str
        Whom the tests are about: together with the seed it decides what is drawn.
    config : RunConfig
        The call.
    cross_fitted : bool
        Whether models were trained on each other's runs: see :func:`bids_app.learn.nulls.cross_fitted_width`.
    """
    kept, profiles, notes = _profiled(pairs, labels)
    if not kept:
        return Verdicts([], notes)
    model, kind = kept[0].prediction.model, kept[0].prediction.split
    rng = generator(config.random_seed, "shift test", model, kind, who)
    width = cross_fitted_width(profiles) if cross_fitted else 1.0
    tests = shift_test(profiles, rng, width=width)
    decides = next(test for test in tests if test.statistic == MAX_PARCEL_R)
    if any(pair.schedule for pair in kept):
        beside = [pair.beside_schedule(labels) for pair in kept]
        tests += [
            replace(test, statistic=BESIDE_SCHEDULE)
            for test in shift_test(beside, rng, width=width)
            if test.statistic == MAX_PARCEL_R
        ]
    tests += phase_test(profiles, rng, width=width)
    timings = [pair.timing for pair in kept]
    tests += exchange_test(profiles, timings, rng, width=width)
    voxels = None
    is_long = all(run.is_long for run in profiles)
    if is_long:
        voxels = voxel_test([pair.series for pair in kept], rng, width=width)
        tests.append(voxels.largest)
    else:
        notes.append(
            f"{model}: runs are shorter than {WINDOWS_FOR_SHIFTS} windows, so that circular shifts reject too often: "
            "voxels were not tested, and the sentence at the top asks for random phases too"
        )
    about = {"model": model, "split": kind, "long": is_long}
    return Verdicts([about | _told(test) for test in tests], notes, voxels, decides)


def _profiled(
    pairs: Sequence[Pair], labels: Ints
) -> tuple[list[Pair], list[ShiftProfile], list[str]]:
    """Runs that can be shifted, their profiles, and why the others cannot."""
    kept, profiles, notes = [], [], []
    for pair in pairs:
        try:
            profiles.append(pair.profile(labels))
            kept.append(pair)
        except DataError as error:
            notes.append(f"{pair.prediction.run}: no circular-shift test: {error}")
    return kept, profiles, notes


def ceilings(pairs: Sequence[Pair], labels: Ints) -> list[dict[str, Any]]:
    """Tell how reliable evoked BOLD is, of each participant and of the group; nothing without events.

    Means over parcels, whose labels have shape (voxel,), and over runs.
    """
    people: dict[str, list[float]] = {}
    for pair in pairs:
        times_s = times_of(pair.run, pair.prediction.volumes)
        found = split_half(parcel_means(pair.true, labels), pair.schedule, times_s, DRIFT_S)
        if found is not None and np.isfinite(found).any():
            people.setdefault(f"sub-{pair.prediction.participant}", []).append(
                float(np.nanmean(found))
            )
    halves = {label: float(np.mean(found)) for label, found in people.items()}
    if len(halves) > 1:
        halves["group"] = float(np.mean(list(halves.values())))
    return [
        {
            "on": label,
            "half": half,
            "reliability": reliability(half),
            "ceiling": float(np.sqrt(reliability(half))),
        }
        for label, half in halves.items()
    ]


def _told(test: NullTest) -> dict[str, Any]:
    return {
        "statistic": test.statistic,
        "against": test.against,
        "value": test.value,
        "p": test.p,
        "n_shifts": test.n_drawn,
    }
