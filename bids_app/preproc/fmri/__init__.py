"""The built-in fMRI engine: estimate once, apply once.

``fit_anatomy`` and ``fit_run`` give small values; the rest applies them to data.
"""

from __future__ import annotations

from bids_app.preproc.fmri.anatomy import fit_anatomy
from bids_app.preproc.fmri.confounds import confounds
from bids_app.preproc.fmri.epi import fit_epi
from bids_app.preproc.fmri.grids import default_grid, grid_for
from bids_app.preproc.fmri.moved import moved
from bids_app.preproc.fmri.onto import onto_grid, series_onto_grid
from bids_app.preproc.fmri.resample import (
    coverage,
    reference_on_t1w,
    reference_to_template,
    resample_affine,
    resample_bold,
    template_brain,
    to_template,
)
from bids_app.preproc.fmri.run import fit_run
from bids_app.preproc.fmri.settings import AnatSettings, RunSettings
from bids_app.preproc.fmri.smooth import smooth
from bids_app.preproc.fmri.tissues import TISSUES
from bids_app.preproc.fmri.warp import displaced, inverted
from bids_app.values.estimates import AnatFit, RunFit

__all__ = [
    "TISSUES",
    "AnatFit",
    "AnatSettings",
    "RunFit",
    "RunSettings",
    "confounds",
    "coverage",
    "default_grid",
    "displaced",
    "fit_anatomy",
    "fit_epi",
    "fit_run",
    "grid_for",
    "inverted",
    "moved",
    "onto_grid",
    "reference_on_t1w",
    "reference_to_template",
    "resample_affine",
    "resample_bold",
    "series_onto_grid",
    "smooth",
    "template_brain",
    "to_template",
]
