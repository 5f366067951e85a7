"""Raw images that can be read, and are not what they should be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bids_app.errors import DataError, MissingInputError
from bids_app.files import nifti
from bids_app.files.raw import alternation, check_image, check_series
from bids_app.preproc.fmri.grids import to_ras
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Grid, Volume

SHAPE = (5, 6, 7)
AFFINE = np.array([[-3.0, 0, 0, 9], [0, 2.5, 0, -8], [0, 0, 4, 7], [0, 0, 0, 1]])
TR = {"RepetitionTime": 2.0}


@pytest.fixture
def data(rng: np.random.Generator) -> Floats:
    return rng.uniform(100, 200, (*SHAPE, 12)).astype(np.float32)


def save(path: Path, data: Any, **header: Any) -> Path:
    """Write a file whose header can be spoiled."""
    image = nib.Nifti1Image(data, header.get("sform", AFFINE))
    image.set_qform(header.get("qform", AFFINE), code=header.get("q_code", 1))
    image.set_sform(header.get("sform", AFFINE), code=header.get("s_code", 1))
    image.header.set_xyzt_units(header.get("unit", "mm"), header.get("time_unit", "sec"))
    zooms = header.get("zooms", (3.0, 2.5, 4.0))
    image.header["pixdim"][1:5] = (*zooms, header.get("tr_s", 2.0))
    nib.save(image, path)
    return path


def notes(path: Path, **metadata: Any) -> tuple[str, ...]:
    return check_series(path, metadata, nifti.read_bold(path, TR | metadata))


def test_a_sound_series_has_no_notes(tmp_path: Path, data: Floats) -> None:
    assert notes(save(tmp_path / "a.nii.gz", data)) == ()


# ------------------------------------------------------------ volumes


@pytest.mark.parametrize(("empty", "value"), [([0], 0), ([10, 11], 0), ([3], 50)])
def test_empty_volumes_are_counted(
    tmp_path: Path, data: Floats, empty: list[int], value: float
) -> None:
    data[..., empty] = value
    told = f"{len(empty)} of 12 volumes are empty, the first is number {empty[0] + 1}"
    with pytest.raises(DataError, match=told) as caught:
        notes(save(tmp_path / "a.nii.gz", data))
    assert "cut the empty volumes off" in caught.value.hint


def test_volumes_without_numbers_are_counted(tmp_path: Path, data: Floats) -> None:
    data[..., 4] = np.nan
    data[0, 0, 0, 5] = -np.inf
    with pytest.raises(DataError, match="2 of 12 volumes hold NaN or infinite values"):
        notes(save(tmp_path / "a.nii.gz", data))


def test_one_slice_is_no_brain(tmp_path: Path, data: Floats) -> None:
    path = save(tmp_path / "a.nii.gz", data[:, :, 3:4])
    with pytest.raises(
        DataError, match=r"a\.nii\.gz: has 5 x 6 x 1 voxels; expected 4 or"
    ) as caught:
        notes(path)
    assert caught.value.hint == "a few slices cannot be aligned with a brain"


@pytest.mark.parametrize("key", ["ArterialSpinLabelingType", "PostLabelingDelay"])
def test_perfusion_is_refused(tmp_path: Path, data: Floats, key: str) -> None:
    with pytest.raises(DataError, match=f"its sidecar has {key}: this is arterial spin") as caught:
        notes(save(tmp_path / "a.nii.gz", data), **{key: 1.8})
    assert "perf/" in caught.value.hint


def test_volumes_that_alternate_are_doubted(rng: np.random.Generator) -> None:
    grid = Grid(SHAPE, AFFINE)
    volumes = 100 + rng.normal(0, 1, (*SHAPE, 41)).astype(np.float32)
    drifting = volumes + np.linspace(0, 20, 41).astype(np.float32)
    labelled = drifting.copy()
    labelled[..., ::2] *= 1.01
    assert alternation(BoldSeries(volumes, grid, 2.0)) == 0
    assert alternation(BoldSeries(drifting, grid, 2.0)) == 0
    assert alternation(BoldSeries(labelled, grid, 2.0)) == pytest.approx(0.01, rel=0.4)
    assert alternation(BoldSeries(labelled[..., :8], grid, 2.0)) == 0


def test_alternation_reaches_the_report(tmp_path: Path, data: Floats) -> None:
    data[..., 1::2] *= 1.2
    (note,) = notes(save(tmp_path / "a.nii.gz", data))
    assert note.startswith("a.nii.gz: every other volume is brighter, by 18")


# ------------------------------------------------------------ header


def test_a_header_that_disagrees_with_the_sidecar_is_told(tmp_path: Path, data: Floats) -> None:
    (note,) = notes(save(tmp_path / "a.nii.gz", data, tr_s=2.5))
    assert note == "a.nii.gz: RepetitionTime is 2 s; the header says 2.5 s, and was not believed"
    assert notes(save(tmp_path / "b.nii.gz", data, tr_s=0.0)) == ()
    assert notes(save(tmp_path / "c.nii.gz", data, tr_s=2000.0, time_unit="msec")) == ()


@pytest.mark.parametrize(("unit", "scale"), [("meter", 1e-3), ("micron", 1e3)])
def test_wrong_units_are_refused(tmp_path: Path, data: Floats, unit: str, scale: float) -> None:
    affine = AFFINE * np.array([scale, scale, scale, 1])[:, None]
    zooms = tuple(scale * zoom for zoom in (3.0, 2.5, 4.0))
    path = save(tmp_path / "a.nii.gz", data, unit=unit, sform=affine, qform=affine, zooms=zooms)
    with pytest.raises(
        DataError, match=f"voxels of {zooms[0]:g} x .*; expected 0.1 to 25"
    ) as caught:
        notes(path)
    assert caught.value.hint == f"the header's unit is {unit}; NIfTI readers expect mm"


def test_orientations_that_mirror_each_other_are_refused(tmp_path: Path, data: Floats) -> None:
    mirrored = AFFINE * np.array([-1, 1, 1, 1])[:, None]
    path = save(tmp_path / "a.nii.gz", data, qform=mirrored)
    with pytest.raises(DataError, match="sform and qform mirror each other") as caught:
        check_image(path)
    assert "correct the header" in caught.value.hint


def test_orientations_that_differ_are_told(tmp_path: Path, data: Floats) -> None:
    moved = AFFINE.copy()
    moved[:3, 3] += [0, 3, 4]
    (note,) = check_image(save(tmp_path / "a.nii.gz", data, qform=moved))
    assert note == "a.nii.gz: sform and qform differ by up to 5.0 mm; the sform is taken"
    assert check_image(save(tmp_path / "b.nii.gz", data, qform=moved, q_code=0)) == ()


def test_an_oblique_acquisition_is_told(tmp_path: Path, data: Floats) -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", 14, degrees=True).as_matrix()
    tilted = turn @ AFFINE
    told = "a.nii.gz: acquired obliquely, 14 degrees from the scanner's axes"
    for code in (0, 1):
        path = save(tmp_path / "a.nii.gz", data, sform=tilted, qform=tilted, s_code=code)
        (note,) = notes(path)
        assert note == f"{told}; each voxel is taken where the header puts it"
    turn[:3, :3] = Rotation.from_euler("x", 0.8, degrees=True).as_matrix()
    straight = turn @ AFFINE
    assert notes(save(tmp_path / "a.nii.gz", data, sform=straight, qform=straight)) == ()


def test_no_orientation_is_told(tmp_path: Path, data: Floats) -> None:
    (note,) = check_image(save(tmp_path / "a.nii.gz", data, s_code=0, q_code=0))
    assert note == "a.nii.gz: the header tells no orientation; left and right are a guess"


def test_a_mirrored_grid_puts_each_voxel_at_its_place(tmp_path: Path, data: Floats) -> None:
    flipped = AFFINE.copy()
    flipped[0] = [3, 0, 0, 9 - 3.0 * (SHAPE[0] - 1)]
    one = nifti.read_bold(save(tmp_path / "a.nii.gz", data), TR)
    other_path = save(tmp_path / "b.nii.gz", data[::-1], sform=flipped, qform=flipped)
    other = nifti.read_bold(other_path, TR)
    there, back = (to_ras(Volume(series.volumes[..., 3], series.grid)) for series in (one, other))
    assert there.grid.matches(back.grid)
    assert np.array_equal(there.data, back.data)


# ------------------------------------------------------------ encodings


def test_big_endian_integers_with_scaling_are_read_in_their_unit(
    tmp_path: Path, data: Floats
) -> None:
    stored = np.round((data - 150) / 0.01).astype(">i2")
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    image = nib.Nifti1Image(stored, AFFINE, header)
    image.header.set_slope_inter(0.01, 150)
    image.header.set_zooms((3.0, 2.5, 4.0, 2.0))
    nib.save(image, tmp_path / "a.nii")
    content = (tmp_path / "a.nii").read_bytes()
    assert content[:4] == (348).to_bytes(4, "big")
    # nibabel scales while it writes: put the integers and their scale there as a scanner does.
    spoiled = bytearray(content[:352]) + stored.tobytes(order="F")
    spoiled[112:120] = np.array([0.01, 150], dtype=">f4").tobytes()
    (tmp_path / "a.nii").write_bytes(bytes(spoiled))
    found = nifti.read_bold(tmp_path / "a.nii", TR)
    assert found.volumes == pytest.approx(data, abs=0.006)
    assert found.volumes.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "compress", "hint"),
    [
        ("a.nii.gz", False, "the file is not compressed: name it a.nii, or compress it"),
        ("a.nii", True, "the file is compressed: name it a.nii.gz"),
    ],
)
def test_a_name_that_tells_the_wrong_format(
    tmp_path: Path, data: Floats, name: str, compress: bool, hint: str
) -> None:
    content = save(tmp_path / "right.nii", data).read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if compress else content)
    with pytest.raises(MissingInputError, match=f"{name}: is not a NIfTI image") as caught:
        nifti.read_bold(tmp_path / name, TR)
    assert caught.value.hint == hint
