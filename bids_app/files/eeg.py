"""EEG files ↔ recordings (with the files beside this one, the only importer of MNE's readers)."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mne
import numpy as np

from bids_app.errors import AppError, DataError, MissingInputError
from bids_app.files import brainvision, matlab
from bids_app.files.electrodes import (
    electrode_positions_m,
    in_standard_frame,
    standard_position_m,
)
from bids_app.files.fetched import check_fetched
from bids_app.files.tables import MISSING
from bids_app.values import Floats
from bids_app.values.recording import Event, Header, Recording

__all__ = [
    "SUFFIXES",
    "companions",
    "electrode_positions_m",
    "has_quick_header",
    "in_standard_frame",
    "read",
    "read_header",
    "standard_position_m",
    "write_brainvision",
]

READERS: dict[str, Callable[..., Any]] = {
    ".vhdr": brainvision.open_raw,
    ".set": mne.io.read_raw_eeglab,
    ".fif": mne.io.read_raw_fif,
    ".bdf": mne.io.read_raw_bdf,
    ".edf": mne.io.read_raw_edf,
}
MATLAB = ".mat"
SUFFIXES = (*READERS, MATLAB)
"""What can be read; of the same recording in several formats, the first one here is."""

KIND_BY_NAME = (
    (re.compile(r"^(ECG|EKG)", re.IGNORECASE), "ECG"),
    (re.compile(r"^([HV]?EOG)", re.IGNORECASE), "EOG"),
    (re.compile(r"^EMG", re.IGNORECASE), "EMG"),
    (re.compile(r"^(STI|TRIG|STATUS)", re.IGNORECASE), "TRIG"),
    (re.compile(r"^(CWL|CW\d|LOOP|GSR|EDA|RESP|MISC|SAO2|PULS)", re.IGNORECASE), "MISC"),
)
SMALL_BYTES = 4 * 2**20
PIECE_SAMPLES = 200_000
CUT = "does not match the file size"

write_brainvision = brainvision.write


def read(
    path: Path,
    channels: dict[str, list[str]] | None = None,
    line_hz: float | None = None,
    rate_hz: float | None = None,
) -> Recording:
    """Read a recording with the markers that the file itself holds.

    Parameters
    ----------
    path : Path
        ``.vhdr``, ``.set``, ``.fif``, ``.bdf``, ``.edf`` or ``.mat``.
    channels : dict of str to list of str, optional
        Columns of the recording's ``channels.tsv``; its types win over those guessed from the names. An array of
        MATLAB takes names and units from it too.
    line_hz : float, optional
        Power line frequency, from the sidecar.
    rate_hz : float, optional
        Sampling rate of an array of MATLAB; other formats know their own.

    Raises
    ------
    MissingInputError
        When the file, or one that it points to, is missing or cannot be read.
    DataError
        When it holds no channel or no sample.
    """
    check_fetched(path)
    if path.suffix.lower() == MATLAB:
        volts, names, rate_hz = matlab.read(path, channels, rate_hz)
        positions_m = _positions(names, [None] * len(names))
        kinds = _kinds(names, ["eeg"] * len(names), channels)
        return Recording(volts, rate_hz, names, tuple(kinds), positions_m, (), line_hz)
    raw = _open(path)
    if not (raw.ch_names and raw.n_times):
        raise DataError(f"{path}: has {len(raw.ch_names)} channels of {raw.n_times} samples")
    try:
        volts = _volts(raw)
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
        positions_m=_positions(names, [channel["loc"][:3] for channel in raw.info["chs"]]),
        events=_events(path, raw),
        line_hz=line_hz,
    )


def read_header(
    path: Path, channels: dict[str, list[str]] | None = None, rate_hz: float | None = None
) -> Header:
    """Read rate, length, channel names and markers, as far as possible without the samples.

    Parameters
    ----------
    path : Path
        The recording.
    channels : dict of str to list of str, optional
        As for :func:`read`.
    rate_hz : float, optional
        As for :func:`read`.
    """
    check_fetched(path)
    suffix = path.suffix.lower()
    if suffix == MATLAB:
        return matlab.read_header(path, channels, rate_hz)
    if suffix == ".vhdr":
        return brainvision.read_header(path)
    raw = _open(path)
    return Header(float(raw.info["sfreq"]), raw.n_times, tuple(raw.ch_names), _events(path, raw))


def has_quick_header(path: Path, *, is_described: bool = False) -> bool:
    """Tell whether :func:`read_header` can do without reading the samples.

    Parameters
    ----------
    path : Path
        The recording.
    is_described : bool, default=False
        Whether names and rate are known from elsewhere.
    """
    if not path.is_file() or path.stat().st_size < SMALL_BYTES:
        return True
    if path.suffix.lower() == MATLAB:
        return is_described and matlab.is_bare(path)
    return path.suffix.lower() != ".set"  # a large one holds its samples


def companions(path: Path) -> list[Path]:
    """List a recording's files: the header, those beside it with the same stem, and those that it points to."""
    beside = {
        found
        for found in path.parent.glob(f"{path.stem}.*")
        if found.suffix not in {".json", ".tsv"}
    }
    if path.suffix.lower() == ".vhdr" and path.is_file():
        parts = brainvision.find_parts(path)
        beside |= {parts.data, *([parts.markers] if parts.markers else [])}
    return sorted({path, *beside} if path.is_file() else {path})


def _open(path: Path) -> Any:
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
    except AppError:
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


def _volts(raw: Any) -> Floats:
    """Read all samples as float32, shape (channel, time): MNE gives double precision, so piece by piece."""
    volts = np.empty((len(raw.ch_names), raw.n_times), dtype=np.float32)
    for start in range(0, raw.n_times, PIECE_SAMPLES):
        stop = min(start + PIECE_SAMPLES, raw.n_times)
        volts[:, start:stop] = raw.get_data(start=start, stop=stop, verbose="error")
    return volts


def _positions(names: tuple[str, ...], placed: list[Any]) -> Floats:
    positions = np.full((len(names), 3), math.nan)
    for row, (name, place) in enumerate(zip(names, placed, strict=True)):
        found = np.asarray(place, dtype=float) if place is not None else np.zeros(3)
        if np.isfinite(found).all() and found.any():
            positions[row] = found
            continue
        standard = standard_position_m(name)
        if standard is not None:
            positions[row] = standard
    return positions


def _events(path: Path, raw: Any) -> tuple[Event, ...]:
    if path.suffix.lower() == ".vhdr":
        return brainvision.read_markers(brainvision.find_parts(path))
    first_s = raw.first_samp / raw.info["sfreq"]
    return tuple(
        Event(float(note["onset"]) - first_s, str(note["description"]), float(note["duration"]))
        for note in raw.annotations
    )
