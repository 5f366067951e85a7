"""BOLD to T1w: rigid, mutual information first, then the grey-white border (Greve & Fischl 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.border import border_points, fit_border
from bids_app.preproc.fmri.rigid import LEVER_MM, in_mm, mean_displacement_mm, powell, rigid
from bids_app.preproc.fmri.splines import HALF
from bids_app.values import Bools, Floats
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Volume, apply_affine

FARTHEST_MM = 15.0
LEAST_CONTRAST_PERCENT = 1.0
BINS = 32
LEAST_SHARED = 0.5


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
    shared = _shared(reference, bold_brain, anat, start)
    if shared < LEAST_SHARED:
        return start, (
            f"BOLD to T1w: only {shared:.0%} of the brain in BOLD lies in the T1w brain; the two do not belong "
            "together, or the registration failed: look at the figure; mutual information kept",
        )
    border, normals = border_points(anat, settings.border_points)
    if len(border) < settings.border_points // 20:
        return start, ("BOLD to T1w: too little grey-white border; mutual information kept",)
    refined, contrast = fit_border(
        reference, (border, normals), start, (settings.inside_mm, settings.outside_mm)
    )
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


def _shared(reference: Volume, bold_brain: Bools, anat: AnatFit, place: Floats) -> float:
    points = reference.grid.points_mm(np.argwhere(bold_brain)[::10].astype(float))
    voxels = anat.t1w.grid.voxels(apply_affine(np.linalg.inv(place), points))
    inside = ndimage.map_coordinates(anat.brain.inside.astype(np.float32), voxels.T, order=1)
    return float((inside > HALF).mean())


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
        motion = rigid(in_mm(parameters), centre)
        where = apply_affine(to_voxels @ motion, points[::every])
        other = ndimage.map_coordinates(levels, where.T, order=1, mode="constant")
        return -_information(found[::every], other)

    middle = anat.t1w.grid.points_mm(np.argwhere(anat.brain.inside)[::50].astype(float)).mean(
        axis=0
    )
    starts = [np.zeros(6), np.r_[(middle - centre) / LEVER_MM, np.zeros(3)]]
    tried = [powell(lambda p: cost(p, 3), start, 2e-3) for start in starts]
    best = min(tried, key=lambda pair: pair[1])[0]
    best = powell(cost, best, 5e-4)[0]
    return np.asarray(np.linalg.inv(rigid(in_mm(best), centre)))


def _levels(data: Floats, inside: Bools) -> Floats:
    low, high = np.percentile(data[inside], [1, 99])
    scaled = (data - low) / max(high - low, 1e-12)
    # Level 0 is kept for what is outside the brain.
    return np.asarray(
        np.where(data > 0, 1 + np.clip(scaled, 0, 1) * (BINS - 2), 0), dtype=np.float32
    )


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
