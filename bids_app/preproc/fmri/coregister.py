"""BOLD to T1w: rigid, mutual information first, then the grey-white border (Greve & Fischl 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

from bids_app.preproc.fmri.rigid import mean_displacement_mm, rigid
from bids_app.values import Bools, Floats, Ints
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Volume, apply_affine

LEVER_MM = 60.0
FARTHEST_MM = 15.0
LEAST_CONTRAST_PERCENT = 1.0
BINS = 32
SLOPE = 0.5
HALF = 0.5
LEAST_SLOPE = 0.05


@dataclass(frozen=True, slots=True)
class CoregisterSettings:
    """Settings of the registration of BOLD and T1w.

    Attributes
    ----------
    border_points : int
        Points on the grey-white border.
    overlap_points : int
        Voxels that mutual information is computed from.
    inside_mm, outside_mm : float
        How far from the border white and grey matter are read.
    """

    border_points: int = 12000
    overlap_points: int = 8000
    inside_mm: float = 2.0
    outside_mm: float = 2.0


def coregister(
    reference: Volume, bold_brain: Bools, anat: AnatFit, settings: CoregisterSettings
) -> tuple[Floats, tuple[str, ...]]:
    """Find the rigid map between T1w and BOLD.

    Parameters
    ----------
    reference : Volume
        BOLD reference.
    bold_brain : ndarray of shape (x, y, z)
        Its brain, roughly.
    anat : AnatFit
        T1w, brain and tissues.
    settings : CoregisterSettings
        Cost.

    Returns
    -------
    ndarray of shape (4, 4)
        T1w millimetres to reference millimetres.
    tuple of str
        Notes for the report: which estimate was kept, if not the last.
    """
    start = fit_information(reference, bold_brain, anat, settings.overlap_points)
    border, normals = border_points(anat, settings.border_points)
    if len(border) < settings.border_points // 20:
        return start, ("BOLD to T1w: too little grey-white border; mutual information kept",)
    refined, contrast = fit_border(reference, (border, normals), start, settings)
    moved = mean_displacement_mm(refined, start, border)
    if moved > FARTHEST_MM:
        return start, (
            f"BOLD to T1w: the grey-white border asked for {moved:.1f} mm; mutual information kept",
        )
    if contrast < LEAST_CONTRAST_PERCENT:
        return start, (
            f"BOLD to T1w: grey matter is {contrast:.1f} % brighter than white at the border, too little "
            "to go by; mutual information kept",
        )
    return refined, ()


def fit_information(reference: Volume, bold_brain: Bools, anat: AnatFit, n_points: int) -> Floats:
    """Maximise normalised mutual information; T1w to reference millimetres, shape (4, 4).

    Parameters
    ----------
    reference : Volume
        BOLD reference.
    bold_brain : ndarray of shape (x, y, z)
        Its brain, roughly.
    anat : AnatFit
        T1w and brain.
    n_points : int
        Voxels that it is computed from.
    """
    zooms = anat.t1w.grid.zooms_mm
    sigma = 0.4 * float(reference.grid.zooms_mm.mean()) / zooms
    brain = np.where(anat.brain.inside, anat.t1w.data, np.float32(0)).astype(np.float32)
    steps = [max(int(1.5 // zoom), 1) for zoom in zooms]
    thin = tuple(slice(None, None, step) for step in steps)
    picture = ndimage.gaussian_filter(brain, sigma, truncate=3)[thin]
    to_voxels = np.linalg.inv(anat.t1w.grid.affine @ np.diag([*steps, 1.0]))
    levels = _levels(picture, picture > 0)
    voxels = np.argwhere(ndimage.binary_dilation(bold_brain, iterations=2))
    voxels = voxels[:: max(len(voxels) // n_points, 1)]
    smooth = ndimage.gaussian_filter(reference.data.astype(np.float32), 0.5)
    found = _levels(smooth, bold_brain)[tuple(voxels.T)].round().astype(int)
    points = reference.grid.points_mm(voxels.astype(float))
    centre = points.mean(axis=0)

    def cost(parameters: Floats, every: int = 1) -> float:
        motion = rigid(_in_mm(parameters), centre)
        where = apply_affine(to_voxels @ motion, points[::every])
        other = ndimage.map_coordinates(levels, where.T, order=1, mode="constant")
        return -_information(found[::every], other)

    middle = anat.t1w.grid.points_mm(np.argwhere(anat.brain.inside)[::50].astype(float)).mean(
        axis=0
    )
    starts = [np.zeros(6), np.r_[(middle - centre) / LEVER_MM, np.zeros(3)]]
    tried = [_powell(lambda p: cost(p, 3), start, 2e-3) for start in starts]
    best = min(tried, key=lambda pair: pair[1])[0]
    best = _powell(cost, best, 1e-4)[0]
    return np.asarray(np.linalg.inv(rigid(_in_mm(best), centre)))


def _levels(data: Floats, inside: Bools) -> Floats:
    low, high = np.percentile(data[inside], [1, 99])
    scaled = (data - low) / max(high - low, 1e-12)
    # Level 0 is kept for what is outside the brain.
    return np.asarray(
        np.where(data > 0, 1 + np.clip(scaled, 0, 1) * (BINS - 2), 0), dtype=np.float32
    )


def _in_mm(parameters: Floats) -> Floats:
    scaled: Floats = np.r_[parameters[:3] * LEVER_MM, parameters[3:]]
    return scaled


def _powell(cost: object, start: Floats, tolerance: float) -> tuple[Floats, float]:
    found = minimize(
        cost,
        start,
        method="Powell",
        options={"xtol": tolerance, "ftol": 1e-5, "maxiter": 20, "direc": np.eye(6) * 0.05},
    )
    return np.asarray(found.x), float(found.fun)


def _information(first: Floats, second: Floats) -> float:
    low = second.astype(int)
    share = second - low
    joint = np.bincount(first * BINS + low, 1 - share, BINS * BINS)
    joint += np.bincount(first * BINS + np.minimum(low + 1, BINS - 1), share, BINS * BINS)
    table = ndimage.gaussian_filter(joint.reshape(BINS, BINS), 1.0)
    table /= table.sum()

    def entropy(part: Floats) -> float:
        kept = part[part > 0]
        return float(-(kept * np.log(kept)).sum())

    return (entropy(table.sum(axis=0)) + entropy(table.sum(axis=1))) / entropy(table)


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
    settings: CoregisterSettings,
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
    settings : CoregisterSettings
        Distances from the border.

    Returns
    -------
    ndarray of shape (4, 4)
        T1w to reference millimetres.
    float
        By how many percent grey matter is brighter than white, median over the border.
    """
    points, normals = border
    coefficients = ndimage.spline_filter(reference.data.astype(np.float32), output=np.float32)
    to_voxels = np.linalg.inv(reference.grid.affine)
    centre = apply_affine(start, points.mean(axis=0, keepdims=True))[0]
    white = apply_affine(start, points - settings.inside_mm * normals)
    grey = apply_affine(start, points + settings.outside_mm * normals)

    def contrast(parameters: Floats, every: int = 1, order: int = 3) -> Floats:
        matrix = to_voxels @ rigid(_in_mm(parameters), centre)
        source = coefficients if order > 1 else reference.data
        both = [
            ndimage.map_coordinates(
                source, apply_affine(matrix, side[::every]).T, order=order, prefilter=False
            )
            for side in (white, grey)
        ]
        seen = (both[0] > 0) & (both[1] > 0)
        total = np.where(seen, both[0] + both[1], 1)
        return np.asarray(np.where(seen, 200 * (both[1] - both[0]) / total, 0.0), dtype=np.float64)

    def cost(parameters: Floats, every: int, order: int) -> float:
        return float(1 - np.tanh(SLOPE * contrast(parameters, every, order) / 10).mean())

    coarse = _powell(lambda p: cost(p, 4, 1), np.zeros(6), 5e-4)[0]
    fine = minimize(
        lambda p: cost(p, 1, 3), coarse, method="BFGS", options={"gtol": 1e-5, "eps": 1e-4}
    )
    return rigid(_in_mm(fine.x), centre) @ start, float(np.median(contrast(fine.x)))
