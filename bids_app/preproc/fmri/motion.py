"""Head motion: rigid, by Gauss-Newton on intensities.

Inverse compositional (Baker & Matthews 2004): gradient and Hessian come from the reference, once. Each volume starts
from what its neighbour found.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.rigid import LEVER_MM, rigid, rigid_inverse
from bids_app.preproc.fmri.smooth import FWHM_TO_SD
from bids_app.preproc.fmri.splines import Splines, read, slopes
from bids_app.values import Bools, Floats
from bids_app.values.space import Volume, apply_affine

SMOOTHING_MM = 6.0
# Few points first, then all: the last step of each is shorter than this.
ENOUGH_MM = (0.1, 5e-3)
FEW = 5
LEAST_GAIN = 0.1
FARTHEST_MM = 60.0


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """Settings of the head-motion estimate.

    Attributes
    ----------
    iterations : int
        At most, for each volume.
    points : int
        Voxels of the brain that are compared, about.
    n_threads : int
        Volumes estimated at the same time.
    """

    iterations: int = 20
    points: int = 6000
    n_threads: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    points_mm: Floats  # (point, 3)
    columns: Floats  # (point, 8): six motion parameters, gain, offset
    solver: Floats  # (8, point)
    centre_mm: Floats
    to_voxels: Floats
    splines: Splines


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
    model = _model(reference, inside, settings.points)
    models = (_thinned(model), model)
    n_volumes = volumes.shape[3]
    # Always the same chunks, so that the number of threads does not change the result.
    starts = range(0, n_volumes, 25)

    def chunk(start: int) -> list[Floats]:
        found: list[Floats] = []
        current: Floats = np.eye(4)
        for index in range(start, min(start + 25, n_volumes)):
            current = _fit_one(volumes[..., index], models, current, settings.iterations)
            found.append(current)
        return found

    with threads(1), ThreadPoolExecutor(settings.n_threads) as pool:
        return np.array([motion for part in pool.map(chunk, starts) for motion in part])


def _model(reference: Volume, inside: Bools, n_points: int) -> _Model:
    grid = reference.grid
    thinning = max(round(np.sqrt(inside.sum() / n_points)), 1)
    splines = Splines.of(grid.shape, SMOOTHING_MM * FWHM_TO_SD / grid.zooms_mm)
    thin = np.zeros(grid.shape, dtype=bool)
    thin[::thinning, ::thinning] = True
    # Voxels at the border leave the field of view when the head moves.
    edge = tuple(slice(1, -1) if length > 6 else slice(None) for length in grid.shape)  # noqa: PLR2004 (too few slices to lose two)
    inner = np.zeros(grid.shape, dtype=bool)
    inner[edge] = True
    chosen = ndimage.binary_dilation(inside, iterations=1) & thin & inner
    voxels = np.argwhere(chosen).astype(np.float64)
    coefficients = splines.coefficients(reference.data)
    points = grid.points_mm(voxels)
    centre = points.mean(axis=0)
    values = read(coefficients, voxels)
    slope_mm = slopes(coefficients, voxels) @ np.linalg.inv(grid.affine[:3, :3])
    columns = np.c_[slope_mm, np.cross(points - centre, slope_mm), values, np.ones(len(values))]
    to_voxels = np.linalg.inv(grid.affine)
    return _Model(points, columns, np.linalg.pinv(columns), centre, to_voxels, splines)


def _thinned(model: _Model) -> _Model:
    columns = model.columns[::FEW]
    return replace(
        model,
        points_mm=model.points_mm[::FEW],
        columns=columns,
        solver=np.linalg.pinv(columns),
    )


def _fit_one(volume: Floats, models: tuple[_Model, ...], start: Floats, iterations: int) -> Floats:
    windows = models[0].splines.windows(volume)
    upper = np.array(volume.shape) - 1
    current = start
    for model, enough_mm in zip(models, ENOUGH_MM, strict=True):
        for _ in range(iterations):
            voxels = apply_affine(model.to_voxels @ current, model.points_mm)
            found = windows.read(voxels)
            seen = np.asarray(((voxels >= 0) & (voxels <= upper)).all(axis=1))
            step = _step(model, found.astype(np.float64), seen)
            current = current @ rigid_inverse(rigid(step, model.centre_mm))
            if np.abs(step[:3]).max() + LEVER_MM * np.abs(step[3:]).max() < enough_mm:
                break
    return current if _is_sane(current, models[0].centre_mm) else start


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
    return bool(np.isfinite(motion).all() and np.linalg.norm(moved) < FARTHEST_MM)
