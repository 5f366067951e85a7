"""EEG files ↔ recordings (the only importer of MNE's readers)."""

from __future__ import annotations

import logging
import math
import re
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import mne
import mne_bids
import numpy as np
import pybv

from bids_app.errors import CannotCreateError, DataError, MissingInputError
from bids_app.files.tables import MISSING
from bids_app.values import Floats
from bids_app.values.recording import Event, Recording

log = logging.getLogger(__name__)

READERS: dict[str, Callable[..., Any]] = {
    ".vhdr": mne.io.read_raw_brainvision,
    ".edf": mne.io.read_raw_edf,
    ".bdf": mne.io.read_raw_bdf,
    ".set": mne.io.read_raw_eeglab,
    ".fif": mne.io.read_raw_fif,
}
SUFFIXES = tuple(READERS)
KIND_BY_NAME = (
    (re.compile(r"^(ECG|EKG)", re.IGNORECASE), "ECG"),
    (re.compile(r"^([HV]?EOG)", re.IGNORECASE), "EOG"),
    (re.compile(r"^EMG", re.IGNORECASE), "EMG"),
    (re.compile(r"^(STI|TRIG|STATUS)", re.IGNORECASE), "TRIG"),
    (re.compile(r"^(CWL|GSR|RESP|MISC|SAO2|PULS)", re.IGNORECASE), "MISC"),
)
MARKER = re.compile(r"(?:(Stimulus)/S|(Response)/R)\s*(\d+)")
BYTES = {"short": 2, "int": 4, "single": 4}
CUT = "does not match the file size"


def read(
    path: Path, channels: dict[str, list[str]] | None = None, line_hz: float | None = None
) -> Recording:
    """Read a recording with the markers that the file itself holds.

    Parameters
    ----------
    path : Path
        ``.vhdr``, ``.edf``, ``.bdf``, ``.set`` or ``.fif``.
    channels : dict of str to list of str, optional
        Columns of the recording's ``channels.tsv``; its types win over those guessed from the names.
    line_hz : float, optional
        Power line frequency, from the sidecar.

    Raises
    ------
    MissingInputError
        When the file, or one that it points to, is missing or cannot be read.
    DataError
        When it holds no channel or no sample.
    """
    raw = _open(path)
    if not (raw.ch_names and raw.n_times):
        raise DataError(f"{path}: has {len(raw.ch_names)} channels of {raw.n_times} samples")
    try:
        volts = raw.get_data(verbose="error").astype(np.float32)
    except Exception as error:
        raise MissingInputError(
            f"{path}: the samples cannot be read: {error}",
            hint="the file is truncated; fetch it again",
        ) from error
    names = tuple(str(name) for name in raw.ch_names)
    return Recording(
        volts=volts,
        rate_hz=float(raw.info["sfreq"]),
        names=names,
        kinds=tuple(_kinds(names, raw.get_channel_types(), channels)),
        positions_m=_positions(raw, names),
        events=_events(raw),
        line_hz=line_hz,
    )


def read_header(path: Path) -> tuple[float, float, tuple[str, ...], tuple[Event, ...]]:
    """Read rate in Hz, length in seconds, channel names and markers, without the samples."""
    raw = _open(path)
    rate_hz = float(raw.info["sfreq"])
    return rate_hz, raw.n_times / rate_hz, tuple(raw.ch_names), _events(raw)


def electrode_positions_m(path: Path, scratch: Path) -> dict[str, Floats]:
    """Read the digitised electrodes of a recording in a BIDS dataset, through MNE-BIDS.

    MNE-BIDS leaves lock files beside what it reads; it is given links to the files, so that the dataset is not touched.

    Parameters
    ----------
    path : Path
        The recording, in a folder ``eeg``.
    scratch : Path
        Folder that may be written to.

    Returns
    -------
    dict of str to ndarray of shape (3,)
        Position in metres, RAS head coordinates, by channel name; empty without a usable ``electrodes.tsv``.
    """
    if not any(path.parent.glob("*_electrodes.tsv")):
        return {}
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".links-") as folder:
        top = [part for part in path.name.split("_") if part.startswith(("sub-", "ses-"))]
        linked = Path(folder, *top, "eeg")
        linked.mkdir(parents=True)
        for file in path.parent.iterdir():
            (linked / file.name).symlink_to(file.resolve())
        return _digitised(linked / path.name, Path(folder), path)


def _digitised(linked: Path, root: Path, path: Path) -> dict[str, Floats]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = mne_bids.get_bids_path_from_fname(linked)
            raw = mne_bids.read_raw_bids(found.update(root=root), verbose="error")
            montage = raw.get_montage()
    except Exception as error:  # noqa: BLE001 (tables of real datasets fail in many ways)
        log.warning("%s: electrodes.tsv cannot be used: %s", path, error)
        return {}
    placed = montage.get_positions()["ch_pos"] if montage else {}
    return {
        str(name): np.asarray(place) for name, place in placed.items() if np.isfinite(place).all()
    }


def write_brainvision(path: Path, recording: Recording) -> Path:
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


def standard_position_m(name: str) -> Floats | None:
    """Position of an electrode of the 10-05 system, shape (3,), in metres; None for other names."""
    return _standard_positions().get(name.strip().upper())


@lru_cache(maxsize=1)
def _standard_positions() -> dict[str, Floats]:
    montage = mne.channels.make_standard_montage("colin27_1005")
    return {
        name.upper(): np.asarray(place)
        for name, place in montage.get_positions()["ch_pos"].items()
    }


def _open(path: Path) -> Any:
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such file", hint="is the dataset complete, and mounted?"
        )
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: {path.suffix} cannot be read", hint=f"known: {', '.join(SUFFIXES)}"
        )
    try:
        # What they warn of is checked here, or kept in the file's own units.
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            raw = reader(path, preload=False, verbose="warning")
        if path.suffix.lower() == ".vhdr":
            _refuse_half_a_brainvision(path, raw)
    except MissingInputError:
        raise
    except Exception as error:
        raise MissingInputError(
            f"{path}: cannot be read as {path.suffix}: {error}",
            hint="check that the files it points to (.eeg, .vmrk, .fdt) lie beside it, whole",
        ) from error
    if any(CUT in str(one.message) for one in told):
        raise MissingInputError(
            f"{path}: is shorter than its header says: {path.stat().st_size} bytes",
            hint="the file is truncated; fetch it again",
        )
    return raw


def _refuse_half_a_brainvision(path: Path, raw: Any) -> None:
    header = path.read_text(encoding="utf-8", errors="replace")
    told = dict(re.findall(r"^(Data\w+|MarkerFile)\s*=[ \t]*(\S.*?)\s*$", header, re.MULTILINE))
    marks = told.get("MarkerFile")
    if marks and not ((path.parent / marks).is_file() or path.with_suffix(".vmrk").is_file()):
        raise MissingInputError(
            f"{path}: its markers are missing: no {marks} beside it",
            hint="fetch it again; without it nothing tells when the volumes were",
        )
    if told.get("DataFormat", "").upper() != "BINARY":
        return
    data = Path(raw.filenames[0])
    n_bytes, width = data.stat().st_size, BYTES[raw.orig_format] * len(raw.ch_names)
    n_samples = int(told.get("DataPoints", n_bytes // width))
    if n_bytes % width or n_bytes < n_samples * width:
        raise MissingInputError(
            f"{data}: has {n_bytes} bytes; expected {width} for each of {n_samples} samples",
            hint="the file is truncated; fetch it again",
        )


def _kinds(
    names: tuple[str, ...], guessed: list[str], channels: dict[str, list[str]] | None
) -> list[str]:
    table = channels or {}
    told = dict(zip(table.get("name", []), table.get("type", []), strict=False))
    kinds = []
    for name, guess in zip(names, guessed, strict=True):
        by_name = next((kind for pattern, kind in KIND_BY_NAME if pattern.match(name)), None)
        declared = told.get(name, "").upper().replace(MISSING.upper(), "")
        if by_name and declared in {"", "EEG"}:
            kinds.append(by_name)  # an ECG that is declared as EEG is still an ECG
        else:
            kinds.append(declared or {"stim": "TRIG"}.get(guess, guess.upper()))
    return kinds


def _positions(raw: Any, names: tuple[str, ...]) -> Floats:
    positions = np.full((len(names), 3), math.nan)
    for row, (name, channel) in enumerate(zip(names, raw.info["chs"], strict=True)):
        found = np.asarray(channel["loc"][:3], dtype=float)
        if np.isfinite(found).all() and found.any():
            positions[row] = found
            continue
        standard = standard_position_m(name)
        if standard is not None:
            positions[row] = standard
    return positions


def _events(raw: Any) -> tuple[Event, ...]:
    first_s = raw.first_samp / raw.info["sfreq"]
    return tuple(
        Event(float(note["onset"]) - first_s, str(note["description"]), float(note["duration"]))
        for note in raw.annotations
    )


def _marker(event: Event, recording: Recording) -> dict[str, Any]:
    sample = min(round(event.onset_s * recording.rate_hz), recording.n_samples - 1)
    coded = MARKER.fullmatch(event.label)
    # The format's typed markers hold a number; every other label is a comment, with commas coded.
    label = " ".join(event.label.removeprefix("Comment/").splitlines()).replace(",", r"\1")
    kind, description = (coded[1] or coded[2], int(coded[3])) if coded else ("Comment", label)
    length = min(max(1, round(event.duration_s * recording.rate_hz)), recording.n_samples - sample)
    return {"onset": sample, "duration": length, "description": description, "type": kind}
