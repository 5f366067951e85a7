"""The border of grey and white matter, and a rigid map that puts it where BOLD changes (Greve & Fischl 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from bids_app.preproc.fmri.rigid import LEVER_MM, in_mm, powell, rigid
from bids_app.preproc.fmri.splines import HALF, Splines, read
from bids_app.values import Bools, Floats, Ints
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Volume, apply_affine

SLOPE = 0.5
LEAST_SLOPE = 0.05
SMALL_ANGLE = 1e-6
# Step of the differences that stand for slopes, in voxels.
NEAR = 1e-4
ENOUGH_SLOPE = 1e-3
SMALLEST_CURVATURE = 1e-9


def border_points(anat: AnatFit, n_points: int) -> tuple[Floats, Floats]:
    """Choose points on the border of white and grey matter.

    Parameters
    ----------
    anat : AnatFit
        Tissues on the T1w grid.
    n_points : int
        At most so many.

    Returns
    -------
    points_mm : ndarray of shape (point, 3)
        T1w millimetres.
    normals : ndarray of shape (point, 3)
        Unit vectors towards grey matter.
    """
    grid = anat.t1w.grid
    white, grey = anat.tissues["WM"], anat.tissues["GM"]
    smooth = ndimage.gaussian_filter(white, 0.7 / grid.zooms_mm)
    core = smooth > HALF
    shell = core & ~ndimage.binary_erosion(core)
    voxels = np.argwhere(shell)
    # Seeded by nothing: every n-th voxel of the border.
    voxels = voxels[:: max(len(voxels) // (2 * n_points), 1)]
    slope = np.stack([_difference(smooth, voxels, axis) for axis in range(3)], axis=1)
    normals = -slope @ np.linalg.inv(grid.affine[:3, :3])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.maximum(length, 1e-9)
    # From the voxel's centre along the normal to where white matter is one half.
    to_border = np.clip((smooth[tuple(voxels.T)] - 0.5) / np.maximum(length[:, 0], 1e-9), 0, 2)
    points = grid.points_mm(voxels.astype(float)) + to_border[:, None] * normals
    outside = grid.voxels(points + 2.0 * normals).T
    is_cortex = ndimage.map_coordinates(grey, outside, order=1) > HALF
    kept = np.flatnonzero(is_cortex & (length[:, 0] > LEAST_SLOPE))
    kept = kept[:: max(int(np.ceil(len(kept) / n_points)), 1)]
    return points[kept], normals[kept]


def _difference(image: Floats, voxels: Ints, axis: int) -> Floats:
    step = np.zeros(3, dtype=int)
    step[axis] = 1
    upper = image.shape[axis] - 1
    ahead, behind = voxels + step, voxels - step
    ahead[:, axis], behind[:, axis] = (
        np.minimum(ahead[:, axis], upper),
        np.maximum(behind[:, axis], 0),
    )
    return np.asarray((image[tuple(ahead.T)] - image[tuple(behind.T)]) / 2)


def fit_border(
    reference: Volume,
    border: tuple[Floats, Floats],
    start: Floats,
    reach_mm: tuple[float, float],
) -> tuple[Floats, float]:
    """Maximise the contrast across the grey-white border.

    Parameters
    ----------
    reference : Volume
        BOLD reference.
    border : tuple of ndarray of shape (point, 3)
        Points in T1w millimetres, and unit normals towards grey matter.
    start : ndarray of shape (4, 4)
        T1w to reference millimetres.
    reach_mm : tuple of float
        How far from the border white and grey matter are read.

    Returns
    -------
    ndarray of shape (4, 4)
        T1w to reference millimetres.
    float
        By how many percent grey matter is brighter than white, median over the border.
    """
    points, normals = border
    centre = apply_affine(start, points.mean(axis=0, keepdims=True))[0]
    sides = [
        apply_affine(start, points + reach * normals) - centre
        for reach in (-reach_mm[0], reach_mm[1])
    ]
    image = _Image.of(reference, centre)
    coarse = powell(
        lambda p: _border_cost([image.linear(p, side[::4]) for side in sides])[0],
        np.zeros(6),
        5e-4,
    )[0]
    # Points that come or go while the image moves would make the cost jump.
    stay = np.logical_and.reduce([image.holds(coarse, side) for side in sides])
    if not stay.any():
        return start, 0.0
    sides = [side[stay] for side in sides]

    def cost(parameters: Floats) -> tuple[float, Floats]:
        values, by_side = zip(*(image.cubic(parameters, side) for side in sides), strict=True)
        total, weights = _border_cost(list(values))
        return total, np.einsum("sp,spk->k", weights, np.stack(by_side))

    fine = minimize(
        cost,
        coarse,
        jac=True,
        method="BFGS",
        options={"gtol": ENOUGH_SLOPE, "hess_inv0": _curvature(image, coarse, sides)},
    )
    white, grey = (image.cubic(fine.x, side)[0] for side in sides)
    percent = _percent(white, grey)
    return rigid(in_mm(fine.x), centre) @ start, float(np.median(percent))


def _curvature(image: _Image, parameters: Floats, sides: list[Floats]) -> Floats:
    """First guess of the inverse Hessian, shape (6, 6), from the points' own slopes (Gauss-Newton)."""
    values, by_side = zip(*(image.cubic(parameters, side) for side in sides), strict=True)
    weights = _border_cost(list(values))[1]
    each = np.einsum("sp,spk->pk", weights, np.stack(by_side))
    inverse = np.linalg.pinv(len(each) * each.T @ each)
    return np.asarray((inverse + inverse.T) / 2 + SMALLEST_CURVATURE * np.eye(6))


@dataclass(frozen=True, slots=True, eq=False)
class _Image:
    """The reference, read where a rigid motion about a centre puts points."""

    data: Floats
    coefficients: Floats
    to_voxels: Floats
    centre_mm: Floats

    @classmethod
    def of(cls, reference: Volume, centre_mm: Floats) -> _Image:
        data = np.asarray(reference.data, dtype=np.float32)
        coefficients = Splines.of(reference.grid.shape).coefficients(data)
        to_voxels = np.linalg.inv(reference.grid.affine)
        return cls(data, coefficients, to_voxels, centre_mm)

    def _voxels(self, parameters: Floats, away_mm: Floats) -> Floats:
        motion = self.to_voxels @ rigid(in_mm(parameters), self.centre_mm)
        return apply_affine(motion, away_mm + self.centre_mm)

    def holds(self, parameters: Floats, away_mm: Floats) -> Bools:
        """Tell which points lie within the image."""
        voxels = self._voxels(parameters, away_mm)
        upper = np.array(self.data.shape) - 1
        return np.asarray(((voxels >= 0) & (voxels <= upper)).all(axis=1))

    def linear(self, parameters: Floats, away_mm: Floats) -> Floats:
        """Values of shape (point,) by linear interpolation; 0 outside."""
        voxels = self._voxels(parameters, away_mm)
        return np.asarray(ndimage.map_coordinates(self.data, voxels.T, order=1), dtype=np.float64)

    def cubic(self, parameters: Floats, away_mm: Floats) -> tuple[Floats, Floats]:
        """Values of shape (point,), mirrored outside, and their slopes by the parameters of shape (point, 6)."""
        voxels = self._voxels(parameters, away_mm)
        values = read(self.coefficients, voxels, np.float64)
        by_voxel = np.stack(
            [
                (read(self.coefficients, voxels + step, np.float64) - values) / NEAR
                for step in NEAR * np.eye(3)
            ],
            axis=1,
        )
        by_mm = by_voxel @ self.to_voxels[:3, :3]
        # A turn vector w moves a turned point q by w x q, to first order and with the turn's own left Jacobian.
        turn = parameters[3:]
        turned = away_mm @ Rotation.from_rotvec(turn).as_matrix().T
        by_turn = np.cross(turned, by_mm) @ _left_jacobian(turn)
        return values, np.c_[by_mm * LEVER_MM, by_turn]


def _left_jacobian(turn: Floats) -> Floats:
    angle = float(np.linalg.norm(turn))
    x, y, z = turn
    spin = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    if angle < SMALL_ANGLE:
        return np.asarray(np.eye(3) + spin / 2)
    first = (1 - np.cos(angle)) / angle**2
    second = (angle - np.sin(angle)) / angle**3
    return np.asarray(np.eye(3) + first * spin + second * spin @ spin)


def _percent(white: Floats, grey: Floats) -> Floats:
    seen = (white > 0) & (grey > 0)
    return np.asarray(np.where(seen, 200 * (grey - white) / np.where(seen, white + grey, 1), 0.0))


def _border_cost(sides: list[Floats]) -> tuple[float, Floats]:
    """Cost, and its derivatives of shape (2, point) by the values in white and in grey matter."""
    white, grey = sides
    seen = (white > 0) & (grey > 0)
    level = np.tanh(SLOPE * _percent(white, grey) / 10)
    outer = np.where(seen, -(1 - level**2) * SLOPE / 10 / len(level), 0.0)
    total = np.where(seen, white + grey, 1) ** 2
    return float(1 - level.mean()), np.stack([
        -outer * 400 * grey / total,
        outer * 400 * white / total,
    ])
