"""The template is found from BOLD alone, on the phantom whose place is known."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.preproc.fmri import displaced, fit_epi
from bids_app.preproc.fmri.epi import turned_over
from bids_app.preproc.fmri.settings import AnatSettings
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Volume, apply_affine
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import PLACE

pytestmark = pytest.mark.slow


def test_the_planted_place_is_found(bold: BoldSeries, anat: AnatFit, template: Template) -> None:
    fit = fit_epi(bold, template, AnatSettings(sloppy=True))
    voxels = np.argwhere(template.brain.inside)[::50].astype(float)
    points = template.grid.points_mm(voxels)
    found = apply_affine(fit.template_to_t1w, displaced(points, fit.warp))
    planted = apply_affine(PLACE @ anat.template_to_t1w, points)
    away_mm = np.linalg.norm(found - planted, axis=1)
    assert away_mm.mean() < 3.5  # two thirds of a voxel of this BOLD
    assert np.linalg.norm(points - planted, axis=1).mean() > 8
    total = np.sum(list(fit.tissues.values()), axis=0)
    assert np.allclose(total[fit.brain.inside], 1, atol=1e-5)
    assert not total[~fit.brain.inside].any()


def test_bright_becomes_dark(rng: np.random.Generator) -> None:
    image = Volume(rng.uniform(50, 150, (7, 8, 9)), Grid((7, 8, 9), np.eye(4)))
    inside = rng.random((7, 8, 9)) > 0.3
    turned = turned_over(image, inside)
    assert not turned.data[~inside].any()
    assert (turned.data[inside] > 0).all()
    middling = inside & (image.data < 140) & (image.data > 70)
    assert np.corrcoef(image.data[middling], turned.data[middling])[0, 1] < -0.999
