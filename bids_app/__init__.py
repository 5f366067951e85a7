"""eeg2fmri: a BIDS-App that turns EEG into fMRI."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def _version() -> str:
    beside = Path(__file__).resolve().parent.parent / "version"
    if beside.is_file():
        return beside.read_text(encoding="utf-8").strip()
    return metadata.version("eeg2fmri")


__version__ = _version()
