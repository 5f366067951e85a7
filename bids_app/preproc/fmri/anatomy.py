"""The anatomy: brain, bias, template, tissues."""

from __future__ import annotations

import logging

import numpy as np

from bids_app.errors import DataError
from bids_app.preproc.fmri.affine import fit_affine
from bids_app.preproc.fmri.bias import correct_bias
from bids_app.preproc.fmri.brain import STRIPPED, t1w_brain, trimmed
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.grids import box_around, crop, to_ras, turn_to_ras
from bids_app.preproc.fmri.settings import AnatSettings
from bids_app.preproc.fmri.tissues import fit_tissues, tissue_priors
from bids_app.preproc.fmri.warp import SLOPPY, WarpSettings, fit_warp, inverted, jacobian
from bids_app.values import Bools, Floats
from bids_app.values.estimates import AnatFit, Warp
from bids_app.values.space import Mask, Volume
from bids_app.values.template import Template

log = logging.getLogger(__name__)

MARGIN_VOXELS = (3, 3, 3)


def fit_anatomy(t1w: Volume, template: Template, settings: AnatSettings) -> AnatFit:
    """Estimate everything that one anatomy gives.

    Parameters
    ----------
    t1w : Volume
        T1-weighted image as acquired: any orientation, whole head or stripped.
    template : Template
        What it is brought to.
    settings : AnatSettings
        Cost and device.

    Returns
    -------
    AnatFit
        On the grid of ``t1w``.

    Raises
    ------
    DataError
        When there is no brain in the image.
    """
    t1w, notes = _finite(t1w)
    inside, more = t1w_brain(t1w, settings.n_threads, settings.device)
    iterations = 20 if settings.sloppy else 50
    corrected = correct_bias(t1w, inside, iterations)
    with threads(settings.n_threads):
        affine, warp, doubts = normalise(corrected, inside, template, settings)
        tissues = _tissues(corrected, inside, template, (affine, warp))
    if STRIPPED not in more:
        inside = trimmed(inside, tissues["GM"] + tissues["WM"], t1w.grid)
        tissues = {name: part * inside for name, part in tissues.items()}
    for note in (*notes, *more, *doubts):
        log.warning("%s", note)
    return AnatFit(
        t1w=corrected,
        brain=Mask(t1w.grid, inside),
        tissues=tissues,
        template_to_t1w=affine,
        warp=warp,
        notes=(*notes, *more, *doubts),
    )


def _finite(t1w: Volume) -> tuple[Volume, tuple[str, ...]]:
    data = np.asarray(t1w.data, dtype=np.float32)
    n_bad = int(np.count_nonzero(~np.isfinite(data)))
    found = np.nan_to_num(data, nan=0, posinf=0, neginf=0) if n_bad else data
    notes = (f"T1w: {n_bad} voxels were not finite and set to 0",) if n_bad else ()
    if found.max() <= found.min():
        raise DataError(
            f"T1w: every voxel is {found.min():g}; expected a T1-weighted image",
            hint="check that the file is not empty",
        )
    return Volume(found, t1w.grid), notes


def _brain_only(t1w: Volume, inside: Bools) -> Volume:
    brain = Volume(np.where(inside, np.maximum(t1w.data, 0), np.float32(0)), t1w.grid)
    ceiling = np.percentile(brain.data[inside], 99.8)
    clipped = Volume(np.minimum(brain.data, ceiling), t1w.grid)
    return to_ras(crop(clipped, box_around(inside, MARGIN_VOXELS)))


def normalise(
    t1w: Volume, inside: Bools, template: Template, settings: AnatSettings
) -> tuple[Floats, Warp | None, tuple[str, ...]]:
    """Bring a brain to the template.

    Parameters
    ----------
    t1w : Volume
        Image with the contrast of a T1w.
    inside : ndarray of shape (x, y, z)
        Its brain.
    template : Template
        What it is brought to.
    settings : AnatSettings
        Cost and device.

    Returns
    -------
    affine : ndarray of shape (4, 4)
        Template millimetres, warped, to those of the image.
    warp : Warp or None
        Of template points, before the affine.
    notes : tuple of str
        What a reader of the report must know.
    """
    brain = _brain_only(t1w, inside)
    target = _brain_only(template.t1, template.brain.inside)
    # Sums over all points, rounded as their threads part them, would end the search elsewhere.
    with threads(1):
        affine = fit_affine(brain, target, settings.device, sloppy=settings.sloppy)
    warp = fit_warp(
        brain, target, affine, SLOPPY if settings.sloppy else WarpSettings(), settings.device
    )
    folded = float((jacobian(warp) <= 0).mean())
    if folded > 0:
        return affine, warp, (f"T1w to template: the warp folds in {folded:.2%} of its grid",)
    return affine, warp, ()


def _tissues(
    t1w: Volume, inside: Bools, template: Template, maps: tuple[Floats, Warp | None]
) -> dict[str, Floats]:
    affine, warp = maps
    turn = turn_to_ras(t1w.grid)
    box = box_around(inside, MARGIN_VOXELS)
    head = to_ras(crop(t1w, box))
    brain = np.ascontiguousarray(turn.apply(inside[box]))
    backward = None if warp is None else inverted(warp)
    priors = tissue_priors(Mask(head.grid, brain), template, affine, backward)
    found = fit_tissues(head, brain, priors, iterations=15)
    tissues = {}
    for name, part in found.items():
        whole = np.zeros(t1w.grid.shape, dtype=np.float32)
        whole[box] = turn.undo(part)
        tissues[name] = whole
    return tissues
