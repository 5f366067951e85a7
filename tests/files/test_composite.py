from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

from bids_app.errors import DataError, MissingInputError
from bids_app.files.composite import read_composite, write_composite
from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid

SHAPE = (4, 5, 6)


@pytest.fixture
def warp(rng: np.random.Generator) -> Warp:
    """Make a field on a tilted, flipped grid."""
    tilt = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([-2.0, 3.0, 2.5])
    affine[:3, 3] = [5.0, -7.0, 11.0]
    field = rng.standard_normal((*SHAPE, 3)).astype(np.float32)
    return Warp(Grid(SHAPE, affine), field)


@pytest.fixture
def affine(rng: np.random.Generator) -> Floats:
    """Make an affine without symmetry."""
    made = np.eye(4)
    made[:3] += 0.1 * rng.standard_normal((3, 4))
    return made


def through_itk(path: Path, points: Floats) -> Floats:
    transform = sitk.ReadTransform(str(path))
    flip = np.array([-1.0, -1.0, 1.0])
    moved = [transform.TransformPoint((point * flip).tolist()) for point in points]
    return np.asarray(np.array(moved) * flip)


def test_a_chain_comes_back(tmp_path: Path, warp: Warp, affine: Floats) -> None:
    path = write_composite(tmp_path / "x.h5", [warp, affine])
    field, matrix = read_composite(path)
    assert isinstance(field, Warp)
    assert field.grid.matches(warp.grid, 1e-9)
    assert np.array_equal(field.displacement_mm, warp.displacement_mm)
    assert matrix == pytest.approx(affine, abs=1e-12)
    first = path.read_bytes()
    assert write_composite(path, [warp, affine]).read_bytes() == first


def test_itk_goes_through_it_as_we_do(tmp_path: Path, warp: Warp, affine: Floats) -> None:
    voxels = np.array([[1, 2, 3], [3, 4, 5], [2, 1, 4]])
    points = warp.grid.points_mm(voxels.astype(float))
    warped = points + warp.displacement_mm[tuple(voxels.T)]
    expected = warped @ affine[:3, :3].T + affine[:3, 3]
    path = write_composite(tmp_path / "x.h5", [warp, affine])
    assert through_itk(path, points) == pytest.approx(expected, abs=1e-5)
    back = np.linalg.inv(affine)
    earlier = (points - back[:3, 3]) @ np.linalg.inv(back[:3, :3]).T
    path = write_composite(tmp_path / "y.h5", [back, warp])
    assert through_itk(path, earlier) == pytest.approx(warped, abs=1e-4)


def test_a_chain_that_itk_wrote_is_read(tmp_path: Path) -> None:
    turn = sitk.AffineTransform(3)
    turn.SetMatrix([1, 0.1, 0, 0, 0.9, 0, 0.2, 0, 1.1])
    turn.SetCenter([10.0, 20.0, -30.0])
    turn.SetTranslation([1.0, 2.0, 3.0])
    chain = sitk.CompositeTransform([turn])
    sitk.WriteTransform(chain, str(tmp_path / "x.h5"))
    (affine,) = read_composite(tmp_path / "x.h5")
    assert isinstance(affine, np.ndarray)
    points = np.array([[1.0, 2.0, 3.0], [-40.0, 8.0, 77.0]])
    moved = points @ affine[:3, :3].T + affine[:3, 3]
    assert through_itk(tmp_path / "x.h5", points) == pytest.approx(moved, abs=1e-9)


def test_what_is_no_chain_is_told(tmp_path: Path, warp: Warp) -> None:
    path = tmp_path / "x.h5"
    with pytest.raises(MissingInputError, match=f"{path}: no such file"):
        read_composite(path)
    whole = write_composite(path, [warp]).read_bytes()
    for content in (b"nothing", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(MissingInputError, match=f"{path}: cannot be read: .+") as caught:
            read_composite(path)
        assert caught.value.hint == "the file is truncated; make it again"
    sitk.WriteTransform(sitk.Euler3DTransform(), str(path))
    with pytest.raises(DataError, match=r"holds Euler3DTransform_double_3_3; expected Composite"):
        read_composite(path)
    with h5py.File(path, "w") as opened:
        opened.create_group("TransformGroup")
    with pytest.raises(DataError, match="holds nothing; expected"):
        read_composite(path)
