"""Recordings from inside a simulated scanner, and how well they were cleaned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import signal

from bids_app.simulate.scanner_eeg import ScannerEeg, ScannerEegSettings, record
from bids_app.values import Floats
from bids_app.values.pairing import Clock
from bids_app.values.scene import Scene

SCANNED = ScannerEegSettings(
    n_channels=9, rate_hz=1000.0, n_volumes=64, n_slices=14, tr_s=1.4, drift=15e-6
)


@dataclass(frozen=True)
class Scanned:
    """A recording with its truth, and its scene as markers tell it."""

    made: ScannerEeg
    settings: ScannerEegSettings

    @property
    def scene(self) -> Scene:
        """Scene with the clock that a line through the markers gives."""
        onsets = [event.onset_s for event in self.made.recording.events]
        bold_s = np.arange(len(onsets)) * self.settings.tr_s
        rate, offset_s = np.polyfit(bold_s, onsets, 1)
        return Scene(
            "sub-01_task-rest_eeg.vhdr",
            Clock(float(offset_s), float(rate)),
            self.settings.tr_s,
            self.settings.n_volumes,
            self.settings.n_slices,
        )

    def correlation(self, volts: Floats, band_hz: tuple[float, float] = (1.0, 40.0)) -> float:
        """Median correlation over channels with the clean truth during the scan."""
        pairs = zip(
            self._heard(volts, band_hz), self._heard(self.made.clean, band_hz), strict=True
        )
        return float(np.median([np.corrcoef(found, true)[0, 1] for found, true in pairs]))

    def _heard(self, volts: Floats, band_hz: tuple[float, float]) -> Floats:
        rate_hz = self.settings.rate_hz
        sections = signal.butter(4, band_hz, "bandpass", fs=rate_hz, output="sos")
        start, stop = self.made.clock.eeg_s(np.array([1.0, self.settings.n_volumes - 1.0]) * 1.4)
        inside = slice(round(start * rate_hz), round(stop * rate_hz))
        passed: Floats = signal.sosfiltfilt(sections, volts.astype(float), axis=1)[:, inside]
        return passed


@pytest.fixture(scope="session")
def scanned() -> Scanned:
    """Gradient artefacts and a moving head."""
    return Scanned(record(SCANNED), SCANNED)
