"""Head motion: rigid, by Gauss-Newton on intensities.

Inverse compositional (Baker & Matthews 2004): gradient and Hessian come from the reference, once. Each volume starts
from what its neighbour found.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.rigid import rigid, rigid_inverse
from bids_app.preproc.fmri.smooth import FWHM_TO_SD
from bids_app.values import Bools, Floats, Ints
from bids_app.values.space import Volume, apply_affine

SMOOTHING_MM = 4.0
ENOUGH_MM = 2e-3
LEAST_GAIN = 0.1
LEVER_MM = 60.0


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """Settings of the head-motion estimate.

    Attributes
    ----------
    iterations : int
        At most, for each volume.
    thinning : int
        Use every n-th voxel along the first two axes.
    n_threads : int
        Volumes estimated at the same time.
    """

    iterations: int = 20
    thinning: int = 2
    n_threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    points_mm: Floats  # (point, 3)
    values: Floats  # (point,)
    columns: Floats  # (point, 8): six motion parameters, gain, offset
    solver: Floats  # (8, point)
    centre_mm: Floats
    to_voxels: Floats
    sigma: Floats


def fit_motion(
    volumes: Floats, reference: Volume, inside: Bools, settings: MotionSettings
) -> Floats:
    """Estimate the head's position in each volume.

    Parameters
    ----------
    volumes : ndarray of shape (x, y, z, time)
        Raw volumes on the reference's grid.
    reference : Volume
        What they are brought to.
    inside : ndarray of shape (x, y, z)
        Brain in the reference.
    settings : MotionSettings
        Cost.

    Returns
    -------
    ndarray of shape (time, 4, 4)
        Reference millimetres to the millimetres of each volume.
    """
    model = _model(reference, inside, settings.thinning)
    n_volumes = volumes.shape[3]
    # Always the same chunks, so that the number of threads does not change the result.
    starts = range(0, n_volumes, 25)

    def chunk(start: int) -> list[Floats]:
        found: list[Floats] = []
        current: Floats = np.eye(4)
        for index in range(start, min(start + 25, n_volumes)):
            current = _fit_one(volumes[..., index], model, current, settings.iterations)
            found.append(current)
        return found

    with ThreadPoolExecutor(settings.n_threads) as pool:
        return np.array([motion for part in pool.map(chunk, starts) for motion in part])


def _model(reference: Volume, inside: Bools, thinning: int) -> _Model:
    grid = reference.grid
    sigma = SMOOTHING_MM * FWHM_TO_SD / grid.zooms_mm
    smooth = ndimage.gaussian_filter(reference.data.astype(np.float32), sigma)
    thin = np.zeros(grid.shape, dtype=bool)
    thin[::thinning, ::thinning] = True
    # Voxels at the border leave the field of view when the head moves.
    edge = tuple(slice(1, -1) if length > 6 else slice(None) for length in grid.shape)  # noqa: PLR2004 (too few slices to lose two)
    inner = np.zeros(grid.shape, dtype=bool)
    inner[edge] = True
    voxels = np.argwhere(ndimage.binary_dilation(inside, iterations=1) & thin & inner)
    coefficients = ndimage.spline_filter(smooth, order=3, output=np.float32)
    points = grid.points_mm(voxels.astype(float))
    centre = points.mean(axis=0)
    slope_mm = _slope(coefficients, voxels) @ np.linalg.inv(grid.affine[:3, :3])
    away = points - centre
    values = smooth[tuple(voxels.T)].astype(np.float64)
    columns = np.c_[slope_mm, np.cross(away, slope_mm), values, np.ones(len(values))]
    return _Model(
        points, values, columns, np.linalg.pinv(columns), centre, np.linalg.inv(grid.affine), sigma
    )


def _slope(coefficients: Floats, voxels: Ints) -> Floats:
    # Derivative per voxel, shape (point, 3), of the cubic spline that the volumes are read with.
    parts = []
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 0.25
        ahead, behind = (
            ndimage.map_coordinates(
                coefficients, (voxels + sign * step).T, order=3, prefilter=False, mode="mirror"
            )
            for sign in (1, -1)
        )
        parts.append((ahead - behind) / 0.5)
    return np.stack(parts, axis=1).astype(np.float64)


def _fit_one(volume: Floats, model: _Model, start: Floats, iterations: int) -> Floats:
    smooth = ndimage.gaussian_filter(volume.astype(np.float32), model.sigma)
    coefficients = ndimage.spline_filter(smooth, order=3, output=np.float32)
    upper = np.array(volume.shape) - 1
    current = start
    for _ in range(iterations):
        voxels = apply_affine(model.to_voxels @ current, model.points_mm)
        found = ndimage.map_coordinates(
            coefficients, voxels.T, order=3, prefilter=False, mode="mirror"
        )
        seen = np.asarray(((voxels >= 0) & (voxels <= upper)).all(axis=1))
        step = _step(model, found.astype(np.float64), seen)
        current = current @ rigid_inverse(rigid(step, model.centre_mm))
        if np.abs(step[:3]).max() + LEVER_MM * np.abs(step[3:]).max() < ENOUGH_MM:
            break
    return current if _is_sane(current, model.centre_mm) else start


def _step(model: _Model, found: Floats, seen: Bools) -> Floats:
    if not found[seen].any():
        return np.zeros(6)
    if seen.all():
        gain = model.solver[6] @ found
        # Residual in the reference's own units: the gain belongs to the volume.
        return np.asarray((model.solver[:6] @ found) / (gain if gain > LEAST_GAIN else 1.0))
    columns = model.columns[seen]
    solution = np.linalg.solve(columns.T @ columns, columns.T @ found[seen])
    return np.asarray(solution[:6] / (solution[6] if solution[6] > LEAST_GAIN else 1.0))


def _is_sane(motion: Floats, centre_mm: Floats) -> bool:
    moved = motion[:3, :3] @ centre_mm + motion[:3, 3] - centre_mm
    return bool(np.isfinite(motion).all() and np.linalg.norm(moved) < LEVER_MM)
