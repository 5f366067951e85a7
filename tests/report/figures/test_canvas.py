from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bids_app.errors import CannotCreateError
from bids_app.report.figures import canvas


def test_noise_is_kept_below_the_size_and_in_shape(tmp_path: Path) -> None:
    figure = canvas.sheet(6.0, 3.0)
    noise = np.random.default_rng(0).random((300, 600, 3))
    figure.subplots().imshow(noise, interpolation="nearest")
    path = canvas.save(figure, tmp_path / "new" / "noise.png")
    assert path.stat().st_size <= canvas.LARGEST_BYTES
    with Image.open(path) as picture:
        assert picture.width == pytest.approx(2 * picture.height, abs=2)
    assert [found.name for found in path.parent.iterdir()] == ["noise.png"]


def test_a_plain_figure_keeps_full_detail_and_colours(tmp_path: Path) -> None:
    figure = canvas.sheet(5.0, 2.0)
    figure.subplots().axvspan(0, 1, color=canvas.RED)
    with Image.open(canvas.save(figure, tmp_path / "plain.png")) as picture:
        assert picture.size == (5 * canvas.RESOLUTIONS_DPI[0], 2 * canvas.RESOLUTIONS_DPI[0])
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert (0xD5, 0x5E, 0x00) in [colour for _, colour in colours or []]


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a.png", "b.png"):
        figure = canvas.sheet(3.0, 2.0)
        figure.subplots().plot([1, 3, 2])
        written.append(canvas.save(figure, tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCreateError, match=r"file/deep/a\.png: cannot be written"):
        canvas.save(canvas.sheet(2.0, 1.0), tmp_path / "file" / "deep" / "a.png")
