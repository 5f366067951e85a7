"""Variants of BrainVision, each written by hand from the format's description."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest

from bids_app.errors import DataError, MissingInputError
from bids_app.files import brainvision, eeg
from bids_app.values import Floats

NAMES = ("Cz", "P,z", "ECG")
N_TIME = 600
RATE_HZ = 250.0
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures" / "eeg_rest_fmri_NODDI"
MARKERS = """Brain Vision Data Exchange Marker File, Version {version}.0
[Common Infos]
Codepage=UTF-8
[Marker Infos]
Mk1=New Segment,,1,1,0,20130410102740488278
Mk2=Scanner,Scan Start,37,1,0
Mk3=Scanner,s ,37,1,0,,false
Mk4=Stimulus,S  1\\1 left,101,25,0
Mk5=New Segment,,301,1,0
Mk6=Pulse Artifact,R,,1,32
"""


def header(version: int, **told: str) -> str:
    fields = {
        "DataFile": "a_eeg.eeg",
        "MarkerFile": "a_eeg.vmrk",
        "DataFormat": "BINARY",
        "DataOrientation": "MULTIPLEXED",
        "NumberOfChannels": "3",
        "SamplingInterval": "4000",
    } | {name: value for name, value in told.items() if not name.startswith("Binary")}
    lines = "\r\n".join(f"{name}={value}" for name, value in fields.items() if value)
    unit = "0.5,µV" if told.get("BinaryFormat") == "INT_16" else ",µV"
    channels = "\r\n".join(
        f"Ch{row}={name.replace(',', chr(92) + '1')},,{unit}" for row, name in enumerate(NAMES, 1)
    )
    return (
        f"Brain Vision Data Exchange Header File Version {version}.0\r\n; made by hand\r\n\r\n"
        f"[Common Infos]\r\nCodepage=UTF-8\r\n{lines}\r\n\r\n[Binary Infos]\r\n"
        f"BinaryFormat={told.get('BinaryFormat', 'IEEE_FLOAT_32')}\r\n\r\n[Channel Infos]\r\n{channels}\r\n\r\n"
        "[Comment]\r\nDataFile=of another recording\r\n"
    )


def write(folder: Path, volts: Floats, version: int = 2, **told: str) -> Path:
    """Write a recording, header and samples by hand."""
    microvolts = 1e6 * volts
    samples = (
        np.round(microvolts / 0.5).astype("<i2")
        if told.get("BinaryFormat") == "INT_16"
        else microvolts.astype("<f4")
    )
    by_channel = told.get("DataOrientation") == "VECTORIZED"
    told = ({"DataPoints": str(N_TIME)} if by_channel else {}) | told
    (folder / "a_eeg.vhdr").write_text(header(version, **told), "utf-8", newline="")
    (folder / "a_eeg.vmrk").write_text(MARKERS.format(version=version), "utf-8")
    (folder / "a_eeg.eeg").write_bytes((samples if by_channel else samples.T).tobytes())
    return folder / "a_eeg.vhdr"


@pytest.fixture
def volts(rng: np.random.Generator) -> Floats:
    """Make signals that 16 bits of half a microvolt can hold."""
    return 0.5e-6 * rng.integers(-900, 900, (3, N_TIME))


@pytest.mark.parametrize(
    ("version", "kind", "orientation"),
    [*itertools.product((1, 2), ("INT_16", "IEEE_FLOAT_32"), ("MULTIPLEXED", "VECTORIZED"))],
)
def test_every_variant_is_read(
    tmp_path: Path, volts: Floats, version: int, kind: str, orientation: str
) -> None:
    path = write(tmp_path, volts, version, BinaryFormat=kind, DataOrientation=orientation)
    found = eeg.read(path)
    assert np.allclose(found.volts, volts, atol=1e-10)
    assert (found.names, found.rate_hz) == (NAMES, RATE_HZ)
    assert [(event.label, event.onset_s, event.duration_s) for event in found.events] == [
        ("Scanner/Scan Start", 0.144, 0.004),
        ("Scanner/s ", 0.144, 0.004),
        ("Stimulus/S  1, left", 0.4, 0.1),
    ]
    head = eeg.read_header(path)
    assert (head.n_samples, head.names, head.rate_hz) == (N_TIME, NAMES, RATE_HZ)
    assert head.events == found.events


def test_headers_of_windows_programs_are_read(tmp_path: Path, volts: Floats) -> None:
    path = write(tmp_path, volts)
    text = path.read_text("utf-8")
    path.write_bytes(text.encode("latin-1"))
    assert np.allclose(eeg.read(path).volts, volts, atol=1e-10)
    assert eeg.read_header(path).names == NAMES


@pytest.mark.parametrize("suffix", [".eeg", ".dat"])
def test_samples_are_found_after_a_renaming(tmp_path: Path, volts: Floats, suffix: str) -> None:
    path = write(tmp_path, volts, DataFile="20130410_export.dat")
    (tmp_path / "a_eeg.eeg").rename(tmp_path / f"a_eeg{suffix}")
    assert np.allclose(eeg.read(path).volts, volts, atol=1e-10)
    assert eeg.read_header(path).n_samples == N_TIME


def test_two_files_that_could_hold_the_samples_are_told(tmp_path: Path, volts: Floats) -> None:
    path = write(tmp_path, volts, DataFile="before.eeg")
    (tmp_path / "a_eeg.dat").write_bytes(b"x")
    with pytest.raises(
        MissingInputError,
        match=r"DataFile=before.eeg is not there; beside it: a_eeg.eeg, a_eeg.dat",
    ):
        eeg.read(path)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"NumberOfChannels": ""}, "is not a BrainVision header: 'NumberOfChannels' is missing"),
        ({"SamplingInterval": "fast"}, "is not a BrainVision header: could not convert"),
        ({"SamplingInterval": "0"}, "SamplingInterval is 0 s; expected more than 0"),
        (
            {"BinaryFormat": "INT_24"},
            "a_eeg.eeg: BinaryFormat is INT_24, 3 channels; expected one of INT_16",
        ),
    ],
)
def test_what_is_no_header_is_told(
    tmp_path: Path, volts: Floats, told: dict[str, Any], message: str
) -> None:
    path = write(tmp_path, volts, **told)
    with pytest.raises(DataError) as caught:
        eeg.read_header(path)
    assert message in str(caught.value)


def test_markers_that_are_a_pointer_are_told(tmp_path: Path, volts: Floats) -> None:
    path = write(tmp_path, volts)
    path.with_suffix(".vmrk").write_text("/annex/objects/MD5E-s7724--0.vmrk\n")
    with pytest.raises(MissingInputError, match=r"a_eeg\.vmrk: is a pointer of git-annex"):
        eeg.read_header(path)


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the fixtures are not here")
@pytest.mark.parametrize("number", ["32", "35", "36"])
def test_markers_are_those_that_mne_reads(number: str) -> None:
    path = FIXTURES / f"files/sub-{number}/eeg/sub-{number}_task-rest_eeg.vmrk"
    parts = brainvision.Parts(path, path, path, 5000.0, (), None)
    expected = mne.read_annotations(path, sfreq=5000.0)
    found = brainvision.read_markers(parts)
    assert [event.label for event in found] == list(expected.description)
    assert np.allclose([event.onset_s for event in found], expected.onset)
