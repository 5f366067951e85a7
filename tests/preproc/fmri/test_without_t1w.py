from __future__ import annotations

import numpy as np

from bids_app.preproc import fmri
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import apply_affine
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import PLACE


def test_bold_finds_the_template_by_itself(
    bold: BoldSeries, anat: AnatFit, template: Template
) -> None:
    reference = fmri.reference_image(bold, fmri.RunSettings(sloppy=True))
    found = fmri.fit_without_t1w(reference, template, fmri.AnatSettings(sloppy=True))
    assert found.notes[0].startswith("no usable T1w image: BOLD was registered to the template")
    points = template.brain.points_mm()[::40]
    there = apply_affine(PLACE @ anat.template_to_t1w, points)
    back = apply_affine(found.template_to_t1w, fmri.displaced(points, found.warp))
    away = np.linalg.norm(back - there, axis=1)
    assert away.mean() < 4.0
    fit = fmri.fit_run(bold, found, fmri.RunSettings(sloppy=True))
    moved = apply_affine(fit.t1w_to_reference, there) - there
    assert np.linalg.norm(moved, axis=1).mean() < 1.0
    assert not [note for note in fit.notes if "BOLD to T1w" in note]
