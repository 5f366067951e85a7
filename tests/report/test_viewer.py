from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from bids_app.files import nifti
from bids_app.report import page
from bids_app.report.viewer import viewers
from bids_app.values.space import Grid, Volume
from tests.browser import drawn, fetched, needs_browser

NAME = "tpl-MNI152NLin2009aSym_res-6_stat-r_desc-ridge_statmap"
MAP = f"tpl-MNI152NLin2009aSym/func/{NAME}.nii.gz"
AFFINE = np.array([[6.0, 0, 0, -90], [0, 6, 0, -126], [0, 0, 6, -72], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    data = np.zeros((30, 36, 31), np.float32)
    data[10:20, 12:24, 10:20] = 0.3
    nifti.write_volume(folder / MAP, Volume(data, Grid(data.shape, AFFINE)))
    assert viewers(folder) == [("Mean r over participants, ridge", f"figures/{NAME}.html")]
    return folder


def test_the_viewer_fetches_nothing(place: Path) -> None:
    written = (place / f"figures/{NAME}.html").read_text("utf-8")
    assert fetched(place / f"figures/{NAME}.html") == []
    assert "<title>Mean r over participants, ridge</title>" in written
    assert '<html lang="en">' in written


def test_a_viewer_is_made_again_when_the_map_is_newer(place: Path) -> None:
    path = place / f"figures/{NAME}.html"
    before = path.stat().st_mtime_ns
    viewers(place)
    assert path.stat().st_mtime_ns == before
    os.utime(place / MAP, ns=(before + 10**9, before + 10**9))
    viewers(place)
    assert path.stat().st_mtime_ns != before


@needs_browser
@pytest.mark.parametrize("is_framed", [False, True])
def test_a_browser_draws_the_map_without_complaint(
    place: Path, tmp_path: Path, is_framed: bool
) -> None:
    shown = place / f"figures/{NAME}.html"
    if is_framed:
        policy = re.findall("<meta http-equiv.*>", (page.TEMPLATES / "base.html").read_text())
        assert len(policy) == 1
        frame = f'<iframe src="figures/{NAME}.html" width="990" height="590"></iframe>'
        shown = place / "page.html"
        shown.write_text(f"<!doctype html><head>{policy[0]}</head>{frame}")
    pixels = drawn(shown, tmp_path, width=1000, height=600)
    red = (pixels[..., 0] > 90) & (pixels[..., 1] < 40) & (pixels[..., 2] < 60)
    assert 0.01 < red.mean() < 0.3
