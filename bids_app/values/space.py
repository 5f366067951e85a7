"""Voxel grids and masks: voxel order is defined here and nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from bids_app.values import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A voxel grid in scanner or template space.

    Attributes
    ----------
    shape : tuple of int
        Number of voxels along x, y, z.
    affine : ndarray of shape (4, 4)
        Voxel index to RAS millimetres.
    """

    shape: tuple[int, int, int]
    affine: Floats

    def __post_init__(self) -> None:
        """Refuse an affine that cannot place voxels."""
        if self.affine.shape != (4, 4) or not np.isfinite(self.affine).all():
            raise ValueError(f"affine must be 4 x 4 and finite; found {self.affine.tolist()}")
        if abs(np.linalg.det(self.affine[:3, :3])) < 1e-9:  # noqa: PLR2004 (mm³: no voxel is that small)
            raise ValueError(f"affine has no volume: {self.affine.tolist()}")

    @property
    def zooms_mm(self) -> Floats:
        """Voxel edge lengths, shape (3,), in millimetres."""
        lengths: Floats = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return lengths

    def matches(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether the two grids put each voxel at the same place."""
        return self.shape == other.shape and np.allclose(
            self.affine, other.affine, atol=tolerance_mm
        )

    def points_mm(self, voxels: Floats) -> Floats:
        """RAS millimetres, shape (point, 3), of voxel indices of shape (point, 3)."""
        return apply_affine(self.affine, voxels)

    def voxels(self, points_mm: Floats) -> Floats:
        """Voxel indices, shape (point, 3), of RAS millimetres of shape (point, 3)."""
        return apply_affine(np.linalg.inv(self.affine), points_mm)


def apply_affine(affine: Floats, points: Floats) -> Floats:
    """Move points of shape (point, 3) by an affine of shape (4, 4)."""
    moved: Floats = points @ affine[:3, :3].T + affine[:3, 3]
    return moved


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One three-dimensional image.

    Attributes
    ----------
    data : ndarray of shape (x, y, z)
        Intensities.
    grid : Grid
        Where the voxels are.
    """

    data: Floats
    grid: Grid

    def __post_init__(self) -> None:
        """Refuse data that are not on the grid."""
        if self.data.shape != self.grid.shape:
            raise ValueError(f"data are {self.data.shape}; the grid is {self.grid.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The voxels that are kept, and their order.

    Attributes
    ----------
    grid : Grid
        Where the voxels are.
    inside : ndarray of shape (x, y, z)
        True for a voxel that is kept. Voxels are numbered in C order.
    """

    grid: Grid
    inside: Bools

    def __post_init__(self) -> None:
        """Refuse a mask that is not boolean or not on its grid."""
        if self.inside.shape != self.grid.shape or self.inside.dtype != bool:
            raise ValueError(
                f"mask is {self.inside.dtype} {self.inside.shape}; expected bool {self.grid.shape}"
            )

    @property
    def n_voxels(self) -> int:
        """Number of voxels that are kept."""
        return int(self.inside.sum())

    @property
    def sha256(self) -> str:
        """Hash of grid and voxels: two masks with the same hash keep the same voxels in the same order."""
        digest = hashlib.sha256(
            repr((self.grid.shape, self.grid.affine.round(4).tolist())).encode()
        )
        digest.update(np.packbits(self.inside).tobytes())
        return digest.hexdigest()

    def flatten(self, volumes: Floats) -> Floats:
        """Take the kept voxels.

        Parameters
        ----------
        volumes : ndarray of shape (x, y, z, time)
            Volumes on this mask's grid.

        Returns
        -------
        ndarray of shape (time, voxel)
            One row per volume.
        """
        return volumes[self.inside].T

    def unflatten(self, rows: Floats, fill: float = 0.0) -> Floats:
        """Put rows back into volumes; the inverse of :meth:`flatten`.

        Parameters
        ----------
        rows : ndarray of shape (time, voxel)
            One row per volume.
        fill : float, default=0.0
            Value outside the mask.

        Returns
        -------
        ndarray of shape (x, y, z, time)
            Volumes on this mask's grid, in memory as NIfTI files have them: x is the fastest axis, time the slowest.
        """
        volumes = np.full((len(rows), self.inside.size), fill, dtype=rows.dtype)
        volumes[:, np.ravel_multi_index(np.nonzero(self.inside), self.grid.shape, order="F")] = (
            rows
        )
        return volumes.T.reshape((*self.grid.shape, len(rows)), order="F")

    def points_mm(self) -> Floats:
        """RAS millimetres of the kept voxels, shape (voxel, 3)."""
        return self.grid.points_mm(np.argwhere(self.inside).astype(float))
