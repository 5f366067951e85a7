"""An anatomy made of BOLD, for participants without a usable T1w image.

The template is given the contrast of BOLD, and registered to the reference image of a run.
"""

from __future__ import annotations

import logging

import numpy as np

from bids_app.preproc.fmri.affine import fit_affine
from bids_app.preproc.fmri.brain import bold_brain
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.grids import box_around, crop, to_ras
from bids_app.preproc.fmri.settings import AnatSettings
from bids_app.preproc.fmri.tissues import TISSUES, tissue_priors
from bids_app.preproc.fmri.warp import WarpSettings, fit_warp, inverted
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Mask, Volume
from bids_app.values.template import Template

log = logging.getLogger(__name__)

# Grey matter, white matter and CSF in a T2*-weighted image, relative to grey matter.
CONTRAST = (1.0, 0.82, 1.25)
MARGIN_VOXELS = (2, 2, 2)
# Stiff: voxels are coarse, and the scanner's distortion must not be taken for anatomy.
STIFF = WarpSettings(
    steps_mm=(8.0, 4.0), iterations=(40, 20), step_sigma=2.0, total_sigma=1.0, stride=0.4
)


def fit_without_t1w(reference: Volume, template: Template, settings: AnatSettings) -> AnatFit:
    """Estimate from BOLD what :func:`fit_anatomy` estimates from a T1w image.

    Parameters
    ----------
    reference : Volume
        Reference image of a run: the mean of its volumes, or a single-band reference.
    template : Template
        What it is brought to.
    settings : AnatSettings
        Cost and device.

    Returns
    -------
    AnatFit
        On the grid of ``reference``, which stands where the T1w image would. The tissues are the template's.

    Raises
    ------
    DataError
        When there is no signal in the image.
    """
    inside = bold_brain(reference)
    data = np.where(inside, np.maximum(reference.data, 0), 0).astype(np.float32)
    ceiling = np.percentile(data[inside], 99)
    brain = Volume(np.minimum(data, ceiling), reference.grid)
    brain = to_ras(crop(brain, box_around(inside, MARGIN_VOXELS)))
    target = _like_bold(template)
    with threads(settings.n_threads):
        affine = fit_affine(brain, target, settings.device, sloppy=settings.sloppy)
        warp = fit_warp(brain, target, affine, STIFF, settings.device)
        priors = tissue_priors(Mask(reference.grid, inside), template, affine, inverted(warp))
    note = (
        "no usable T1w image: BOLD was registered to the template by itself, which is less accurate; tissues are "
        "the template's"
    )
    log.warning("%s", note)
    return AnatFit(
        t1w=Volume(reference.data.astype(np.float32), reference.grid),
        brain=Mask(reference.grid, inside),
        tissues={
            name: np.where(inside, part, 0).astype(np.float32)
            for name, part in zip(TISSUES, priors, strict=True)
        },
        template_to_t1w=affine,
        warp=warp,
        notes=(note,),
    )


def _like_bold(template: Template) -> Volume:
    grey, white, csf = CONTRAST
    rest = np.clip(1 - template.gm - template.wm, 0, 1)
    image = grey * template.gm + white * template.wm + csf * rest
    masked = np.where(template.brain.inside, image, 0).astype(np.float32)
    brain = Volume(masked, template.t1.grid)
    return to_ras(crop(brain, box_around(template.brain.inside, MARGIN_VOXELS)))
