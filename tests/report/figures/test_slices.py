from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from bids_app.report.figures import canvas, slices
from bids_app.values.space import Grid

BOX = (0.0, 0.0, 1.0, 1.0)


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
        cut = slices.Tile(axes, shown, plane, int(index), BOX).cut(data)
        assert np.argwhere(cut).tolist() == [list(place)]


def test_a_view_reaches_its_margin_and_no_farther() -> None:
    grid = Grid((40, 30, 20), np.diag([2.0, 3.0, 4.0, 1.0]))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[20, 15, 10] = True
    shown = slices.view(grid, {"brain": mask})
    assert shown.box == ((15, 26), (12, 19), (8, 13))
    assert not shown.near[25, 18, 12]


def test_the_margin_of_a_fine_image_is_as_wide() -> None:
    grid = Grid((81, 90, 70), np.diag([0.7, -0.9, 1.1, 1.0]))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[34:49, 40:52, 30:41] = True
    shown = slices.view(grid, {"brain": mask})
    assert shown.steps == (4, 3, 2)
    away = ndimage.distance_transform_edt(~slices.turn(mask, grid), sampling=[0.7, 0.9, 1.1])
    axes = canvas.sheet(2.0, 2.0).subplots()
    for plane, index in ((0, 40), (1, 33), (2, 36)):
        tile = slices.Tile(axes, shown, plane, index, BOX)
        wanted: list[slice | int] = [slice(*span) for span in shown.box]
        wanted[plane] = index
        distance = away[tuple(wanted)].T
        assert tile.near.shape == distance.shape == tile.cut(mask).shape
        assert tile.near[distance < slices.MARGIN_MM - 4].all()
        assert not tile.near[distance > slices.MARGIN_MM + 4].any()


def test_a_thinned_image_keeps_its_place_and_the_brain() -> None:
    grid = permuted((90, 80, 70))
    inside = np.zeros(grid.shape, dtype=bool)
    inside[30:60, 25:50, 40:55] = True
    kept, thin = slices.thinned(grid, inside, 6.5)
    assert [part.step for part in kept] == [2, 2, 3]
    places = grid.points_mm(np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
    for axis in range(3):
        left = places[:, axis].reshape(grid.shape)[kept]
        voxels = np.argwhere(np.ones(thin.shape, dtype=bool)).astype(float)
        np.testing.assert_allclose(left.ravel(), thin.points_mm(voxels)[:, axis], atol=1e-9)
    assert inside[kept].sum() == pytest.approx(inside.sum() / 12, rel=0.1)
    assert thin.shape[0] < 90 / 2


def test_slices_are_named_by_their_place() -> None:
    grid = Grid((10, 11, 12), np.diag([-3.0, 3.0, 3.0, 1.0]))
    shown = slices.view(grid, {"brain": np.ones(grid.shape, dtype=bool)})
    axes = canvas.sheet(2.0, 2.0).subplots()
    assert slices.Tile(axes, shown, 0, 9, BOX).place == "x = 0 mm"
    assert slices.Tile(axes, shown, 2, 4, BOX).place == "z = 12 mm"
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
