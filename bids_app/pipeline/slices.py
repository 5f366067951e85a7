"""Slice times that the user tells, for runs whose sidecar does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.errors import DataError
from bids_app.files import nifti
from bids_app.files.numbers import read_numbers
from bids_app.layout.slice_order import UNCORRECTED, listed_times, named_times
from bids_app.values.pairing import Run


def told_metadata(run: Run, config: RunConfig) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Sidecar of a run, with the slice times that ``--slice-order`` gives where it has none.

    Parameters
    ----------
    run : Run
        Which run.
    config : RunConfig
        The call.

    Returns
    -------
    metadata : dict
        As the run is to be read with.
    notes : tuple of str
        What the report must say of it.

    Raises
    ------
    DataError
        When the image has another number of slices than the file.
    """
    order = config.slice_order
    if not order or order == UNCORRECTED or "SliceTiming" in run.metadata:
        return run.metadata, ()
    path = run.bold.path
    axis = nifti.slice_axis(run.metadata)
    shape = nifti.series_shape(path)
    n_slices = shape[axis] if len(shape) > axis else 1
    tr_s = nifti.repetition_time_s(path, run.metadata)
    times = named_times(order, n_slices, tr_s)
    if times is None:
        numbers = read_numbers(Path(order))
        times = listed_times(numbers, n_slices, tr_s)
        if times is None:
            raise DataError(
                f"{order}: holds {len(numbers)} slices; {path} has {n_slices}",
                hint="one number a slice: its time in seconds, or the slices' numbers in the order of acquisition",
            )
    note = f"slice times are not in the dataset; they were taken from --slice-order {order}"
    return run.metadata | {"SliceTiming": times}, (note,)
