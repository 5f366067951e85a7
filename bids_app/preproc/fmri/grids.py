"""Output grids in template space, and voxel axes turned towards RAS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bids_app.values import Bools
from bids_app.values.space import Grid, Volume

Kind = TypeVar("Kind", bound=np.generic)

# SPM's default bounding box, as voxel centres at 3 mm.
BOX_START_MM = (-78.0, -112.0, -70.0)
BOX_STOP_MM = (78.0, 74.0, 83.0)


def grid_for(resolution_mm: float) -> Grid:
    """Make an isotropic grid over the default box.

    Parameters
    ----------
    resolution_mm : float
        Voxel edge.

    Returns
    -------
    Grid
        Its first voxel is centred on (-78, -112, -70) mm.

    Examples
    --------
    >>> grid_for(3).shape
    (53, 63, 52)
    """
    extent = np.subtract(BOX_STOP_MM, BOX_START_MM)
    n_x, n_y, n_z = (int(length // resolution_mm) + 1 for length in extent)
    affine = np.diag([resolution_mm, resolution_mm, resolution_mm, 1.0])
    affine[:3, 3] = BOX_START_MM
    return Grid((n_x, n_y, n_z), affine)


def default_grid() -> Grid:
    """Make the grid that outputs have unless asked otherwise: 3 mm, (53, 63, 52)."""
    return grid_for(3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """How the voxel axes of a grid are permuted and flipped to run right, anterior, superior.

    Attributes
    ----------
    axes : tuple of int
        Voxel axis that becomes x, y, z.
    flips : tuple of bool
        Whether x, y, z run backwards in that voxel axis.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, data: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
        """Turn data of shape (x, y, z); a view of shape (x, y, z)."""
        turned = data.transpose(self.axes)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def undo(self, turned: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
        """Turn data of shape (x, y, z) back; a view of shape (x, y, z)."""
        data = turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return data.transpose(tuple(int(axis) for axis in np.argsort(self.axes)))

    def grid(self, grid: Grid) -> Grid:
        """Find the grid of the turned data."""
        shape = tuple(grid.shape[axis] for axis in self.axes)
        turn = np.zeros((4, 4))
        turn[3, 3] = 1
        for new, (old, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            turn[old, new] = -1 if flip else 1
            turn[old, 3] = shape[new] - 1 if flip else 0
        return Grid((shape[0], shape[1], shape[2]), grid.affine @ turn)


def turn_to_ras(grid: Grid) -> Turn:
    """Find the turn that brings voxel axes closest to right, anterior, superior."""
    directions = grid.affine[:3, :3] / grid.zooms_mm
    world, voxel = linear_sum_assignment(-np.abs(directions))
    axes = tuple(int(axis) for axis in voxel[np.argsort(world)])
    flips = tuple(bool(directions[row, axis] < 0) for row, axis in enumerate(axes))
    return Turn((axes[0], axes[1], axes[2]), (flips[0], flips[1], flips[2]))


def to_ras(volume: Volume) -> Volume:
    """Turn a volume's axes towards RAS without resampling."""
    turn = turn_to_ras(volume.grid)
    return Volume(np.ascontiguousarray(turn.apply(volume.data)), turn.grid(volume.grid))


def box_around(inside: Bools, margin: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Find the box around the voxels that are not zero.

    Parameters
    ----------
    inside : ndarray of shape (x, y, z)
        At least one voxel is not zero.
    margin : tuple of int
        Voxels to add on both sides along x, y, z.
    """
    slices = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(inside.any(axis=others))
        low = max(int(found[0]) - margin[axis], 0)
        slices.append(slice(low, min(int(found[-1]) + margin[axis] + 1, inside.shape[axis])))
    return slices[0], slices[1], slices[2]


def crop(volume: Volume, box: tuple[slice, slice, slice]) -> Volume:
    """Cut a box out of a volume; its voxels keep their places in millimetres."""
    affine = volume.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    data = volume.data[box]
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine))
