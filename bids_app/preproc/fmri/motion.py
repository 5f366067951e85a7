"""Head motion: rigid, by Gauss-Newton on intensities.

Inverse compositional (Baker & Matthews 2004): gradient and Hessian come from the reference, once. Each volume starts
from what its neighbour found. The brightness of a volume is fitted with its motion: a gain that changes linearly over
the head (coils stay where they are when it moves), and one for each tissue (CSF pulsates, white matter drifts), since
what is left out passes for motion.
"""

from __future__ import annotations

from collections.abc import Sequence
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
N_RIGID = 6
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
    values: Floats  # (point,)
    columns: Floats  # (point, column): six motion parameters, then brightness
    solver: Floats  # (6, point)
    centre_mm: Floats
    to_voxels: Floats
    splines: Splines


def fit_motion(
    volumes: Floats,
    reference: Volume,
    inside: Bools,
    settings: MotionSettings,
    tissues: Sequence[Floats] = (),
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
    tissues : sequence of ndarray of shape (x, y, z), default=()
        Probabilities in the reference of tissues whose signal may change by itself.

    Returns
    -------
    ndarray of shape (time, 4, 4)
        Reference millimetres to the millimetres of each volume.
    """
    model = _model(reference, inside, settings.points, tissues)
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


def _model(reference: Volume, inside: Bools, n_points: int, tissues: Sequence[Floats]) -> _Model:
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
    arms = points - centre
    parts = [splines.coefficients(reference.data * tissue) for tissue in tissues]
    columns = np.column_stack([
        slope_mm,
        np.cross(arms, slope_mm),
        np.ones(len(values)),
        values,
        values[:, None] * arms / LEVER_MM,
        *(read(part, voxels) for part in parts),
    ])
    solver = np.linalg.pinv(columns)[:N_RIGID]
    return _Model(points, values, columns, solver, centre, np.linalg.inv(grid.affine), splines)


def _thinned(model: _Model) -> _Model:
    columns = model.columns[::FEW]
    return replace(
        model,
        points_mm=model.points_mm[::FEW],
        values=model.values[::FEW],
        columns=columns,
        solver=np.linalg.pinv(columns)[:N_RIGID],
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
    values, found = model.values[seen], found[seen]
    if not found.any():
        return np.zeros(N_RIGID)
    # In the reference's own units: the gain belongs to the volume.
    found = found / max(float(values @ found) / float(values @ values), LEAST_GAIN)
    if seen.all():
        return np.asarray(model.solver @ found)
    return np.asarray(np.linalg.lstsq(model.columns[seen], found, rcond=None)[0][:N_RIGID])


def _is_sane(motion: Floats, centre_mm: Floats) -> bool:
    moved = motion[:3, :3] @ centre_mm + motion[:3, 3] - centre_mm
    return bool(np.isfinite(motion).all() and np.linalg.norm(moved) < FARTHEST_MM)
