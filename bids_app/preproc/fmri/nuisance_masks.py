"""Voxels whose signal is nuisance: CSF, deep white matter, both together, and the brain's edge.

The masks follow fMRIPrep: white matter must lie away from anything that may be grey matter, CSF must only be CSF.
Partial volumes are averaged over each BOLD voxel, so that a mask does not depend on how fine the T1w image is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.grids import box_around, crop
from bids_app.values import Bools, Floats
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Volume, apply_affine

SURE = 0.99
HALF = 0.5
GREY_AT_ALL = 0.05
GREY_REACH_MM = 3.0
CROWN_VOXELS = 2
FEWEST_VOXELS = 20
MARGIN_VOXELS = (4, 4, 4)
# A Gaussian of this width, in voxels, spreads as far as the voxel itself.
VOXEL_SD = 12**-0.5


@dataclass(frozen=True, slots=True, eq=False)
class NuisanceMasks:
    """Voxels on the raw grid of a run.

    Attributes
    ----------
    csf, white_matter, combined : ndarray of shape (x, y, z)
        Inside the run's brain, each of one kind of tissue; ``combined`` holds voxels of either or of both.
    crown : ndarray of shape (x, y, z)
        A shell of two voxels around the brain.
    notes : tuple of str
        Which mask had to be filled with voxels that are less sure.
    """

    csf: Bools
    white_matter: Bools
    combined: Bools
    crown: Bools
    notes: tuple[str, ...]


def nuisance_masks(run_fit: RunFit, anat: AnatFit) -> NuisanceMasks:
    """Choose the voxels of one run.

    Parameters
    ----------
    run_fit : RunFit
        Brain, and its place in the T1w image.
    anat : AnatFit
        Tissues.
    """
    box = box_around(anat.brain.inside, MARGIN_VOXELS)
    grid = crop(Volume(anat.t1w.data, anat.t1w.grid), box).grid
    grey, white, csf = (anat.tissues[name][box] for name in ("GM", "WM", "CSF"))
    pure = _far_from(grey > GREY_AT_ALL, grid.zooms_mm, GREY_REACH_MM).astype(np.float32)
    chosen, notes = {}, []
    for name, share, whole in (
        ("csf", csf, csf),
        ("white_matter", white * pure, white),
        ("csf_wm", (csf + white) * pure, csf + white),
    ):
        inside = np.where(run_fit.brain.inside, _on_bold(share, grid, run_fit), 0)
        if (inside > SURE).sum() < FEWEST_VOXELS:
            ample = np.where(run_fit.brain.inside, _on_bold(whole, grid, run_fit), 0)
            chosen[name], note = _surest(name, inside, ample)
            notes.append(note)
        else:
            chosen[name] = inside > SURE
    head = anat.brain.inside[box].astype(np.float32)
    crown = _crown(run_fit.brain.inside | (_on_bold(head, grid, run_fit) > HALF))
    return NuisanceMasks(
        chosen["csf"], chosen["white_matter"], chosen["csf_wm"], crown, tuple(notes)
    )


def _far_from(mask: Bools, zooms_mm: Floats, reach_mm: float) -> Bools:
    """Tell which voxels lie farther than a reach from all of a mask: a distance transform that stops there."""
    squares = np.where(mask, np.float32(0), np.float32(np.inf))
    for axis, zoom_mm in enumerate(zooms_mm):
        before = np.moveaxis(squares.copy(), axis, 0)
        after = np.moveaxis(squares, axis, 0)
        for step in range(1, int(reach_mm / zoom_mm) + 1):
            further = np.float32((step * zoom_mm) ** 2)
            np.minimum(after[step:], before[:-step] + further, out=after[step:])
            np.minimum(after[:-step], before[step:] + further, out=after[:-step])
    return np.asarray(squares > reach_mm**2)


def _on_bold(data: Floats, grid: Grid, run_fit: RunFit) -> Floats:
    """Average a tissue over each voxel of the raw grid."""
    raw = run_fit.reference.grid
    to_t1w = np.linalg.inv(grid.affine) @ np.linalg.inv(run_fit.t1w_to_reference) @ raw.affine
    width = VOXEL_SD * raw.zooms_mm.mean() / grid.zooms_mm
    blurred = ndimage.gaussian_filter(data.astype(np.float32), width, truncate=3)
    voxels = apply_affine(to_t1w, np.argwhere(np.ones(raw.shape, dtype=bool)).astype(float))
    found: Floats = ndimage.map_coordinates(blurred, voxels.T, order=1).reshape(raw.shape)
    return found


def _surest(name: str, share: Floats, whole: Floats) -> tuple[Bools, str]:
    n_sure = int((share > SURE).sum())
    rank = share + whole
    chosen = (rank >= np.sort(rank, axis=None)[-FEWEST_VOXELS]) & (rank > 0)
    least = float(whole[chosen].min()) if chosen.any() else 0.0
    return chosen, (
        f"confound {name}: {n_sure} voxels hold this tissue only; the surest {chosen.sum()} are taken, "
        f"with at least {least:.0%} of it"
    )


def _crown(brain: Bools) -> Bools:
    reach = np.arange(-CROWN_VOXELS, CROWN_VOXELS + 1)
    ball = np.add.outer(np.add.outer(reach**2, reach**2), reach**2) <= CROWN_VOXELS**2
    crown: Bools = ndimage.binary_dilation(brain, ball) & ~brain
    return crown
