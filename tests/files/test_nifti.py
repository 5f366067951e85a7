from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bids_app import resources
from bids_app.errors import DataError, MissingInputError, TemporaryError
from bids_app.files import nifti
from bids_app.values import Floats
from bids_app.values.space import Grid, Mask, Volume

SHAPE = (4, 5, 6)
AFFINE = np.array([[-2.0, 0, 0.3, 9], [0, 2.5, 0, -8], [0.2, 0, 3, 7], [0, 0, 0, 1]])
GRID = Grid(SHAPE, AFFINE)


@pytest.fixture
def data(rng: np.random.Generator) -> Floats:
    """Make the volumes of a short series."""
    return rng.uniform(100, 200, (*SHAPE, 7)).astype(np.float32)


def save(path: Path, data: Floats, zooms: tuple[float, ...] = (), unit: str = "sec") -> Path:
    """Write a file without the module that is tested."""
    image = nib.Nifti1Image(data, AFFINE)
    image.header.set_xyzt_units("mm", unit)
    if zooms:
        image.header.set_zooms(zooms)
    nib.save(image, path)
    return path


# ------------------------------------------------------------ there and back


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_a_volume_comes_back(tmp_path: Path, data: Floats, name: str) -> None:
    path = nifti.write_volume(tmp_path / name, Volume(data[..., 0], GRID), description="µ" * 100)
    found = nifti.read_volume(path)
    assert np.array_equal(found.data, data[..., 0])
    assert found.data.dtype == np.float32
    assert found.grid.matches(GRID)
    header = nib.Nifti1Image.from_filename(path).header
    assert header["descrip"].item() == b"?" * 79
    assert header.get_xyzt_units() == ("mm", "sec")


def test_a_mask_comes_back_as_bytes(tmp_path: Path, data: Floats) -> None:
    mask = Mask(GRID, data[..., 0] > 150)
    path = nifti.write_mask(tmp_path / "m.nii.gz", mask)
    assert nifti.read_mask(path).sha256 == mask.sha256
    assert nib.Nifti1Image.from_filename(path).get_data_dtype() == np.uint8


def test_a_series_comes_back(tmp_path: Path, data: Floats) -> None:
    path = nifti.write_bold(tmp_path / "b.nii.gz", data, GRID, 2.16)
    found = nifti.read_bold(path, {})
    assert np.array_equal(found.volumes, data)
    assert found.grid.matches(GRID)
    assert found.tr_s == pytest.approx(2.16)
    assert (found.slice_times_s, found.start_time_s, found.slice_axis) == (None, 0.0, 2)
    assert nifti.series_shape(path) == (*SHAPE, 7)
    assert nib.Nifti1Image.from_filename(path).header.get_zooms()[:3] == pytest.approx(
        GRID.zooms_mm
    )


def test_a_series_of_one_volume_is_a_volume(tmp_path: Path, data: Floats) -> None:
    found = nifti.read_volume(save(tmp_path / "a.nii", data[..., :1]))
    assert np.array_equal(found.data, data[..., 0])


def test_scaled_integers_are_read_in_their_unit(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.arange(120, dtype=np.int16).reshape(SHAPE), AFFINE)
    image.header.set_slope_inter(0.5, 10)
    nib.save(image, tmp_path / "a.nii.gz")
    found = nifti.read_volume(tmp_path / "a.nii.gz")
    assert (
        found.data[1, 2, 3]
        == nib.Nifti1Image.from_filename(tmp_path / "a.nii.gz").get_fdata()[1, 2, 3]
    )


def test_voxels_without_a_value_become_zero(tmp_path: Path, data: Floats) -> None:
    volume = data[..., 0].copy()
    volume[0, 0, :3] = [np.nan, np.inf, -np.inf]
    found = nifti.read_volume(save(tmp_path / "a.nii.gz", volume))
    assert found.data[0, 0, :3].tolist() == [0, 0, 0]
    assert np.array_equal(found.data[1:], volume[1:])


# ------------------------------------------------------------ files that are broken

READERS: list[Callable[[Path], Any]] = [
    nifti.read_volume,
    nifti.read_mask,
    nifti.series_shape,
    lambda path: nifti.read_bold(path, {}),
]


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_not_there_is_told(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / "a.nii.gz"
    with pytest.raises(MissingInputError, match=f"{path}: no such file") as caught:
        read(path)
    assert "is the dataset complete" in caught.value.hint


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "content",
    [b"<html>not found</html>", gzip.compress(b"x" * 400, mtime=0), b"\x1f\x8b"],
)
def test_a_file_that_is_no_image_is_told(
    tmp_path: Path, content: bytes, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    with pytest.raises(MissingInputError, match=f"{path}: is not a NIfTI image: .+") as caught:
        read(path)
    assert "fetch the file again" in caught.value.hint


@pytest.mark.parametrize("read", READERS)
def test_an_image_of_no_voxels_is_told(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.zeros((3, 0, 4, 5), np.float32), np.eye(4)).to_filename(path)
    with pytest.raises(DataError, match=r"has shape \(3, 0, 4, 5\); expected an image"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_folder_of_that_name_is_told(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    path = tmp_path / "a.nii.gz"
    path.mkdir()
    with pytest.raises(MissingInputError, match="is a folder; expected a file"):
        read(path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "is empty"), (b"/annex/objects/MD5E-s1--0.nii.gz\n", "is a pointer of git-annex")],
    ids=["empty", "annex"],
)
def test_a_file_that_was_not_fetched_is_told(
    tmp_path: Path, content: bytes, told: str, read: Callable[[Path], Any]
) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    with pytest.raises(MissingInputError, match=f"{path}: {told}"):
        read(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_a_truncated_file_is_told(tmp_path: Path, data: Floats, name: str) -> None:
    path = save(tmp_path / name, data, (2, 2.5, 3, 2.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    for read in (READERS[0], READERS[3]):
        with pytest.raises(
            MissingInputError, match=f"{path}: cannot be read to its end: .+"
        ) as caught:
            read(path)
        assert (
            caught.value.hint == "the file is truncated, or its header is broken; fetch it again"
        )


def test_a_broken_orientation_is_told(tmp_path: Path, data: Floats) -> None:
    path = save(tmp_path / "a.nii", data[..., 0])
    content = bytearray(path.read_bytes())
    content[252:256] = (0, 0, 1, 0)  # no qform, a scanner sform
    content[280:328] = bytes(48)  # the sform's rows
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=f"{path}: affine has no volume") as caught:
        nifti.read_volume(path)
    assert caught.value.hint == "the header's orientation is broken"


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6, 2), (4, 5, 6, 1, 3)])
def test_a_volume_has_three_axes(
    tmp_path: Path, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    path = save(tmp_path / "a.nii", rng.random(shape, dtype=np.float32))
    with pytest.raises(DataError) as caught:
        nifti.read_volume(path)
    assert str(caught.value) == f"{path}: has shape {shape}; expected three axes"


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_without_contrast_is_told(tmp_path: Path, value: float) -> None:
    path = save(tmp_path / "a.nii", np.full((*SHAPE, 3), value, dtype=np.float32))
    with pytest.raises(DataError, match=f"{path}: all voxels have the same value"):
        nifti.read_bold(path, {"RepetitionTime": 2.0})
    path = save(tmp_path / "b.nii", np.full(SHAPE, value, dtype=np.float32))
    with pytest.raises(DataError, match=f"{path}: all voxels have the same value"):
        nifti.read_volume(path)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_single_volume_is_no_series(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = save(tmp_path / "a.nii", np.ones((*SHAPE, *shape), dtype=np.float32))
    with pytest.raises(DataError, match=r"has shape \(4, 5, 6.*\); expected four axes") as caught:
        nifti.read_bold(path, {})
    assert "single volume or a reference image" in caught.value.hint


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_volumes_are_counted(tmp_path: Path, data: Floats, value: float) -> None:
    data[1, 2, 3, [2, 5]] = value
    path = save(tmp_path / "a.nii", data)
    with pytest.raises(DataError, match=f"{path}: 2 of 7 volumes hold NaN or infinite"):
        nifti.read_bold(path, {"RepetitionTime": 2.0})


# ------------------------------------------------------------ times


def test_the_sidecar_wins_over_the_header(tmp_path: Path, data: Floats) -> None:
    path = save(tmp_path / "a.nii", data, (2, 2.5, 3, 3.0))
    assert nifti.repetition_time_s(path, {"RepetitionTime": 1.28}) == 1.28
    assert nifti.repetition_time_s(path, {"RepetitionTime": 2}) == 2.0
    assert nifti.repetition_time_s(path, {}) == 3.0


@pytest.mark.parametrize(("unit", "found"), [("msec", 2000.0), ("usec", 2e6), ("sec", 2.0)])
def test_the_header_says_its_unit(tmp_path: Path, data: Floats, unit: str, found: float) -> None:
    path = save(tmp_path / "a.nii", data, (2, 2.5, 3, found), unit)
    assert nifti.read_bold(path, {}).tr_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"RepetitionTime": 2000}, "RepetitionTime is 2000; expected 0.1 to 20 seconds"),
        ({"RepetitionTime": 0.0}, "RepetitionTime is 0.0; expected"),
        ({"RepetitionTime": -2.0}, "RepetitionTime is -2.0; expected"),
        ({"RepetitionTime": float("nan")}, "RepetitionTime is nan; expected"),
        ({"RepetitionTime": "2.0"}, "RepetitionTime is 2.0; expected"),
        ({"RepetitionTime": None}, "RepetitionTime is None; expected"),
        ({"RepetitionTime": True}, "RepetitionTime is True; expected"),
        ({}, r"the header's repetition time \(no sidecar gives RepetitionTime\) is 2000"),
    ],
)
def test_a_repetition_time_that_no_scanner_has_is_told(
    tmp_path: Path, data: Floats, metadata: dict[str, Any], told: str
) -> None:
    path = save(tmp_path / "a.nii", data, (2, 2.5, 3, 2000.0))
    with pytest.raises(DataError, match=f"{path}: {told}") as caught:
        nifti.read_bold(path, metadata)
    assert "usually milliseconds" in caught.value.hint


@pytest.mark.parametrize(
    ("direction", "axis", "n_slices"), [(None, 2, 6), ("k", 2, 6), ("j", 1, 5), ("i", 0, 4)]
)
def test_slice_times_go_with_their_axis(
    tmp_path: Path, data: Floats, direction: str | None, axis: int, n_slices: int
) -> None:
    path = save(tmp_path / "a.nii", data)
    times = np.linspace(0, 1.8, n_slices).tolist()
    metadata = {"RepetitionTime": 2.0, "SliceTiming": times, "StartTime": 0.25}
    for sign in ("", "-") if direction else ("",):
        told = {"SliceEncodingDirection": f"{direction}{sign}"} if direction else {}
        found = nifti.read_bold(path, metadata | told)
        assert found.slice_axis == axis
        assert found.slice_times_s is not None
        assert found.slice_times_s.tolist() == (times[::-1] if sign else times)
        assert found.start_time_s == 0.25


@pytest.mark.parametrize("times", [[0.0, 1.2, 0.6] * 2, [1.5, 1.2, 0.9, 0.6, 0.3, 0.0]])
def test_slices_come_several_at_once_and_from_the_top(
    tmp_path: Path, data: Floats, times: list[float]
) -> None:
    path = save(tmp_path / "a.nii", data)
    found = nifti.read_bold(path, {"RepetitionTime": 2.0, "SliceTiming": times})
    assert found.slice_times_s is not None
    assert found.slice_times_s.tolist() == times


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"SliceTiming": [0.0] * 5}, "SliceTiming has 5 values; the image has 6 slices"),
        ({"SliceTiming": []}, "SliceTiming has 0 values; the image has 6 slices"),
        (
            {"SliceTiming": [0.0] * 6, "SliceEncodingDirection": "j"},
            "SliceTiming has 6 values; the image has 5 slices",
        ),
        ({"SliceTiming": [0, 0, 0, 0, 0, 500]}, "SliceTiming spans 0 to 500; expected 0 to 2 sec"),
        ({"SliceTiming": [0, 0, -0.5, 0, 0, 1]}, "SliceTiming spans -0.5 to 1; expected 0 to 2"),
        ({"SliceTiming": [0, 0, float("nan"), 0, 0, 1]}, "SliceTiming spans nan to nan"),
        ({"SliceTiming": "n/a"}, "SliceTiming is 'n/a'; expected a list of seconds"),
        ({"SliceTiming": ["a"] * 6}, r"SliceTiming is \['a'.*; expected a list of seconds"),
        ({"SliceTiming": [[0.0]] * 6}, r"SliceTiming is \[\[0.0\].*; expected a list"),
        ({"StartTime": "n/a"}, "StartTime is 'n/a'; expected seconds"),
        ({"StartTime": None}, "StartTime is None; expected seconds"),
    ],
)
def test_times_that_make_no_series_are_told(
    tmp_path: Path, data: Floats, metadata: dict[str, Any], told: str
) -> None:
    path = save(tmp_path / "a.nii", data)
    with pytest.raises(DataError, match=f"{path}: {told}") as caught:
        nifti.read_bold(path, {"RepetitionTime": 2.0} | metadata)
    if "spans" in told:
        assert "usually milliseconds" in caught.value.hint


def test_a_header_that_promises_more_than_the_file_can_hold_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii.gz", np.zeros((4, 5, 6, 7), np.float32), (2, 2, 2, 2.0))
    raw = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into("<h", raw, 40 + 2 * 1, 30000)
    struct.pack_into("<h", raw, 40 + 2 * 4, 30000)
    path.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(
        MissingInputError, match=r"tells of 30000 x 5 x 6 x 30000 voxels, 108000000000 bytes; the"
    ) as caught:
        nifti.series_shape(path)
    assert "header is broken" in caught.value.hint


def test_a_checksum_that_does_not_fit_is_told(tmp_path: Path, data: Floats) -> None:
    path = save(tmp_path / "a.nii.gz", data, (2, 2.5, 3, 2.0))
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(MissingInputError, match=r"a\.nii\.gz: cannot be read to its end: CRC"):
        nifti.read_bold(path, {"RepetitionTime": 2.0})


def test_an_image_larger_than_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.nii", np.zeros((64, 64, 64, 3), np.float32), (2, 2, 2, 2.0))
    monkeypatch.setattr(resources, "memory_mb", lambda: 2)
    with pytest.raises(TemporaryError, match=r"takes 3 MB of memory; 2 MB may be used") as caught:
        nifti.read_bold(path, {"RepetitionTime": 2.0})
    assert "more memory" in caught.value.hint
