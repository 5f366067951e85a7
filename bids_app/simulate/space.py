"""Where a point of one space lies in another, and what an image shows there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, Volume, apply_affine

INVERSE_STEPS = 5
SLAB_POINTS = 1_000_000


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
    return _displacement(warp, warp.grid.voxels(points_mm).T).T


def _displacement(warp: Warp, places: Floats) -> Floats:
    """Displacement of shape (3, …) at voxel places of shape (3, …) of the warp's grid."""
    return np.stack([
        _linear(warp.displacement_mm[..., axis], places, "nearest") for axis in range(3)
    ])


def _linear(image: Floats, places: Floats, outside: str = "constant") -> Floats:
    values: Floats = ndimage.map_coordinates(
        image, places, order=1, mode=outside, output=np.float32
    )
    return values


def invert(warp: Warp) -> Warp:
    """Displacement that undoes another, on the same grid."""
    start = np.indices(warp.grid.shape, dtype=np.float32)
    step_mm = warp.grid.zooms_mm.astype(np.float32)[:, None, None, None]
    back = np.zeros_like(start)
    for _ in range(INVERSE_STEPS):
        back = -_displacement(warp, start + back / step_mm)
    return Warp(warp.grid, np.moveaxis(back, 0, -1))


def sample(image: Volume, points_mm: Floats) -> Floats:
    """Values of an image, shape (point,), at points of shape (point, 3), linear between voxels, 0 outside."""
    return _linear(image.data, image.grid.voxels(points_mm).T)


def render(images: Sequence[Volume], anatomy: Anatomy, grid: Grid, grid_to_t1w: Floats) -> Floats:
    """Show template images as they lie in a person.

    Parameters
    ----------
    images : sequence of Volume
        In template space, on grids whose axes are those of the template.
    anatomy : Anatomy
        The person.
    grid : Grid
        What is sampled on.
    grid_to_t1w : ndarray of shape (4, 4)
        Millimetres of that grid to T1w millimetres.

    Returns
    -------
    ndarray of shape (image, x, y, z)
        Values on the grid.
    """
    shown = np.empty((len(images), *grid.shape), dtype=np.float32)
    to_warped = np.linalg.inv(anatomy.template_to_t1w) @ grid_to_t1w @ grid.affine
    slab = max(1, SLAB_POINTS // (grid.shape[1] * grid.shape[2]))
    for start in range(0, grid.shape[0], slab):
        part = slice(start, min(start + slab, grid.shape[0]))
        points = _mapped(to_warped, part, grid.shape)
        points += _displacement(anatomy.inverse_warp, _places(anatomy.inverse_warp.grid, points))
        for number, image in enumerate(images):
            shown[number, part] = _linear(image.data, _places(image.grid, points))
    return shown


def _mapped(affine: Floats, part: slice, shape: tuple[int, int, int]) -> Floats:
    """Where the voxels of some x-slices go, shape (3, x, y, z); sums of columns, as most of them repeat."""
    ranges = (np.arange(part.start, part.stop), np.arange(shape[1]), np.arange(shape[2]))
    first, second, third = np.meshgrid(*ranges, indexing="ij", sparse=True)
    rows = [row[0] * first + (row[1] * second + (row[2] * third + row[3])) for row in affine[:3]]
    return np.stack(rows).astype(np.float32)


def _places(grid: Grid, points: Floats) -> Floats:
    """Voxel places of shape (3, …) of points of shape (3, …), on a grid without rotation."""
    shape = (3,) + (1,) * (points.ndim - 1)
    origin = grid.affine[:3, 3].astype(np.float32).reshape(shape)
    steps = grid.zooms_mm.astype(np.float32).reshape(shape)
    placed: Floats = (points - origin) / steps
    return placed


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
