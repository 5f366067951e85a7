from __future__ import annotations

import numpy as np
import pytest

from bids_app.files.template import load_template


def test_the_template_is_a_head_in_its_own_millimetres() -> None:
    found = load_template(resolution_mm=4)
    assert found.name == "MNI152NLin2009aSym"
    assert found.grid.zooms_mm == pytest.approx([4, 4, 4])
    assert found.t1.data.shape == found.gm.shape == found.wm.shape == found.brain.grid.shape
    for tissue in (found.gm, found.wm):
        assert tissue.min() >= 0
        assert 0.8 < tissue.max() <= 1
    litres = found.brain.n_voxels * 4**3 / 1e6
    assert 1.5 < litres < 2.2
    # The anterior commissure is the origin: the brain reaches farther back than forward.
    points = found.brain.points_mm()
    assert points[:, 1].min() < -95
    assert 60 < points[:, 1].max() < 85
    # The template is symmetric: its middle lies at x = 0.
    assert abs(points[:, 0].mean()) < 2.1
    white = points[found.wm[found.brain.inside] > 0.9]
    assert np.abs(white).max() < 100
    assert load_template(resolution_mm=4) is found
