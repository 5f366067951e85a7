"""A BOLD series in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats
from bids_app.values.space import Grid


@dataclass(frozen=True, slots=True, eq=False)
class BoldSeries:
    """A BOLD series.

    Attributes
    ----------
    volumes : ndarray of shape (x, y, z, time)
        Intensities, float32.
    grid : Grid
        Where the voxels are.
    tr_s : float
        Repetition time.
    slice_times_s : ndarray of shape (slice,) or None
        When each slice was acquired, from the start of the volume; None when unknown.
    slice_axis : int
        Which voxel axis the slices are stacked along.
    start_time_s : float
        What time each volume stands for, from the start of its acquisition (BIDS ``StartTime``).
    """

    volumes: Floats
    grid: Grid
    tr_s: float
    slice_times_s: Floats | None = None
    slice_axis: int = 2
    start_time_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse volumes that are not on the grid and slice times that do not fit."""
        if self.volumes.ndim != 4 or self.volumes.shape[:3] != self.grid.shape:  # noqa: PLR2004 (x, y, z, time)
            raise ValueError(f"volumes are {self.volumes.shape}; the grid is {self.grid.shape}")
        if self.slice_times_s is not None:
            n_slices = self.grid.shape[self.slice_axis]
            if self.slice_times_s.shape != (n_slices,):
                raise ValueError(
                    f"{self.slice_times_s.shape[0]} slice times for {n_slices} slices"
                )
            if not (self.slice_times_s.min() >= 0 and self.slice_times_s.max() <= self.tr_s):
                raise ValueError(
                    f"slice times span {self.slice_times_s.min():g} to {self.slice_times_s.max():g} s; "
                    f"expected within 0 to the repetition time, {self.tr_s:g} s"
                )

    @property
    def n_volumes(self) -> int:
        """Number of volumes."""
        return int(self.volumes.shape[3])

    @property
    def times_s(self) -> Floats:
        """What time each volume stands for, shape (time,), from the start of the first volume."""
        times: Floats = np.arange(self.n_volumes) * self.tr_s + self.start_time_s
        return times
