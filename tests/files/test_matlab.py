from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from bids_app.errors import DataError, MissingInputError
from bids_app.files import eeg
from bids_app.values import Floats

NAMES = ["Cz", "Pz", "ECG", "stimulus"]
TABLE = {"name": NAMES, "type": ["EEG", "EEG", "ECG", "TRIG"], "units": ["µV", "μV", "mV", "n/a"]}
SCALE = np.array([1e-6, 1e-6, 1e-3, 1.0])[:, None]
N_TIME = 700
RATE_HZ = 200.0


@pytest.fixture
def stored(rng: np.random.Generator) -> Floats:
    """Make what the file holds, each row in its own unit."""
    return np.vstack([
        20 * rng.standard_normal((3, N_TIME)),
        np.repeat([[0, 25, 125, 0]], 175)[None],
    ])


def as_v5(path: Path, content: dict[str, Any]) -> Path:
    savemat(path, content)
    return path


def as_v7(path: Path, content: dict[str, Any]) -> Path:
    savemat(path, content, do_compression=True)
    return path


def as_v73(path: Path, content: dict[str, Any]) -> Path:
    """Write what MATLAB writes: HDF5 after a block of 512 bytes, columns as rows, text as numbers."""
    with h5py.File(path, "w", userblock_size=512) as opened:
        for name, value in content.items():
            if isinstance(value, dict):
                group = opened.create_group(name)
                group.attrs["MATLAB_class"] = np.bytes_("struct")
                for key, item in value.items():
                    put(group, key, item)
            else:
                put(opened, name, value)
    with path.open("r+b") as opened_again:
        opened_again.write(b"MATLAB 7.3 MAT-file, made by hand".ljust(124) + b"\x00\x02IM")
    return path


def put(group: Any, name: str, value: Any) -> None:
    kind = "double"
    if isinstance(value, str):
        value, kind = np.array([[ord(letter)] for letter in value], dtype=np.uint16), "char"
    made = group.create_dataset(name, data=np.atleast_2d(value).T if kind == "double" else value)
    made.attrs["MATLAB_class"] = np.bytes_(kind)


FORMATS = [as_v5, as_v7, as_v73]


@pytest.mark.parametrize("write", FORMATS)
@pytest.mark.parametrize("transposed", [False, True], ids=["rows", "columns"])
def test_a_bare_array_is_read_with_its_table(
    tmp_path: Path, stored: Floats, write: Any, transposed: bool
) -> None:
    path = write(tmp_path / "a_eeg.mat", {"data": stored.T if transposed else stored})
    found = eeg.read(path, TABLE, 50.0, RATE_HZ)
    assert np.allclose(found.volts, SCALE * stored, rtol=1e-6)
    assert (found.names, found.kinds) == (tuple(NAMES), ("EEG", "EEG", "ECG", "TRIG"))
    assert (found.rate_hz, found.line_hz, found.events) == (RATE_HZ, 50.0, ())
    head = eeg.read_header(path, TABLE, RATE_HZ)
    assert (head.n_samples, head.names, head.rate_hz) == (N_TIME, tuple(NAMES), RATE_HZ)


@pytest.mark.parametrize("write", FORMATS)
def test_a_struct_may_tell_rate_and_unit(tmp_path: Path, stored: Floats, write: Any) -> None:
    inside = {"Y": stored, "fs": RATE_HZ, "unit": "uV"}
    path = write(tmp_path / "a_eeg.mat", {"EEGdata": inside})
    table = {"name": NAMES}
    found = eeg.read(path, table)
    assert np.allclose(found.volts, 1e-6 * stored, rtol=1e-6)
    assert found.rate_hz == RATE_HZ
    assert eeg.read_header(path, table).n_samples == N_TIME


def test_a_struct_may_name_its_channels(tmp_path: Path, stored: Floats) -> None:
    labels = np.array(NAMES, dtype=object)
    path = as_v5(
        tmp_path / "a_eeg.mat", {"d": {"label": labels, "x": stored, "srate": 200.0, "unit": "V"}}
    )
    found = eeg.read(path)
    assert (found.names, found.rate_hz) == (tuple(NAMES), RATE_HZ)
    assert np.allclose(found.volts, stored, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "table", "rate_hz", "told"),
    [
        (
            {"a": np.ones((4, 9)), "b": np.ones((4, 8))},
            TABLE,
            1.0,
            "unclear which array is the EEG; arrays found: a (4, 9), b (4, 8)",
        ),
        (
            {"a": np.ones((1, 9))},
            TABLE,
            1.0,
            "unclear which array is the EEG; arrays found: a (9,)",
        ),
        (
            {"a": np.ones((5, 9))},
            TABLE,
            1.0,
            "its array has shape (5, 9); expected one axis of 4 channels",
        ),
        (
            {"a": np.ones((4, 9))},
            None,
            1.0,
            "nothing names the channels of its array of shape (4, 9)",
        ),
        ({"a": np.ones((4, 9))}, {"name": NAMES}, 1.0, "nothing tells the unit of its samples"),
        ({"a": np.ones((4, 9))}, TABLE, None, "nothing tells its sampling rate"),
    ],
)
def test_what_is_not_told_is_not_guessed(
    tmp_path: Path, content: dict[str, Any], table: Any, rate_hz: float | None, told: str
) -> None:
    path = as_v5(tmp_path / "a_eeg.mat", content)
    with pytest.raises(DataError) as caught:
        eeg.read(path, table, None, rate_hz)
    assert str(caught.value).startswith(f"{path}: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("write", FORMATS)
def test_truncated_files_are_told(tmp_path: Path, stored: Floats, write: Any) -> None:
    path = write(tmp_path / "a_eeg.mat", {"data": stored})
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(MissingInputError, match=rf"{path}: cannot be read as \.mat: ") as caught:
        eeg.read(path, TABLE, None, RATE_HZ)
    assert caught.value.hint == "the file is truncated; fetch it again"
