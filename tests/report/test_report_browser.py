from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.report import page
from tests.browser import drawn, needs_browser


@needs_browser
def test_a_browser_draws_the_page_without_complaint(
    record: dict[str, Any], output: Callable[[dict[str, Any]], Path], tmp_path: Path
) -> None:
    written = page.participant_page(output(record), "01")
    pixels = drawn(written, tmp_path)
    assert pixels.shape[:2] == (1600, 1366)
    is_ink = pixels.sum(axis=2) < 200
    assert 0.002 < is_ink.mean() < 0.2
    # The border of the verdict has the accent colour: the style sheet was used.
    assert (np.abs(pixels - (0x0B, 0x56, 0x76)).sum(axis=2) == 0).sum() > 100
