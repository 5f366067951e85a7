"""The template found from BOLD, for people without a usable T1w image."""

from __future__ import annotations

import logging

import numpy as np

from bids_app.preproc.fmri.anatomy import normalise
from bids_app.preproc.fmri.bias import correct_bias
from bids_app.preproc.fmri.brain import bold_brain
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.reference import count_dummies, reference_volumes
from bids_app.preproc.fmri.settings import AnatSettings
from bids_app.preproc.fmri.tissues import TISSUES, tissue_priors
from bids_app.preproc.fmri.warp import inverted
from bids_app.values import Bools
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Mask, Volume
from bids_app.values.template import Template

log = logging.getLogger(__name__)

RANGE = (15.0, 99.0)
LEAST_FRACTION = 0.05


def fit_epi(bold: BoldSeries, template: Template, settings: AnatSettings) -> AnatFit:
    """Estimate from a BOLD run what an anatomy would give.

    The run's median image, with its brightness turned over, looks much like a T1w image: CSF dark, white matter bright.
    It is registered to the template as one is. Tissues are the template's: BOLD tells them apart too poorly.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    template : Template
        What it is brought to.
    settings : AnatSettings
        Cost and device.

    Returns
    -------
    AnatFit
        On the run's grid; its ``t1w`` is the image turned over.
    """
    rough = bold_brain(Volume(bold.volumes.mean(axis=3, dtype=np.float32), bold.grid))
    chosen = reference_volumes(bold.n_volumes, count_dummies(bold.volumes, rough))
    middle = np.median(bold.volumes[..., chosen], axis=3).astype(np.float32)
    inside = bold_brain(Volume(middle, bold.grid))
    iterations = 20 if settings.sloppy else 50
    corrected = correct_bias(Volume(middle, bold.grid), inside, iterations)
    image = turned_over(corrected, inside)
    with threads(settings.n_threads):
        affine, warp, notes = normalise(image, inside, template, settings)
        backward = None if warp is None else inverted(warp)
        priors = tissue_priors(Mask(bold.grid, inside), template, affine, backward)
    tissues = {
        name: np.asarray(prior * inside, dtype=np.float32)
        for name, prior in zip(TISSUES, priors, strict=True)
    }
    for note in notes:
        log.warning("%s", note)
    return AnatFit(image, Mask(bold.grid, inside), tissues, affine, warp, notes)


def turned_over(image: Volume, inside: Bools) -> Volume:
    """Make the dark parts of a brain bright, and the bright ones dark.

    Parameters
    ----------
    image : Volume
        BOLD.
    inside : ndarray of shape (x, y, z)
        Its brain.

    Returns
    -------
    Volume
        0 outside the brain; inside, above 0 everywhere.
    """
    # Darker than most of white matter is the rim, where brain and air share voxels.
    floor, ceiling = (float(level) for level in np.percentile(image.data[inside], RANGE))
    turned = ceiling - np.clip(image.data, floor, ceiling) + LEAST_FRACTION * ceiling
    return Volume(np.where(inside, turned, 0).astype(np.float32), image.grid)
