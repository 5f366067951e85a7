"""Common reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bids_app.values.recording import Recording


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.reference]``: there are none."""


def apply(
    recording: Recording, settings: Settings, where: str, tell: Callable[[str], None]
) -> Recording:
    """Subtract the average of all EEG channels from each."""
    return replace(recording, volts=recording.volts - recording.volts.mean(axis=0, keepdims=True))
