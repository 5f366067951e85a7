from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bids_app.report import figures
from bids_app.report.figures import brain
from bids_app.values import Bools, Floats
from bids_app.values.space import Grid

PAIR = (Path("a.png"), Path("b.png"))
GRID = Grid((26, 31, 22), np.diag([4.0, 4.0, 4.0, 1.0]))


def ball(radius: float, centre: tuple[float, float, float] = (13, 15, 10)) -> Bools:
    """A ball of voxels."""
    away = np.indices(GRID.shape) - np.reshape(centre, (3, 1, 1, 1))
    return np.asarray((away**2).sum(axis=0) <= radius**2)


def head(face: float) -> Floats:
    """A brain of 1 and, far in front of it, a face."""
    return np.where(ball(3, (13, 28, 4)), face, ball(7).astype(float))


def pixels(path: Path) -> Floats:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=float)


def images(figure: Figure) -> list[Floats]:
    """All that a figure shows as pictures."""
    found = [image.get_array() for axes in figure.axes for image in axes.images]
    return [np.ma.filled(np.ma.asarray(image).astype(float), np.nan) for image in found]


@pytest.mark.parametrize("function", ["mask_over_mean", "flicker"])
def test_no_face_is_drawn(function: str, drawn: list[Figure]) -> None:
    masks = {"brain": ball(7), "WM": ball(4)}
    for face in (0.0, 50.0):
        if function == "mask_over_mean":
            figures.mask_over_mean(Path("a.png"), head(face), masks, GRID)
        else:
            figures.flicker(PAIR, (head(face), head(face)), masks, GRID, ("BOLD", "T1w"))
    half = len(drawn) // 2
    for calm, loud in zip(drawn[:half], drawn[half:], strict=True):
        for without, with_face in zip(images(calm), images(loud), strict=True):
            np.testing.assert_array_equal(without, with_face)
        assert max(image.max() for image in images(loud)) <= 1.0


def test_the_border_of_a_mask_is_drawn_where_the_mask_ends(drawn: list[Figure]) -> None:
    figures.mask_over_mean(Path("a.png"), head(0.0), {"brain": ball(7)}, GRID)
    (axes,) = drawn[0].axes
    assert len(axes.collections) == len(axes.images) == 3 * 7
    contour, image = axes.collections[3], axes.images[3]
    points = np.concatenate([line.vertices for line in contour.get_paths()])
    left, right, bottom, top = image.get_extent()
    n_up, n_across = images(drawn[0])[3].shape
    voxels = (points - (left, bottom)) / (right - left, top - bottom) * (n_across, n_up) - 0.5
    # The view starts two voxels (10 mm) before the ball; an axial slice has x across and y up.
    away = np.hypot(*(voxels - (13 - 4, 15 - 6)).T)
    assert "z = 40 mm" in [text.get_text() for text in axes.texts]
    assert np.abs(away - 7.0).max() < 1.0


def test_two_images_are_drawn_alike(drawn: list[Figure]) -> None:
    inside = np.ones(GRID.shape, dtype=bool)
    inside[:5] = False
    x, y, _ = np.indices(GRID.shape).astype(float)
    assert figures.flicker(PAIR, (x, y), {"brain": inside}, GRID, ("BOLD", "T1w")) == PAIR
    for figure, data, name in zip(drawn, (x, y), ("BOLD", "T1w"), strict=True):
        shown = images(figure)[3]
        assert np.isin(shown, data).all()
        assert len(np.unique(shown)) == len(np.unique(data[3:]))
        words = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert f"{name}; line = border of" in words
    first, second = ([image.get_extent() for image in figure.axes[0].images] for figure in drawn)
    assert first == second


def test_the_signal_to_noise_ratio_is_drawn_in_the_brain_only(drawn: list[Figure]) -> None:
    tsnr = np.where(ball(4), 80.0, 20.0)
    tsnr[13, 15, 10] = np.nan
    figures.tsnr_map(Path("t.png"), tsnr, GRID, ball(6))
    shown = images(drawn[0])[3]
    assert set(np.unique(shown[np.isfinite(shown)])) == {20.0, 80.0}
    median = np.nanmedian(tsnr[ball(6)])
    assert drawn[0].axes[-1].get_xlabel() == f"tSNR: median {median:.0f}"
    figures.tsnr_map(Path("t.png"), np.full(GRID.shape, np.nan), GRID, ball(6))
    assert drawn[1].axes[-1].get_xlabel() == "tSNR: no voxel has a value"


def test_a_map_is_red_where_positive_and_blue_where_negative(tmp_path: Path) -> None:
    r = np.where(ball(8), 0.0, np.nan)
    half = np.indices(GRID.shape)[0] < 13
    r[ball(8) & half] = 0.3
    r[ball(8) & ~half] = -0.3
    found = pixels(figures.r_map(tmp_path / "r.png", r, GRID, head(0.0)))
    red, blue = found[..., 0] - found[..., 2] > 60, found[..., 2] - found[..., 0] > 60
    upper = found.shape[0] // 3
    middle = slice(3 * found.shape[1] // 7, 4 * found.shape[1] // 7)
    across = np.arange(found.shape[1])[middle]
    assert across[red[:upper, middle].any(axis=0)].max() <= (
        across[blue[:upper, middle].any(axis=0)].min() + 1
    )


def test_the_map_says_how_many_voxels_and_how_large(drawn: list[Figure]) -> None:
    r = np.where(ball(5), 0.12, np.nan)
    r[13, 15, 10] = 0.5
    figures.r_map(Path("r.png"), r, GRID, head(0.0), "Pearson r, ridge")
    label = drawn[0].axes[-1].get_xlabel()
    n_voxels = int(ball(5).sum())
    mean = (0.12 * (n_voxels - 1) + 0.5) / n_voxels
    assert label == f"Pearson r, ridge: {n_voxels} voxels, mean {mean:+.3f}, largest +0.500"


@pytest.mark.parametrize(
    ("largest", "limit"), [(0.0, 0.05), (0.11, 0.15), (0.98, 1.0), (1.7, 1.0)]
)
def test_the_colour_scale_ends_at_a_round_figure(largest: float, limit: float) -> None:
    assert brain.scale_limit(np.full(7, -largest)) == pytest.approx(limit)


def test_zeros_of_a_map_are_no_values_and_a_map_may_have_none(drawn: list[Figure]) -> None:
    r = np.where(ball(5), 0.12, np.nan)
    for gap in (np.nan, 0.0):
        figures.r_map(Path("r.png"), np.nan_to_num(r, nan=gap), GRID, head(0.0))
    for with_nan, with_zero in zip(images(drawn[0]), images(drawn[1]), strict=True):
        np.testing.assert_array_equal(with_nan, with_zero)
    figures.r_map(Path("r.png"), np.zeros(GRID.shape), GRID, head(0.0))
    assert drawn[2].axes[-1].get_xlabel() == "Pearson r: no voxel has a value"
