from __future__ import annotations

import numpy as np

from bids_app.preproc.fmri.grids import (
    box_around,
    crop,
    default_grid,
    grid_for,
    to_ras,
    turn_to_ras,
)
from bids_app.preproc.fmri.rigid import mean_displacement_mm, rigid, rigid_inverse
from bids_app.values import Floats
from bids_app.values.space import Grid, Volume

# Axes run posterior, inferior, right; tilted.
TILTED: Floats = np.array([
    [0.1, 0, 1.2, -96],
    [-0.98, 0.1, 0, 117],
    [0, -0.98, 0.1, 117],
    [0, 0, 0, 1.0],
])


def test_the_default_grid_is_the_seed_papers() -> None:
    grid = default_grid()
    assert grid.shape == (53, 63, 52)
    assert np.array_equal(grid.affine[:3, 3], [-78, -112, -70])
    assert np.array_equal(np.diag(grid.affine), [3, 3, 3, 1])


def test_other_resolutions_cover_the_same_box() -> None:
    grid = grid_for(2.0)
    assert grid.shape == (79, 94, 77)
    assert np.array_equal(grid.affine[:3, 3], default_grid().affine[:3, 3])


def test_turning_keeps_every_voxel_at_its_place() -> None:
    rng = np.random.default_rng(0)
    volume = Volume(rng.standard_normal((5, 6, 7)), Grid((5, 6, 7), TILTED))
    ras = to_ras(volume)
    assert ras.grid.shape == (7, 5, 6)
    assert (np.diag(ras.grid.affine)[:3] > 0.9).all()
    for voxel in np.argwhere(np.ones(ras.grid.shape, dtype=bool))[::31]:
        point = ras.grid.points_mm(voxel[None].astype(float))
        back = tuple(volume.grid.voxels(point)[0].round().astype(int))
        assert ras.data[tuple(voxel)] == volume.data[back]


def test_turning_back_undoes_turning() -> None:
    data = np.random.default_rng(0).standard_normal((5, 6, 7))
    turn = turn_to_ras(Grid((5, 6, 7), TILTED))
    assert np.array_equal(turn.undo(turn.apply(data)), data)


def test_a_box_holds_its_voxels_and_their_places() -> None:
    inside = np.zeros((9, 10, 11), dtype=bool)
    inside[2:4, 5:9, 1:8] = True
    box = box_around(inside, (1, 2, 3))
    assert box == (slice(1, 5), slice(3, 10), slice(0, 11))
    volume = Volume(np.arange(990.0).reshape(9, 10, 11), Grid((9, 10, 11), TILTED))
    cut = crop(volume, box)
    point = cut.grid.points_mm(np.array([[1.0, 2.0, 3.0]]))
    assert np.allclose(volume.grid.voxels(point), [[2, 5, 3]])
    assert cut.data[1, 2, 3] == volume.data[2, 5, 3]


def test_a_rigid_map_turns_about_its_centre_and_can_be_inverted() -> None:
    centre = np.array([3.0, -4.0, 5.0])
    motion = rigid(np.array([1.0, 2.0, -3.0, 0.1, -0.2, 0.3]), centre)
    assert np.allclose(motion[:3, :3] @ centre + motion[:3, 3], centre + np.array([1, 2, -3]))
    assert np.allclose(rigid_inverse(motion[None])[0], np.linalg.inv(motion))


def test_mean_displacement_of_a_shift_is_its_length() -> None:
    shifted = np.eye(4)
    shifted[:3, 3] = [3, 0, 4]
    points = np.random.default_rng(0).standard_normal((8, 3))
    assert np.isclose(mean_displacement_mm(shifted, np.eye(4), points), 5.0)
