"""Where a point of one space lies in another, and what an image shows there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, Volume, apply_affine

INVERSE_STEPS = 12
CHUNK_POINTS = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """How one person's brain differs from the template.

    Attributes
    ----------
    warp : Warp
        Displacement of template points, before the affine.
    inverse_warp : Warp
        Displacement that takes warped points back.
    template_to_t1w : ndarray of shape (4, 4)
        Affine from warped template millimetres to T1w millimetres.
    """

    warp: Warp
    inverse_warp: Warp
    template_to_t1w: Floats

    def to_t1w(self, points_mm: Floats) -> Floats:
        """T1w millimetres, shape (point, 3), of template points of shape (point, 3)."""
        return apply_affine(self.template_to_t1w, points_mm + displacement(self.warp, points_mm))

    def to_template(self, points_mm: Floats) -> Floats:
        """Template millimetres, shape (point, 3), of T1w points of shape (point, 3)."""
        warped = apply_affine(np.linalg.inv(self.template_to_t1w), points_mm)
        back: Floats = warped + displacement(self.inverse_warp, warped)
        return back


def displacement(warp: Warp, points_mm: Floats) -> Floats:
    """Displacement in millimetres, shape (point, 3), at points of shape (point, 3)."""
    voxels = warp.grid.voxels(points_mm).T
    parts = [
        ndimage.map_coordinates(warp.displacement_mm[..., axis], voxels, order=1, mode="nearest")
        for axis in range(3)
    ]
    return np.stack(parts, axis=-1)


def invert(warp: Warp) -> Warp:
    """Displacement that undoes another, on the same grid."""
    index = np.indices(warp.grid.shape).reshape(3, -1).T
    points = warp.grid.points_mm(index.astype(float))
    back = np.zeros_like(points)
    for _ in range(INVERSE_STEPS):
        back = -displacement(warp, points + back)
    return Warp(warp.grid, back.reshape(*warp.grid.shape, 3))


def sample(image: Volume, points_mm: Floats) -> Floats:
    """Values of an image, shape (point,), at points of shape (point, 3), linear between voxels, 0 outside."""
    found: Floats = ndimage.map_coordinates(
        image.data, image.grid.voxels(points_mm).T, order=1, output=np.float32, mode="constant"
    )
    return found


def render(images: list[Volume], anatomy: Anatomy, grid: Grid, grid_to_t1w: Floats) -> Floats:
    """Show template images as they lie in a person.

    Parameters
    ----------
    images : list of Volume
        In template space.
    anatomy : Anatomy
        The person.
    grid : Grid
        What is sampled on.
    grid_to_t1w : ndarray of shape (4, 4)
        Millimetres of that grid to T1w millimetres.

    Returns
    -------
    ndarray of shape (x, y, z, image)
        Values on the grid.
    """
    n_points = int(np.prod(grid.shape))
    shown = np.empty((n_points, len(images)), dtype=np.float32)
    for start in range(0, n_points, CHUNK_POINTS):
        flat = np.arange(start, min(start + CHUNK_POINTS, n_points))
        voxels = np.stack(np.unravel_index(flat, grid.shape), axis=-1)
        points = apply_affine(grid_to_t1w, grid.points_mm(voxels))
        points = anatomy.to_template(points)
        for column, image in enumerate(images):
            shown[flat, column] = sample(image, points)
    return shown.reshape(*grid.shape, len(images))


def rigid(rotation_rad: Floats, shift_mm: Floats) -> Floats:
    """Rigid motion of shape (4, 4): rotate about x, then y, then z, then shift.

    Parameters
    ----------
    rotation_rad : ndarray of shape (3,)
        Angles.
    shift_mm : ndarray of shape (3,)
        Shift.
    """
    moved = np.eye(4)
    for axis, angle in enumerate(rotation_rad):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(4)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[second, first], turn[first, second] = np.sin(angle), -np.sin(angle)
        moved = turn @ moved
    moved[:3, 3] = shift_mm
    return moved


def about(centre_mm: Floats, motion: Floats) -> Floats:
    """Let a rigid motion of shape (4, 4) turn about a centre of shape (3,) instead of the origin."""
    there, back = np.eye(4), np.eye(4)
    there[:3, 3], back[:3, 3] = -centre_mm, centre_mm
    turned: Floats = back @ motion @ there
    return turned
