"""The figure of learned positions is a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bids_app.report.figures import channel_distances


def test_each_pair_is_drawn(tmp_path: Path, rng: np.random.Generator) -> None:
    few, many = (
        np.asarray(
            Image.open(
                channel_distances(tmp_path / f"{n}.png", rng.random(n), rng.random(n), "words")
            ).convert("L")
        )
        for n in (3, 300)
    )
    assert (many < 200).sum() > 2 * (few < 200).sum()
