"""Samples of many runs, in batches that are gathered when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Floats, Ints
from bids_app.values.samples import Samples


def chosen(samples: Sequence[Samples], positions: dict[str, Ints]) -> list[Samples]:
    """Take one set of a split, such as ``split.train``; runs with no sample in it are left out.

    Parameters
    ----------
    samples : sequence of Samples
        All runs.
    positions : dict of str to ndarray of shape (sample,)
        Positions among a run's samples, by run name.

    Raises
    ------
    DataError
        When the split names a run that is not there.
    """
    missing = sorted(positions.keys() - {run.run for run in samples})
    if missing:
        raise DataError(f"the split names runs that are not there: {', '.join(missing)}")
    return [run.take(positions[run.run]) for run in samples if len(positions.get(run.run, ()))]


def batches(
    runs: Sequence[Samples], size: int, rng: np.random.Generator | None = None
) -> Iterator[tuple[Floats, Floats]]:
    """Go once through the samples of runs that have targets.

    Parameters
    ----------
    runs : sequence of Samples
        Runs with targets.
    size : int
        Samples in a batch; the last may be smaller.
    rng : numpy.random.Generator, optional
        Shuffles over all runs; without it, samples come in order.

    Yields
    ------
    eeg : ndarray of shape (batch, channel, time)
        Scaled windows.
    targets : ndarray of shape (batch, voxel)
        Fractional signal change.
    """
    lengths = [len(run) for run in runs]
    which = np.repeat(np.arange(len(runs)), lengths)
    where = np.concatenate([np.arange(length) for length in lengths])
    order = np.arange(len(which)) if rng is None else rng.permutation(len(which))
    for start in range(0, len(order), size):
        batch = np.sort(order[start : start + size])
        yield _gathered(runs, which[batch], where[batch])


def _gathered(runs: Sequence[Samples], which: Ints, where: Ints) -> tuple[Floats, Floats]:
    windows, targets = [], []
    for index in np.unique(which):
        positions = where[which == index]
        windows.append(runs[index].windows(positions))
        targets.append(targets_of(runs[index])[positions])
    return np.concatenate(windows), np.concatenate(targets)


def targets_of(run: Samples) -> Floats:
    """Targets of shape (sample, voxel) of a run that must have them.

    Raises
    ------
    DataError
        When it has none.
    """
    if run.targets is None:
        raise DataError(f"{run.run}: no BOLD to learn from or to compare with")
    return run.targets
