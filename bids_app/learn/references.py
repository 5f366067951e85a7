"""Rows that hear no EEG: what any model is compared to.

Each is fitted on the training set of its fold and on nothing else, save the participant's own mean volume, which no
model may know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from bids_app.learn.batches import chosen, targets_of
from bids_app.metrics.base import demeaned
from bids_app.values import Floats, Ints
from bids_app.values.samples import Samples, Split

ZERO, TRAINING_MEAN, PARTICIPANT_MEAN = "zero", "training-mean", "participant-mean"
TIME_ONLY, EVENTS = "time-only", "events"

FASTEST_S = 32.0
"""Shortest period of the courses that know only the position in the run."""

SHRINKAGE = 0.01
"""Strength of the ridge, of the power of a column: in a gap of a run, courses are free to be anything without it."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A prediction in few courses, so that those of a large group fit in memory.

    Attributes
    ----------
    courses : ndarray of shape (sample, course)
        Over the tested volumes of a run.
    volumes : ndarray of shape (course, voxel)
        The volume that each course goes with.
    """

    courses: Floats
    volumes: Floats

    @property
    def change(self) -> Floats:
        """Fractional change of shape (sample, voxel); a view of one row where it is the same at all times."""
        if self.courses.shape[1] == 1 and (self.courses == 1).all():
            return np.broadcast_to(self.volumes, (len(self.courses), self.volumes.shape[1]))
        change: Floats = self.courses.astype(np.float32) @ self.volumes.astype(np.float32)
        return change


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """The rows of the tested volumes of one run.

    Attributes
    ----------
    tested : ndarray of shape (sample,)
        Which volumes, in time order.
    rows : dict of str to Row
        By name.
    """

    tested: Ints
    rows: Mapping[str, Row]


def constant(volume: Floats, n_samples: int) -> Row:
    """Predict one volume, shape (voxel,), at all times."""
    return Row(np.ones((n_samples, 1), np.float32), volume[None])


def references_of(
    samples: Sequence[Samples],
    split: Split,
    designs: Mapping[str, Mapping[str, Floats]] | None = None,
) -> dict[str, References]:
    """Give the rows of the tested runs of a fold, by run.

    Parameters
    ----------
    samples : sequence of Samples
        Runs with targets.
    split : Split
        What was for training (inner validation included) and for test.
    designs : mapping of str to mapping of str to ndarray of shape (sample, column), optional
        By row and run: what a row knows of each sample in place of EEG, such as the responses to events. Its
        weights are those of a weak ridge over the training set, each run about its mean.
    """
    seen = [*chosen(samples, split.train), *chosen(samples, split.valid)]
    training = _mean_target(seen)
    tested = {
        run.run: run.take(split.test[run.run])
        for run in samples
        if len(split.test.get(run.run, ()))
    }
    own = {
        label: _mean_target([run for run in samples if run.participant == label])
        for label in {run.participant for run in tested.values()}
    }
    known = {
        name: found
        for name, columns in (designs or {}).items()
        if (found := _explained(columns, samples, seen)) is not None
    }
    return {
        name: References(
            run.volumes,
            {
                ZERO: constant(np.zeros_like(training), len(run)),
                TRAINING_MEAN: constant(training, len(run)),
                PARTICIPANT_MEAN: constant(own[run.participant], len(run)),
            }
            | {
                row: Row(demeaned((designs or {})[row][name][split.test[name]]), volumes)
                for row, volumes in known.items()
            },
        )
        for name, run in tested.items()
    }


def joined(parts: Iterable[Mapping[str, References]]) -> dict[str, References]:
    """Put the rows of a run's blocks together, each fitted without its block; in time order.

    A row that only some of the blocks have is left out.
    """
    by_run: dict[str, list[References]] = {}
    for part in parts:
        for run, found in part.items():
            by_run.setdefault(run, []).append(found)
    return {run: found[0] if len(found) == 1 else _joined(found) for run, found in by_run.items()}


def time_courses(samples: Sequence[Samples]) -> dict[str, Floats]:
    """Describe each sample by its position in the run alone.

    Parameters
    ----------
    samples : sequence of Samples
        Runs.

    Returns
    -------
    dict of str to ndarray of shape (sample, column)
        By run: cosines over the longest of the runs, with periods down to 32 s.
    """
    times_s = {run.run: run.volumes * _step_s(run) for run in samples}
    longest_s = max(float(found[-1]) for found in times_s.values() if len(found))
    numbers = np.arange(1, max(1, int(2 * longest_s / FASTEST_S)) + 1)
    return {
        run: np.cos(np.pi * numbers * found[:, None] / longest_s) for run, found in times_s.items()
    }


def _step_s(run: Samples) -> float:
    """Time from volume to volume."""
    if len(run) < 2:  # noqa: PLR2004 (no two volumes to measure it between)
        return 1.0
    return float((run.stops[-1] - run.stops[0]) / (run.volumes[-1] - run.volumes[0]) / run.rate_hz)


def _explained(
    columns: Mapping[str, Floats], samples: Sequence[Samples], seen: Sequence[Samples]
) -> Floats | None:
    """Ridge of the training set on its columns: volumes of shape (column, voxel); None without any."""
    whole = {run.run: run for run in samples}
    n_columns = next(iter(columns.values())).shape[1]
    squares: Floats = np.zeros((n_columns, n_columns))
    products: Floats = np.zeros((n_columns, targets_of(seen[0]).shape[1]), np.float32)
    for run in seen:
        rows = np.searchsorted(whole[run.run].volumes, run.volumes)
        design = demeaned(columns[run.run][rows])
        squares = squares + design.T @ design
        # The columns have no mean, so that the targets' means fall out of the product.
        products = products + design.astype(np.float32).T @ targets_of(run)
    powers = np.diag(squares)
    if not powers.any():
        return None
    # A column of which the training set holds a trace only, or nothing, gets no large weight.
    ridge = SHRINKAGE * np.maximum(powers, SHRINKAGE * powers.max())
    volumes: Floats = np.linalg.solve(squares + np.diag(ridge), products)
    return volumes.astype(np.float32)


def _joined(parts: Sequence[References]) -> References:
    tested = np.concatenate([part.tested for part in parts])
    order = np.argsort(tested)
    names = [name for name in parts[0].rows if all(name in part.rows for part in parts)]
    rows = {
        name: Row(
            block_diag(*(part.rows[name].courses for part in parts))[order],
            np.concatenate([part.rows[name].volumes for part in parts]),
        )
        for name in names
    }
    return References(tested[order], rows)


def _mean_target(runs: Sequence[Samples]) -> Floats:
    """Mean of all targets of some runs, shape (voxel,), float32; runs are summed one by one."""
    total = sum(targets_of(run).sum(axis=0, dtype=float) for run in runs)
    mean: Floats = (total / sum(len(run) for run in runs)).astype(np.float32)
    return mean
