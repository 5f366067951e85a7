"""Whatever a file holds, whoever reads it gives a value or an error that a user can act on; nothing else."""

from __future__ import annotations

import contextlib
import gzip
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bids_app.cli import command
from bids_app.config import read_config_file
from bids_app.configure import configure
from bids_app.errors import AppError
from bids_app.files import eeg, nifti
from bids_app.files.composite import read_composite
from bids_app.files.itk import read_itk
from bids_app.files.numbers import read_numbers
from bids_app.files.sidecar import read_json
from bids_app.files.tables import read_tsv
from bids_app.files.transforms import read_affines
from bids_app.layout.clock import Expected, fit_clock
from bids_app.layout.slice_order import parse
from bids_app.learn.bundle import load
from bids_app.values.entities import parse_name
from bids_app.values.recording import Event

FEW = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VHDR = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile=a.eeg
MarkerFile=a.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=2
SamplingInterval=4000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=Fz,,0.5,uV
Ch2=Cz,,0.5,uV
"""
VMRK = "Brain Vision Data Exchange Marker File\n[Marker Infos]\nMk1=Response,R128,1,1,0\n"
JSON = b'{"RepetitionTime": 2.0, "SliceTiming": [0, 0.5, 1.0], "TaskName": "rest"}'
TSV = b"onset\tduration\ttrial_type\n1.0\tn/a\tR128\n2.0\t0.5\tstim\n"
TOML = b"[eeg.band]\nlow_hz = 0.5\n[run]\nwindow = 20\n"
ITK = (
    b"#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
    b"Parameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n"
)


def image() -> bytes:
    """A small valid image, unpacked."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 4, 3, 4, 5, 6, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1, 2, 2, 2, 2, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<hh", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0)
    header[344:348] = b"n+1\0"
    return bytes(header) + np.arange(360, dtype="<f4").tobytes()


Read = Callable[[Path], Any]
PARSERS: dict[str, tuple[str, bytes, Read]] = {
    "JSON": ("a.json", JSON, read_json),
    "TSV": ("a.tsv", TSV, read_tsv),
    "TOML": ("a.toml", TOML, read_config_file),
    "numbers": ("a.txt", b"1.0 2.0, 3e-3\n", read_numbers),
    "affines": ("a.txt", ITK, read_affines),
    "ITK": ("a.txt", ITK, read_itk),
    "composite": ("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), read_composite),
    "NIfTI": ("a.nii", image(), nifti.read_volume),
    "BOLD": ("a.nii", image(), lambda path: nifti.read_bold(path, {"RepetitionTime": 2.0})),
    "BrainVision header": ("a.vhdr", VHDR.encode(), eeg.read_header),
    "EDF": ("a.edf", b"0       " + b" " * 248, eeg.read_header),
    "EEGLAB": ("a.set", b"MATLAB 5.0 MAT-file" + bytes(109), eeg.read_header),
    "FIF": ("a.fif", bytes(64), eeg.read_header),
}


@st.composite
def spoiled(draw: st.DrawFn, valid: bytes) -> bytes:
    """Random bytes; or a valid file with bytes changed, cut, or put in."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=400))
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 6))):
        where = draw(st.integers(0, max(0, min(len(content), 400) - 1)))
        piece = draw(st.one_of(st.binary(max_size=8), st.sampled_from(SPITEFUL)))
        content[where : where + draw(st.integers(0, 8))] = piece
    return bytes(content[: draw(st.one_of(st.none(), st.integers(0, len(content))))])


SPITEFUL = [
    b"\xff\xff\xff\x7f",
    b"\x00\x00\xc0\x7f",
    b"nan",
    b"1e999",
    b"-1",
    b"\x00",
    b"{" * 50,
    b"\t",
    b"\n",
    b"=",
    b"[",
    "µ".encode(),
]


@pytest.mark.parametrize("name", PARSERS)
def test_files(name: str, tmp_path: Path) -> None:
    file, valid, read = PARSERS[name]
    (tmp_path / "a.vmrk").write_text(VMRK)
    (tmp_path / "a.eeg").write_bytes(bytes(4000))

    @FEW
    @given(spoiled(valid))
    def trial(content: bytes) -> None:
        path = tmp_path / file
        path.write_bytes(content)
        with contextlib.suppress(AppError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)

    trial()


def test_packed_images(tmp_path: Path) -> None:
    @FEW
    @given(spoiled(gzip.compress(image())))
    def trial(content: bytes) -> None:
        path = tmp_path / "a.nii.gz"
        path.write_bytes(content)
        with contextlib.suppress(AppError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nifti.read_bold(path, {"RepetitionTime": 2.0})

    trial()


def test_markers(tmp_path: Path) -> None:
    (tmp_path / "a.vhdr").write_text(VHDR)
    (tmp_path / "a.eeg").write_bytes(bytes(4000))

    @FEW
    @given(spoiled(VMRK.encode()))
    def trial(content: bytes) -> None:
        (tmp_path / "a.vmrk").write_bytes(content)
        with contextlib.suppress(AppError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            eeg.read_header(tmp_path / "a.vhdr")

    trial()


def test_bundles(tmp_path: Path) -> None:
    @FEW
    @given(
        spoiled(b'{"version": 1, "architecture": "ridge", "eeg": {}, "bold": {}}'),
        st.binary(max_size=60),
    )
    def trial(content: bytes, weights: bytes) -> None:
        (tmp_path / "bundle.json").write_bytes(content)
        for name in ("weights.safetensors", "model.safetensors"):
            (tmp_path / name).write_bytes(weights)
        with contextlib.suppress(AppError):
            load(tmp_path)

    trial()


@FEW
@given(st.text(max_size=60))
def test_names_and_orders(text: str) -> None:
    parse(text)
    with contextlib.suppress(ValueError):
        parse_name(text)


SECONDS = st.floats(allow_nan=True, allow_infinity=True)


@FEW
@given(
    st.lists(st.tuples(SECONDS, st.sampled_from(["R128", "S 1", "", "T"])), max_size=20),
    st.floats(0.1, 20),
    st.one_of(st.none(), st.integers(0, 10**9)),
    st.floats(0, 1e9),
)
def test_clocks(
    found: list[tuple[float, str]], tr_s: float, n_volumes: int | None, eeg_s: float
) -> None:
    events = tuple(Event(onset_s, label) for onset_s, label in found)
    with contextlib.suppress(AppError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_clock(events, Expected(tr_s, n_volumes, eeg_s), "a.vhdr", "recording")


@FEW
@given(
    st.lists(
        st.one_of(
            st.sampled_from([name for one in command.params for name in one.opts]),
            st.text(max_size=8),
        ),
        max_size=8,
    )
)
def test_command_lines(words: list[str]) -> None:
    with contextlib.suppress(AppError, click.exceptions.Exit, click.ClickException):
        context = command.make_context("eeg2fmri", ["in", "out", "participant", *words])
        given_values = dict(context.params)
        for name in ("quiet", "verbose"):
            given_values.pop(name)
        configure(given_values, command)
