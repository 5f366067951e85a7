from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bids_app.report import page

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--hide-scrollbars --enable-logging=stderr --window-size=1366,1600"
)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed to draw the page")
def test_a_browser_draws_the_page_without_complaint(
    record: dict[str, Any], output: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    written = page.participant_page(output(record), "01")
    picture = tmp_path / "page.png"
    call = [str(BROWSER), *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    call += [f"--screenshot={picture}", written.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    with Image.open(picture) as drawn:
        pixels = np.asarray(drawn.convert("RGB"), dtype=int)
    assert pixels.shape[:2] == (1600, 1366)
    is_ink = pixels.sum(axis=2) < 200
    assert 0.002 < is_ink.mean() < 0.2
    # The border of the verdict has the accent colour: the style sheet was used.
    assert (np.abs(pixels - (0x0B, 0x56, 0x76)).sum(axis=2) == 0).sum() > 100
