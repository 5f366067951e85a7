"""Common reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bids_app.values.recording import Recording
from bids_app.values.scene import Scene


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.reference]``: there are none."""


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Subtract the average of all EEG channels from each."""
    volts, rows = recording.volts.copy(), recording.rows("EEG")
    volts[rows] -= volts[rows].mean(axis=0, keepdims=True)
    return replace(recording, volts=volts)
