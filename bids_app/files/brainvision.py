"""BrainVision: header, markers and samples in three files, versions 1 and 2."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mne
import numpy as np
import pybv

from bids_app.errors import CannotCreateError, DataError, MissingInputError
from bids_app.files.fetched import check_fetched
from bids_app.values.recording import Event, Header, Recording

DATA_SUFFIXES = (".eeg", ".dat")
BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}
MICROSECONDS = 1e6
MARK = re.compile(r"^Mk\d+=([^,\r\n]*),([^,\r\n]*),[ \t]*(\d+)(?:,[ \t]*(\d*))?", re.MULTILINE)
MARKER = re.compile(r"(?:(Stimulus)/S|(Response)/R)\s*(\d+)")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a header says, and where the rest lies.

    Attributes
    ----------
    header : Path
        The ``.vhdr``.
    data : Path
        The samples: where the header says, else beside it under its own name.
    markers : Path or None
        The ``.vmrk``; None when the header names none.
    rate_hz : float
        Sampling rate.
    names : tuple of str
        Channels.
    n_samples : int or None
        None for samples that are written as text, without their number.
    """

    header: Path
    data: Path
    markers: Path | None
    rate_hz: float
    names: tuple[str, ...]
    n_samples: int | None


def find_parts(path: Path) -> Parts:
    """Read a header.

    ``DataFile`` and ``MarkerFile`` often name what the files were called before somebody renamed them.

    Raises
    ------
    DataError
        When it lacks what BrainVision headers have.
    MissingInputError
        When samples or markers are missing, or truncated.
    """
    told = _told(path)
    channels = [name for name in told if re.fullmatch(r"Ch\d+", name)]
    try:
        interval_s = float(told["SamplingInterval"]) / MICROSECONDS
        n_channels = int(told["NumberOfChannels"])
        data_file = told["DataFile"]
        names = tuple(
            told[f"Ch{number}"].split(",")[0].replace(r"\1", ",")
            for number in range(1, min(n_channels, len(channels)) + 1)
        )
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path}: is not a BrainVision header: {error}"
            + (" is missing" if isinstance(error, KeyError) else ""),
            hint="fetch it again, or export the recording again",
        ) from error
    if not interval_s > 0:
        raise DataError(f"{path}: SamplingInterval is {interval_s:g} s; expected more than 0")
    data = _data(path, data_file)
    n_samples = _n_samples(data, told, n_channels)
    markers = _markers(path, told.get("MarkerFile", ""))
    return Parts(path, data, markers, 1 / interval_s, names, n_samples)


def open_raw(path: Path, **options: Any) -> Any:
    """Open a recording with MNE's reader and its options; the markers are not read."""
    parts = find_parts(path)
    overrides = {"data_fname": str(parts.data), "marker_fname": False}
    return mne.io.read_raw_brainvision(path, overrides=overrides, **options)


def read_header(path: Path) -> Header:
    """Read rate, length, channels and markers, without the samples.

    Raises
    ------
    DataError
        When the header does not tell how the samples are stored.
    """
    parts = find_parts(path)
    n_samples = parts.n_samples
    if n_samples is None:
        try:
            n_samples = int(open_raw(path, preload=False, verbose="error").n_times)
        except Exception as error:
            raise DataError(
                f"{path}: does not tell how its samples are stored: {error}",
                hint="fetch it again, or export the recording again",
            ) from error
    return Header(parts.rate_hz, n_samples, parts.names, read_markers(parts))


def read_markers(parts: Parts) -> tuple[Event, ...]:
    """Read the markers of a recording, named ``Type/Description``.

    Raises
    ------
    MissingInputError
        When the file is a pointer.
    """
    if parts.markers is None:
        return ()
    check_fetched(parts.markers)
    text = _decoded(parts.markers.read_bytes())
    _, _, body = text.partition("[Marker Infos]")
    labels: dict[tuple[str, str], str] = {}  # a recording has many markers of few kinds
    events = []
    for kind, description, position, size in MARK.findall(body):
        # What follows is that the recording starts, or goes on after a pause: no event.
        if kind == "New Segment":
            continue
        label = labels.get((kind, description))
        if label is None:
            label = f"{kind}/{description}".replace(r"\1", ",")
            labels[kind, description] = label
        # The format counts samples from 1.
        onset_s = (int(position) - 1) / parts.rate_hz
        events.append(Event(onset_s, label, int(size or 0) / parts.rate_hz))
    return tuple(events)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")  # written by Windows programs without saying so


def _told(path: Path) -> dict[str, str]:
    text = _decoded(path.read_bytes()).partition("[Comment]")[0]
    return {
        key: value.strip()
        for key, value in re.findall(r"^([A-Za-z]\w*)[ \t]*=[ \t]*(.*)$", text, re.MULTILINE)
    }


def _data(path: Path, told: str) -> Path:
    if (named := path.parent / told).is_file() or named.is_symlink():
        check_fetched(named)
        return named
    beside = [found for suffix in DATA_SUFFIXES if (found := path.with_suffix(suffix)).is_file()]
    if len(beside) != 1:
        listed = ", ".join(one.name for one in beside) or f"no {' or '.join(DATA_SUFFIXES)}"
        raise MissingInputError(
            f"{path}: its samples are missing: DataFile={told} is not there; beside it: {listed}",
            hint="fetch them, or correct DataFile in the header",
        )
    check_fetched(beside[0])
    return beside[0]


def _markers(path: Path, told: str) -> Path | None:
    if not told:
        return None
    for found in (path.parent / told, path.with_suffix(".vmrk")):
        if found.is_file():
            return found
    raise MissingInputError(
        f"{path}: its markers are missing: no {told} beside it",
        hint="fetch it again; without it nothing tells when the volumes were",
    )


def _n_samples(data: Path, told: dict[str, str], n_channels: int) -> int | None:
    if told.get("DataFormat", "BINARY").upper() != "BINARY":
        return None
    width = BYTES.get(told.get("BinaryFormat", "").upper(), 0) * n_channels
    if not width:
        raise DataError(
            f"{data}: BinaryFormat is {told.get('BinaryFormat', 'not told')}, {n_channels} channels; "
            f"expected one of {', '.join(BYTES)}"
        )
    n_bytes = data.stat().st_size
    n_samples = int(told.get("DataPoints") or n_bytes // width)
    if n_bytes % width or n_bytes < n_samples * width:
        raise MissingInputError(
            f"{data}: has {n_bytes} bytes; expected {width} for each of {n_samples} samples",
            hint="the file is truncated; fetch it again",
        )
    return n_samples


def write(path: Path, recording: Recording) -> Path:
    """Write a recording as BrainVision, float32, microvolts.

    The header is put in place last: where it stands, the other two files are whole. Markers outside the recording are
    left out; labels are kept but for line breaks.

    Parameters
    ----------
    path : Path
        Ends with ``.vhdr``.
    recording : Recording
        Volts of shape (channel, time).

    Raises
    ------
    CannotCreateError
        When the files cannot be written.
    """
    stem = path.name.removesuffix(".vhdr")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".partial-") as folder:
            pybv.write_brainvision(
                data=np.asarray(recording.volts, dtype=np.float64),
                sfreq=recording.rate_hz,
                ch_names=list(recording.names),
                fname_base=stem,
                folder_out=folder,
                events=[
                    _marker(event, recording)
                    for event in recording.events
                    if 0 <= event.onset_s < recording.duration_s
                ]
                or None,
                unit="µV",
                fmt="binary_float32",
            )
            for suffix in (".eeg", ".vmrk", ".vhdr"):
                made = Path(folder) / f"{stem}{suffix}"
                if made.exists():
                    made.replace(path.with_suffix(suffix))
    except OSError as error:
        raise CannotCreateError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def _marker(event: Event, recording: Recording) -> dict[str, Any]:
    sample = min(round(event.onset_s * recording.rate_hz), recording.n_samples - 1)
    coded = MARKER.fullmatch(event.label)
    # The format's typed markers hold a number; every other label is a comment, with commas coded.
    label = " ".join(event.label.removeprefix("Comment/").splitlines()).replace(",", r"\1")
    kind, description = (coded[1] or coded[2], int(coded[3])) if coded else ("Comment", label)
    length = min(max(1, round(event.duration_s * recording.rate_hz)), recording.n_samples - sample)
    return {"onset": sample, "duration": length, "description": description, "type": kind}
