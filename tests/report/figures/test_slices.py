from __future__ import annotations

import numpy as np
import pytest

from bids_app.report.figures import canvas, slices
from bids_app.values.space import Grid


def permuted(shape: tuple[int, int, int]) -> Grid:
    """Make an oblique grid whose axes run to the back, to the head and to the left."""
    angle = np.radians(11)
    turn = np.array([
        [np.cos(angle), -np.sin(angle), 0],
        [np.sin(angle), np.cos(angle), 0],
        [0, 0, 1],
    ])
    columns = turn @ np.array([[0, 0, -2.0], [-3.0, 0, 0], [0, 4.0, 0]])
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = (31.0, 17.0, -23.0)
    return Grid(shape, affine)


def test_turning_moves_no_voxel_in_space() -> None:
    grid = permuted((7, 8, 9))
    turned = slices.turned_grid(grid)
    voxels = np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float)
    places = [grid.points_mm(voxels)[:, axis].reshape(grid.shape) for axis in range(3)]
    assert turned.shape == (9, 7, 8)
    expected = turned.points_mm(np.argwhere(np.ones(turned.shape, dtype=bool)).astype(float))
    found = np.column_stack([slices.turn(place, grid).ravel() for place in places])
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (np.diag(turned.affine)[:3] > 0).all()


def test_each_plane_shows_a_planted_voxel_where_it_lies() -> None:
    grid = permuted((7, 8, 9))
    shown = slices.view(grid, {"brain": np.ones(grid.shape, dtype=bool)})
    data = np.zeros(grid.shape)
    data[2, 6, 1] = 1.0
    x, y, z = np.argwhere(slices.turn(data, grid) == 1.0)[0]
    axes = canvas.sheet(2.0, 2.0).subplots()
    for plane, index, place in ((0, x, (z, y)), (1, y, (z, x)), (2, z, (y, x))):
        cut = slices.Tile(axes, shown, plane, int(index)).cut(data)
        assert np.argwhere(cut).tolist() == [list(place)]


def test_a_view_reaches_its_margin_and_no_farther() -> None:
    grid = Grid((40, 30, 20), np.diag([2.0, 3.0, 4.0, 1.0]))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[20, 15, 10] = True
    shown = slices.view(grid, {"brain": mask})
    assert shown.box == ((15, 26), (12, 19), (8, 13))
    assert not shown.near[25, 18, 12]


def test_slices_are_named_by_their_place() -> None:
    grid = Grid((10, 11, 12), np.diag([-3.0, 3.0, 3.0, 1.0]))
    shown = slices.view(grid, {"brain": np.ones(grid.shape, dtype=bool)})
    axes = canvas.sheet(2.0, 2.0).subplots()
    assert slices.Tile(axes, shown, 0, 9).place == "x = 0 mm"
    assert slices.Tile(axes, shown, 2, 4).place == "z = 12 mm"
    assert all(0 <= index < 12 for index in shown.indices(2))


def test_masks_without_a_voxel_are_refused() -> None:
    grid = Grid((4, 5, 6), np.eye(4))
    with pytest.raises(ValueError, match=r"masks \['GM', 'brain'\] hold no voxel"):
        slices.view(grid, {name: np.zeros(grid.shape, dtype=bool) for name in ("brain", "GM")})


def test_a_window_of_nothing_and_of_a_constant_still_has_two_ends() -> None:
    data = np.full((3, 4, 5), 7.0)
    assert slices.window(data, np.zeros(data.shape, dtype=bool)) == (0.0, 1.0)
    low, high = slices.window(data, np.ones(data.shape, dtype=bool))
    assert low < 7.0 < high
