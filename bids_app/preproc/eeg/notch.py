"""Take out power-line noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from mne.filter import notch_filter

from bids_app.errors import UsageError
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.notch]``.

    Attributes
    ----------
    line_hz : float
        Line frequency; 0 takes ``PowerLineFrequency`` from the sidecar.
    """

    line_hz: float = 0.0


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Filter at the line frequency and its multiples below half the rate, zero phase.

    Raises
    ------
    UsageError
        For a frequency that is none.
    """
    if not 0 <= settings.line_hz < math.inf:
        raise UsageError(
            f"config file: [eeg.notch] line_hz is {settings.line_hz:g}; expected 0 or more"
        )
    line_hz = settings.line_hz or recording.line_hz
    if not line_hz:
        tell("no line-noise filter: the sidecar gives no PowerLineFrequency")
        return recording
    multiples = np.arange(line_hz, recording.rate_hz / 2 - 1, line_hz)
    if not multiples.size:
        return recording
    filtered = notch_filter(
        recording.volts.astype(np.float64), recording.rate_hz, multiples, verbose="error"
    )
    return replace(recording, volts=filtered.astype(np.float32))
