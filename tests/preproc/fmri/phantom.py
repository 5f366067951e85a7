"""A small head whose truth is known: the template brain, coarse, in a shell, tilted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bids_app.values import Bools, Floats
from bids_app.values.space import Grid, apply_affine


def turned(degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Floats:
    """Build a rigid map of shape (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Tissues of a head in template space, and how they are pulled on to other grids."""

    tissues: Floats  # (tissue, x, y, z): grey, white, CSF, skull, scalp
    grid: Grid

    def on(self, grid: Grid, to_template: Floats) -> Floats:
        """Tissues of shape (tissue, x, y, z) on a grid whose millimetres an affine maps to the template's."""
        points = grid.points_mm(np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
        voxels = self.grid.voxels(apply_affine(to_template, points)).T
        return np.stack([
            ndimage.map_coordinates(part, voxels, order=1).reshape(grid.shape)
            for part in self.tissues
        ])


MOTION_SEED = 5
PLACE = turned((-2, 3, 1.5), (2, -4, 3))


def motions(n_volumes: int) -> Floats:
    """Slow planted motion of shape (time, 4, 4), none in the first volume."""
    walk = np.random.default_rng(MOTION_SEED).standard_normal((n_volumes, 6)).cumsum(axis=0)
    walk = 1.2 * (walk - walk[0]) / np.abs(walk).max()
    return np.stack([turned(tuple(row[3:]), tuple(row[:3])) for row in walk])


def dice(first: Bools, second: Bools) -> float:
    """Overlap of two masks of any shape."""
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))
