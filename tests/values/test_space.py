from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from bids_app.values import Floats
from bids_app.values.space import Grid, Mask, Volume, apply_affine

SHAPE = (3, 4, 5)


@pytest.fixture
def affine() -> Floats:
    """Make an oblique affine with a flip and unequal edges."""
    turn = np.deg2rad(20)
    rotation = np.array([
        [np.cos(turn), -np.sin(turn), 0],
        [np.sin(turn), np.cos(turn), 0],
        [0, 0, 1],
    ])
    found = np.eye(4)
    found[:3, :3] = rotation @ np.diag([-2.0, 2.5, 3.0])
    found[:3, 3] = [10, -20, 30]
    return found


@pytest.fixture
def mask(affine: Floats, rng: np.random.Generator) -> Mask:
    """Make a mask of some voxels without symmetry."""
    return Mask(Grid(SHAPE, affine), rng.random(SHAPE) > 0.6)


def test_edges_are_those_of_nibabel(affine: Floats) -> None:
    assert Grid(SHAPE, affine).zooms_mm == pytest.approx(nib.affines.voxel_sizes(affine))
    assert Grid(SHAPE, affine).zooms_mm == pytest.approx([2.0, 2.5, 3.0])


def test_points_are_those_of_nibabel_and_come_back(
    affine: Floats, rng: np.random.Generator
) -> None:
    voxels, grid = rng.uniform(-5, 5, (7, 3)), Grid(SHAPE, affine)
    points = grid.points_mm(voxels)
    assert points == pytest.approx(nib.affines.apply_affine(affine, voxels))
    assert apply_affine(affine, voxels) == pytest.approx(points)
    assert grid.voxels(points) == pytest.approx(voxels)


def test_grids_match_within_a_micrometre(affine: Floats) -> None:
    grid = Grid(SHAPE, affine)
    moved, near = affine.copy(), affine.copy()
    moved[0, 3] += 0.01
    near[0, 3] += 1e-5
    assert grid.matches(Grid(SHAPE, near))
    assert not grid.matches(Grid(SHAPE, moved))
    assert grid.matches(Grid(SHAPE, moved), tolerance_mm=0.1)
    assert not grid.matches(Grid((4, 3, 5), affine))


@pytest.mark.parametrize(
    ("affine", "told"),
    [
        (np.eye(3), "affine must be 4 x 4 and finite; found [[1.0, 0.0, 0.0]"),
        (np.diag([1, np.nan, 1, 1]), "found [[1.0, 0.0, 0.0, 0.0], [0.0, nan"),
        (np.diag([2.0, 0, 1, 1]), "affine has no volume: [[2.0, 0.0, 0.0, 0.0], [0.0, 0.0"),
    ],
)
def test_an_affine_that_places_nothing_is_refused(affine: Floats, told: str) -> None:
    with pytest.raises(ValueError, match=r"affine .+") as caught:
        Grid(SHAPE, affine)
    assert told in str(caught.value)


def test_data_that_are_not_on_the_grid_are_refused(affine: Floats) -> None:
    with pytest.raises(ValueError, match=r"data are \(3, 4\); the grid is \(3, 4, 5\)"):
        Volume(np.zeros((3, 4)), Grid(SHAPE, affine))


def test_a_mask_is_boolean_and_on_its_grid(affine: Floats) -> None:
    grid = Grid(SHAPE, affine)
    with pytest.raises(ValueError, match=r"mask is int64 \(3, 4, 5\); expected bool \(3, 4, 5\)"):
        Mask(grid, np.ones(SHAPE, dtype=np.int64))
    with pytest.raises(ValueError, match=r"mask is bool \(5, 4, 3\); expected bool \(3, 4, 5\)"):
        Mask(grid, np.ones((5, 4, 3), dtype=bool))


def test_voxels_are_numbered_in_c_order(mask: Mask, rng: np.random.Generator) -> None:
    volumes = rng.standard_normal((*SHAPE, 6))
    rows = [
        [
            volumes[x, y, z, t]
            for x in range(3)
            for y in range(4)
            for z in range(5)
            if mask.inside[x, y, z]
        ]
        for t in range(6)
    ]
    flat = mask.flatten(volumes)
    assert flat.shape == (6, mask.n_voxels)
    assert np.array_equal(flat, rows)
    assert np.array_equal(mask.points_mm(), mask.grid.points_mm(np.argwhere(mask.inside) * 1.0))


def test_unflattening_is_the_inverse(mask: Mask, rng: np.random.Generator) -> None:
    rows = rng.standard_normal((6, mask.n_voxels)).astype(np.float32)
    volumes = mask.unflatten(rows, fill=-1.0)
    assert volumes.shape == (*SHAPE, 6)
    assert volumes.dtype == np.float32
    assert np.array_equal(mask.flatten(volumes), rows)
    assert (volumes[~mask.inside] == -1.0).all()
    assert (mask.unflatten(rows)[~mask.inside] == 0.0).all()


def test_the_hash_tells_masks_apart(mask: Mask, affine: Floats) -> None:
    other = mask.inside.copy()
    other[0, 0, 0] = not other[0, 0, 0]
    moved = affine.copy()
    moved[2, 3] += 1
    assert mask.sha256 == Mask(Grid(SHAPE, affine.copy()), mask.inside.copy()).sha256
    assert mask.sha256 != Mask(mask.grid, other).sha256
    assert mask.sha256 != Mask(Grid(SHAPE, moved), mask.inside).sha256
    turned = Mask(Grid((4, 3, 5), affine), mask.inside.reshape(4, 3, 5))
    assert mask.sha256 != turned.sha256
