"""The runs of one set of a split, and their targets."""

from __future__ import annotations

from collections.abc import Sequence

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
