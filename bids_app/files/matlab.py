"""EEG as a MATLAB array, bare or in a struct: files of version 4 to 7.3."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from pymatreader import read_mat
from scipy.io import whosmat

from bids_app.errors import DataError, MissingInputError
from bids_app.files.tables import MISSING
from bids_app.files.units import volts_per
from bids_app.values import Floats
from bids_app.values.recording import Header

RATE_FIELDS = {"srate", "fs", "fsample", "sfreq", "samplingrate", "sampling_rate", "samplefreq"}
UNIT_FIELDS = {"unit", "units", "chanunit"}
NUMERIC = {"double", "single", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"}
CLEARLY_LARGER = 2.0
TABLE_HINT = (
    "add a channels.tsv with name, type and units beside it, and SamplingFrequency to its eeg.json"
)

Table = dict[str, list[str]]
Shapes = dict[str, tuple[int, ...]]


def read(
    path: Path, channels: Table | None, rate_hz: float | None
) -> tuple[Floats, tuple[str, ...], float]:
    """Read the largest array of a file.

    Parameters
    ----------
    path : Path
        ``.mat``.
    channels : dict of str to list of str or None
        Columns of ``channels.tsv``: ``name`` and ``units``; without it the file must hold both.
    rate_hz : float or None
        Sampling rate; None to take it from the file.

    Returns
    -------
    volts : ndarray of shape (channel, time)
        Float32. A channel whose unit is no voltage stays as it is.
    names : tuple of str
        Channels.
    rate_hz : float
        Sampling rate.

    Raises
    ------
    MissingInputError
        When the file cannot be read.
    DataError
        When it is unclear which array it is, or names, units or rate are told nowhere.
    """
    content = dict(_walk(_content(path)))
    name = _largest(path, {key: np.shape(value) for key, value in _arrays(content)})
    matrix = np.asarray(content[name])
    names = _names(path, matrix.shape, channels, content)
    if _is_transposed(path, matrix.shape, len(names)):
        matrix = matrix.T
    factors = _factors(path, names, channels, content)
    volts = np.multiply(matrix, np.asarray(factors)[:, None], dtype=np.float64)
    return volts.astype(np.float32), names, _rate(path, rate_hz, content)


def read_header(path: Path, channels: Table | None, rate_hz: float | None) -> Header:
    """Read rate, length and names; the samples too where they are in a struct, or nothing else tells names and rate."""
    shapes = _shapes(path) if channels and rate_hz else {}
    if not shapes or rate_hz is None or channels is None:
        volts, names, rate_hz = read(path, channels, rate_hz)
        return Header(rate_hz, volts.shape[1], names, ())
    shape = shapes[_largest(path, shapes)]
    names = tuple(channels["name"])
    n_samples = shape[0] if _is_transposed(path, shape, len(names)) else shape[1]
    return Header(rate_hz, n_samples, names, ())


def is_bare(path: Path) -> bool:
    """Tell whether a file holds arrays alone, whose shapes can be known without reading them."""
    return bool(_shapes(path))


def _shapes(path: Path) -> Shapes:
    """Shapes of the bare arrays; nothing when there are structs."""
    with _told_as_unreadable(path):
        if not h5py.is_hdf5(path):
            found = whosmat(str(path))
            bare = {name: tuple(shape) for name, shape, kind in found if kind in NUMERIC}
            return bare if len(bare) == len(found) else {}
        with h5py.File(path, "r") as opened:
            bare = {
                name: tuple(reversed(item.shape))  # MATLAB's columns are HDF5's rows
                for name, item in opened.items()
                if isinstance(item, h5py.Dataset)
            }
            return bare if len(bare) == len(opened) else {}


def _content(path: Path) -> dict[str, Any]:
    with _told_as_unreadable(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(read_mat(str(path)))


@contextmanager
def _told_as_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise MissingInputError(
            f"{path}: cannot be read as .mat: {error}",
            hint="the file is truncated; fetch it again",
        ) from error


def _walk(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if name.startswith("__"):
            continue
        if isinstance(value, dict):
            yield from _walk(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _arrays(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
            yield name, value


def _largest(path: Path, shapes: Shapes) -> str:
    planes = {name: shape for name, shape in shapes.items() if len(shape) == 2 and min(shape) > 1}  # noqa: PLR2004 (a recording has rows and columns)
    ranked = sorted(planes, key=lambda name: -int(np.prod(planes[name])))
    sizes = [float(np.prod(planes[name])) for name in ranked]
    if not ranked or (len(ranked) > 1 and sizes[0] < CLEARLY_LARGER * sizes[1]):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"
        raise DataError(
            f"{path}: it is unclear which array is the EEG; arrays found: {told}",
            hint="keep one array of channels by samples in the file",
        )
    return ranked[0]


def _names(
    path: Path, shape: tuple[int, ...], channels: Table | None, content: dict[str, Any]
) -> tuple[str, ...]:
    if channels and channels.get("name"):
        return tuple(channels["name"])
    for value in content.values():
        if isinstance(value, list) and len(value) in shape and len(value) > 1:
            words = [word for word in value if isinstance(word, str) and word]
            if len(words) == len(value) == len(set(words)):
                return tuple(words)
    raise DataError(
        f"{path}: nothing names the channels of its array of shape {shape}", hint=TABLE_HINT
    )


def _is_transposed(path: Path, shape: tuple[int, ...], n_channels: int) -> bool:
    if n_channels not in shape:
        raise DataError(
            f"{path}: its array has shape {shape}; expected one axis of {n_channels} channels",
            hint="one row of channels.tsv stands for each channel, in order",
        )
    return shape[0] != n_channels


def _factors(
    path: Path, names: tuple[str, ...], channels: Table | None, content: dict[str, Any]
) -> list[float]:
    units = (channels or {}).get("units")
    if units is None:
        found = _field(content, UNIT_FIELDS)
        units = [found] * len(names) if isinstance(found, str) else list(found or [])
    if len(units) != len(names) or all(unit in {"", MISSING} for unit in units):
        raise DataError(f"{path}: nothing tells the unit of its samples", hint=TABLE_HINT)
    return [volts_per(str(unit)) or 1.0 for unit in units]


def _rate(path: Path, rate_hz: float | None, content: dict[str, Any]) -> float:
    told = rate_hz if rate_hz is not None else _field(content, RATE_FIELDS)
    if not isinstance(told, (int, float, np.number)) or not float(told) > 0:
        raise DataError(f"{path}: nothing tells its sampling rate", hint=TABLE_HINT)
    return float(told)


def _field(content: dict[str, Any], known: set[str]) -> Any:
    for name, value in content.items():
        if name.rsplit(".", 1)[-1].casefold() in known:
            return value
    return None
