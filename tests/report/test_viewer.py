from __future__ import annotations

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bids_app.files import nifti
from bids_app.report import page
from bids_app.report.viewer import viewers
from bids_app.values.space import Grid, Volume

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
NAME = "tpl-MNI152NLin2009aSym_res-6_stat-r_desc-ridge_statmap"
MAP = f"tpl-MNI152NLin2009aSym/func/{NAME}.nii.gz"
AFFINE = np.array([[6.0, 0, 0, -90], [0, 6, 0, -126], [0, 0, 6, -72], [0, 0, 0, 1]])


class Fetched(HTMLParser):
    """Collects what a page fetches by itself; links that a reader may follow are no such thing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        wanted = given.get("src") or (given.get("href") if tag == "link" else None)
        if wanted and not wanted.startswith("data:"):
            self.found.append(wanted)


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
    reader = Fetched()
    reader.feed(written)
    assert reader.found == []
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


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed to draw the page")
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
    picture = tmp_path / "view.png"
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    flags += " --enable-logging=stderr --window-size=1000,600 --virtual-time-budget=3000"
    call = [str(BROWSER), *flags.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    call += [f"--screenshot={picture}", shown.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    with Image.open(picture) as drawn:
        pixels = np.asarray(drawn.convert("RGB"), dtype=int)
    red = (pixels[..., 0] > 90) & (pixels[..., 1] < 40) & (pixels[..., 2] < 60)
    assert 0.01 < red.mean() < 0.3
