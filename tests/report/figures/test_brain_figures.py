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
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


@pytest.mark.parametrize("function", ["mask_over_mean", "registration"])
def test_no_face_is_drawn(function: str, drawn: list[Figure]) -> None:
    masks = {"brain": ball(7), "WM": ball(4)}
    for face in (0.0, 50.0):
        if function == "mask_over_mean":
            figures.mask_over_mean(Path("a.png"), head(face), masks, GRID)
        else:
            figures.registration(Path("a.png"), head(face), head(face), GRID, masks)
    for without, with_face in zip(images(drawn[0]), images(drawn[1]), strict=True):
        np.testing.assert_array_equal(without, with_face)
    assert max(image.max() for image in images(drawn[1])) <= 1.0


def test_the_border_of_a_mask_is_drawn_where_the_mask_ends(drawn: list[Figure]) -> None:
    figures.mask_over_mean(Path("a.png"), head(0.0), {"brain": ball(7)}, GRID)
    tile = drawn[0].axes[3]
    (contour,) = tile.collections
    points = np.concatenate([line.vertices for line in contour.get_paths()])
    # The view starts two voxels (10 mm) before the ball; an axial slice has x across and y up.
    away = np.hypot(*(points - (13 - 4, 15 - 6)).T)
    assert tile.texts[0].get_text() == "z = 40 mm"
    assert np.abs(away - 7.0).max() < 1.0


def test_a_registration_shows_both_images_by_turns(drawn: list[Figure]) -> None:
    inside = np.ones(GRID.shape, dtype=bool)
    x, y, _ = np.indices(GRID.shape).astype(float)
    figures.registration(Path("a.png"), x, y, GRID, {"brain": inside}, ("BOLD", "T1w"))
    assert len(drawn[0].axes) == 5 * 7
    board = images(drawn[0])[3 * 7 + 3]
    moved, still = x[:, :, 0].T / 25, y[:, :, 0].T / 30
    is_moved, is_still = np.isclose(board, moved), np.isclose(board, still)
    assert (is_moved | is_still).all()
    assert 0.4 < is_moved.mean() < 0.6
    words = [text.get_text() for legend in drawn[0].legends for text in legend.get_texts()]
    assert "BOLD in grey; line = border, from the T1w, of" in words
    assert "squares by turns: BOLD, T1w" in words


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
