"""Band-pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from mne.filter import filter_data

from bids_app.errors import DataError, UsageError
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

NYQUIST_SHARE = 0.9  # the transition band needs room below half the rate


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.band]``.

    Attributes
    ----------
    low_hz, high_hz : float
        Edges of the pass band.
    """

    low_hz: float = 0.5
    high_hz: float = 70.0


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Filter with MNE's windowed-sinc FIR of zero phase.

    Raises
    ------
    UsageError
        For edges that leave no band.
    DataError
        When the rate is too low for the band.
    """
    if not 0 < settings.low_hz < settings.high_hz:
        raise UsageError(
            f"config file: [eeg.band] goes from {settings.low_hz:g} to {settings.high_hz:g} Hz; "
            "expected 0 < low_hz < high_hz"
        )
    high_hz = min(settings.high_hz, NYQUIST_SHARE * recording.rate_hz / 2)
    if high_hz <= settings.low_hz:
        raise DataError(
            f"{scene.where}: the band of {settings.low_hz:g} to {settings.high_hz:g} Hz lies above the rate "
            f"of {recording.rate_hz:g} Hz",
            hint="choose other edges in [eeg.band], or a higher rate_hz in [eeg.resample]",
        )
    if high_hz < settings.high_hz:
        tell(
            f"{scene.where}: the band ends at {high_hz:g} Hz, as the rate is {recording.rate_hz:g} Hz"
        )
    filtered = filter_data(
        recording.volts.astype(np.float64),
        recording.rate_hz,
        settings.low_hz,
        high_hz,
        verbose="error",
    )
    return replace(recording, volts=filtered.astype(np.float32))
