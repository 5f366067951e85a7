from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from bids_app.errors import DataError, MissingInputError
from bids_app.files import transforms
from bids_app.values import Floats

LPS = np.array([-1.0, -1.0, 1.0])
POINTS = np.array([[3.0, -7.0, 11.0], [0.0, 0.0, 0.0], [-30.5, 12.25, 40.0]])


@pytest.fixture
def affines(rng: np.random.Generator) -> Floats:
    """Make affines without symmetry, shape (time, 4, 4)."""
    found = np.tile(np.eye(4), (3, 1, 1))
    found[:, :3] += 0.2 * rng.standard_normal((3, 3, 4))
    found[:, :3, 3] *= 50
    return found


def through_itk(transform: sitk.Transform, points: Floats) -> Floats:
    """Move RAS points, shape (point, 3), by a transform that ITK has read."""
    moved = [transform.TransformPoint((LPS * point).tolist()) for point in points]
    back: Floats = np.asarray(moved) * LPS
    return back


def test_affines_come_back(tmp_path: Path, affines: Floats) -> None:
    path = transforms.write_affines(tmp_path / "a.txt", affines)
    assert transforms.read_affines(path) == pytest.approx(affines, abs=1e-10)


def test_itk_moves_points_as_we_do(tmp_path: Path, affines: Floats) -> None:
    path = transforms.write_affines(tmp_path / "a.txt", affines[:1])
    expected = POINTS @ affines[0, :3, :3].T + affines[0, :3, 3]
    assert through_itk(sitk.ReadTransform(str(path)), POINTS) == pytest.approx(expected, abs=1e-8)


def test_an_affine_of_itk_is_read_with_its_centre(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    made = sitk.AffineTransform(3)
    made.SetMatrix((np.eye(3) + 0.1 * rng.standard_normal((3, 3))).ravel().tolist())
    made.SetTranslation([1.0, -2.0, 3.0])
    made.SetCenter([10.0, 20.0, -30.0])
    sitk.WriteTransform(made, str(tmp_path / "a.txt"))
    (affine,) = transforms.read_affines(tmp_path / "a.txt")
    moved = POINTS @ affine[:3, :3].T + affine[:3, 3]
    assert moved == pytest.approx(through_itk(made, POINTS), abs=1e-8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no affine of 12 parameters"),
        ("Parameters: 1 2 3\nFixedParameters: 0 0 0\n", "holds no affine of 12 parameters"),
        ("Parameters: 1 b" + " 0" * 10, "Parameters: could not convert string to float: 'b'"),
        ("Parameters:" + " 1" * 12, "holds 1 affines and 0 centres of rotation"),
        (
            "Parameters:" + " 1" * 12 + "\nFixedParameters: 0 0\n",
            "holds 1 affines and 1 centres of rotation",
        ),
    ],
)
def test_text_without_an_affine_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=f"{path}: {told}"):
        transforms.read_affines(path)


def test_an_affine_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: .*No such file"):
        transforms.read_affines(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: .*decode"):
        transforms.read_affines(path)
