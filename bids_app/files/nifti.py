"""NIfTI ↔ volumes, series and masks (the only importer of nibabel)."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bids_app import resources
from bids_app.errors import DataError, MissingInputError, TemporaryError
from bids_app.files.fetched import check_fetched
from bids_app.files.whole import whole
from bids_app.values import Floats, Ints
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Grid, Mask, Volume

SHORTEST_TR_S, LONGEST_TR_S = 0.1, 20.0
SLICE_AXES = {"i": 0, "j": 1, "k": 2}
HEADER_TEXT_LENGTH = 79
TRUNCATED = "the file is truncated, or its header is broken; fetch it again"
BLOCK_BYTES = 2**20
GZIP = b"\x1f\x8b"
NIFTI_SIZES = {348, 540}  # first number of a header of NIfTI-1 and -2
DEFLATE_AT_MOST = 1032  # nothing compresses further (zlib, technical details)


def read_volume(path: Path) -> Volume:
    """Read one three-dimensional image as float32; NaN and infinite values become 0.

    Raises
    ------
    MissingInputError
        When the file is missing or is no NIfTI.
    DataError
        When it is not three-dimensional, or holds no finite value.
    """
    image = _load(path)
    data = _array(image, path)
    if data.ndim == 4 and data.shape[3] == 1:  # noqa: PLR2004 (a series of one volume is an image)
        data = data[..., 0]
    if data.ndim != 3:  # noqa: PLR2004 (x, y, z)
        raise DataError(f"{path}: has shape {data.shape}; expected three axes")
    _refuse_empty(data, path)
    return Volume(np.nan_to_num(data, posinf=0.0, neginf=0.0), _grid(image, path))


def read_mask(path: Path) -> Mask:
    """Read a mask: every voxel above one half is kept."""
    volume = read_volume(path)
    return Mask(volume.grid, volume.data > 0.5)  # noqa: PLR2004 (resampled masks hold shares of voxels)


def read_labels(path: Path, mask: Mask) -> Ints:
    """Read the regions of an atlas in the voxels of a mask, by the nearest voxel.

    Parameters
    ----------
    path : Path
        NIfTI of whole numbers, in the space of the mask, on any grid.
    mask : Mask
        Where to.

    Returns
    -------
    ndarray of shape (voxel,)
        Label of each voxel; 0 for none.
    """
    atlas = read_volume(path)
    _refuse_empty(atlas.data, path)
    onto = np.linalg.inv(atlas.grid.affine) @ mask.grid.affine
    places = np.argwhere(mask.inside) @ onto[:3, :3].T + onto[:3, 3]
    nearest = np.rint(places).astype(int)
    known = ((nearest >= 0) & (nearest < atlas.data.shape)).all(axis=1)
    labels = np.zeros(len(nearest), np.int64)
    labels[known] = np.rint(atlas.data[tuple(nearest[known].T)]).astype(np.int64)
    return labels


def read_bold(path: Path, metadata: dict[str, Any]) -> BoldSeries:
    """Read a BOLD series with its sidecar.

    Parameters
    ----------
    path : Path
        NIfTI file.
    metadata : dict
        Its sidecar, inherited keys included. ``RepetitionTime`` wins over the header.

    Raises
    ------
    MissingInputError
        When the file is missing or cannot be read to its end.
    DataError
        When shape, values or times make no BOLD series.
    """
    image = _load(path)
    if len(image.shape) != 4 or image.shape[3] < 2:  # noqa: PLR2004 (x, y, z, time; a series has two)
        raise DataError(
            f"{path}: has shape {image.shape}; expected four axes (x, y, z, time)",
            hint="is this a single volume or a reference image? Name it with another suffix than bold",
        )
    data = _array(image, path)
    _refuse_bad_volumes(data, path)
    tr_s = repetition_time_s(path, metadata)
    axis = slice_axis(metadata)
    slice_times_s = _slice_times(path, metadata, image.shape[axis], tr_s)
    if slice_times_s is not None and str(metadata.get("SliceEncodingDirection")).endswith("-"):
        slice_times_s = slice_times_s[::-1]  # the first time is that of the last slice
    return BoldSeries(
        volumes=data,
        grid=_grid(image, path),
        tr_s=tr_s,
        slice_times_s=slice_times_s,
        slice_axis=axis,
        start_time_s=_start_time_s(path, metadata),
    )


def repetition_time_s(path: Path, metadata: dict[str, Any]) -> float:
    """Repetition time of a BOLD file, from its sidecar, else from its header.

    Raises
    ------
    DataError
        When neither gives a time that a scanner produces.
    """
    if "RepetitionTime" in metadata:
        found, where = metadata["RepetitionTime"], "RepetitionTime"
    else:
        found, where = (
            header_tr_s(path),
            "the header's repetition time (no sidecar gives RepetitionTime)",
        )
    if not _is_number(found) or not SHORTEST_TR_S <= found <= LONGEST_TR_S:
        raise DataError(
            f"{path}: {where} is {found}; expected {SHORTEST_TR_S:g} to {LONGEST_TR_S:g} seconds",
            hint="BIDS wants seconds; a value in the thousands is usually milliseconds",
        )
    return float(found)


def slice_axis(metadata: dict[str, Any]) -> int:
    """Voxel axis along which slices are stacked, from a sidecar; the third when it does not tell."""
    return SLICE_AXES.get(str(metadata.get("SliceEncodingDirection", "k"))[:1], 2)


def series_shape(path: Path) -> tuple[int, ...]:
    """Shape of an image, from its header."""
    return tuple(int(length) for length in _load(path).shape)


def write_volume(
    path: Path, volume: Volume, dtype: Any = np.float32, description: str = ""
) -> Path:
    """Write one image.

    Parameters
    ----------
    path : Path
        Ends with ``.nii.gz``.
    volume : Volume
        Data of shape (x, y, z).
    dtype : numpy type, default=float32
        Type on disk.
    description : str
        For the header, 79 characters at most.
    """
    image = nib.Nifti1Image(np.asarray(volume.data, dtype=dtype), volume.grid.affine)
    return _save(path, image, description)


def write_mask(path: Path, mask: Mask) -> Path:
    """Write a mask as 0 and 1."""
    return write_volume(path, Volume(mask.inside.astype(np.uint8), mask.grid), dtype=np.uint8)


def write_bold(
    path: Path,
    volumes: Floats,
    grid: Grid,
    tr_s: float,
    description: str = "",
    dtype: Any = np.float32,
) -> Path:
    """Write a series.

    Parameters
    ----------
    path : Path
        Ends with ``.nii.gz``.
    volumes : ndarray of shape (x, y, z, time)
        Intensities.
    grid : Grid
        Where the voxels are.
    tr_s : float
        Repetition time, for the header.
    description : str
        For the header, 79 characters at most.
    dtype : numpy type, default=float32
        Type on disk.
    """
    image = nib.Nifti1Image(np.asarray(volumes, dtype=dtype), grid.affine)
    image.header.set_zooms((*(float(zoom) for zoom in grid.zooms_mm), float(tr_s)))
    return _save(path, image, description)


def _load(path: Path) -> Any:
    check_fetched(path)
    try:
        image: Any = nib.load(path)
    except Exception as error:
        raise MissingInputError(
            f"{path}: is not a NIfTI image: {error}", hint=_why_not_an_image(path)
        ) from error
    if 0 in image.shape:
        raise DataError(f"{path}: has shape {image.shape}; expected an image")
    _refuse_more_than_the_file_holds(image, path)
    return image


def _why_not_an_image(path: Path) -> str:
    with path.open("rb") as opened:
        start = opened.read(4)
    if path.suffix == ".gz" and int.from_bytes(start, "little") in NIFTI_SIZES:
        return (
            f"the file is not compressed: name it {path.name.removesuffix('.gz')}, or compress it"
        )
    if path.suffix != ".gz" and start.startswith(GZIP):
        return f"the file is compressed: name it {path.name}.gz"
    return "fetch the file again (a broken download looks like this)"


def _refuse_more_than_the_file_holds(image: Any, path: Path) -> None:
    told = math.prod(int(length) for length in image.shape) * image.get_data_dtype().itemsize
    held = path.stat().st_size * (DEFLATE_AT_MOST if path.suffix == ".gz" else 1)
    if told > held:
        raise MissingInputError(
            f"{path}: cannot be read to its end: the header tells of "
            f"{' x '.join(map(str, image.shape))} voxels, {told} bytes; the file holds {held} at most",
            hint=TRUNCATED,
        )


def _refuse_more_than_memory_holds(image: Any, path: Path) -> None:
    needed_mb = math.prod(int(length) for length in image.shape) * 4 // resources.MB
    free_mb = resources.memory_mb()
    if free_mb is not None and needed_mb > free_mb:
        raise TemporaryError(
            f"{path}: takes {needed_mb} MB of memory; {free_mb} MB may be used",
            hint="run this participant where there is more memory",
        )


def _array(image: Any, path: Path) -> Floats:
    _refuse_more_than_memory_holds(image, path)
    try:
        if path.suffix != ".gz":
            return np.asanyarray(image.dataobj, dtype=np.float32)
        with gzip.open(path) as opened:
            stream = type(image).from_stream(opened)
            data: Floats = np.asanyarray(stream.dataobj, dtype=np.float32)
            # To the very end, where the checksum stands: nibabel stops at the last voxel.
            while opened.read(BLOCK_BYTES):
                pass
    except Exception as error:
        raise MissingInputError(
            f"{path}: cannot be read to its end: {error}",
            hint=TRUNCATED,
        ) from error
    return data


def _grid(image: Any, path: Path) -> Grid:
    shape = tuple(int(length) for length in image.shape[:3])
    try:
        return Grid((shape[0], shape[1], shape[2]), np.asarray(image.affine, dtype=np.float64))
    except ValueError as error:
        raise DataError(f"{path}: {error}", hint="the header's orientation is broken") from error


def _refuse_empty(data: Floats, path: Path) -> None:
    if not np.isfinite(data).any() or float(np.nanmax(data)) == float(np.nanmin(data)):
        raise DataError(f"{path}: all voxels have the same value; expected an image")


def _refuse_bad_volumes(data: Floats, path: Path) -> None:
    """Refuse a series of shape (x, y, z, time) of which some volumes hold nothing, or what is no number."""
    largest, smallest = data.max(axis=(0, 1, 2)), data.min(axis=(0, 1, 2))
    finite = np.isfinite(largest) & np.isfinite(smallest)
    empty = finite & (largest == smallest)
    n_volumes = data.shape[3]
    if empty.all() or (not finite.any() and not np.isfinite(data).any()):
        raise DataError(f"{path}: all voxels have the same value; expected an image")
    if not finite.all():
        raise DataError(
            f"{path}: {np.count_nonzero(~finite)} of {n_volumes} volumes hold NaN or infinite values"
        )
    if empty.any():
        raise DataError(
            f"{path}: {np.count_nonzero(empty)} of {n_volumes} volumes are empty, the first is number "
            f"{int(np.argmax(empty)) + 1}",
            hint="a scan that was stopped ends like this: cut the empty volumes off",
        )


def header_tr_s(path: Path) -> float:
    """Repetition time in the header of an image, in seconds; often 0 or 1 where nobody set it."""
    header = _load(path).header
    scale = {"msec": 1e-3, "usec": 1e-6}.get(header.get_xyzt_units()[1], 1.0)
    return float(header.get_zooms()[3]) * scale


def _slice_times(
    path: Path, metadata: dict[str, Any], n_slices: int, tr_s: float
) -> Floats | None:
    if "SliceTiming" not in metadata:
        return None
    found = metadata["SliceTiming"]
    if not isinstance(found, list) or not all(_is_number(item) for item in found):
        raise DataError(f"{path}: SliceTiming is {found!r}; expected a list of seconds")
    times = np.asarray(found, dtype=np.float64)
    if len(times) != n_slices:
        raise DataError(
            f"{path}: SliceTiming has {len(times)} values; the image has {n_slices} slices"
        )
    if not (times.min() >= 0 and times.max() <= tr_s):
        raise DataError(
            f"{path}: SliceTiming spans {times.min():g} to {times.max():g}; expected 0 to {tr_s:g} seconds",
            hint="BIDS wants seconds; values in the hundreds are usually milliseconds",
        )
    return times


def _start_time_s(path: Path, metadata: dict[str, Any]) -> float:
    found = metadata.get("StartTime", 0.0)
    if not _is_number(found):
        raise DataError(f"{path}: StartTime is {found!r}; expected seconds")
    return float(found)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _save(path: Path, image: Any, description: str) -> Path:
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = description[:HEADER_TEXT_LENGTH].encode("ascii", "replace")
    with whole(path) as partial:
        nib.save(image, partial)
    return path
