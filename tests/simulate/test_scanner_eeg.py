from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from bids_app.simulate.scanner_eeg import ScannerEegSettings, record

SMALL = ScannerEegSettings(
    n_channels=5, rate_hz=1000.0, n_volumes=12, n_slices=7, tr_s=1.5, moves=False
)


def test_markers_lie_on_the_sample_nearest_to_each_volume() -> None:
    made = record(replace(SMALL, gradient=False))
    onsets = np.array([event.onset_s for event in made.recording.events]) * 1000
    true = made.clock.eeg_s(np.arange(12) * 1.5) * 1000
    assert np.allclose(onsets, np.round(onsets))
    assert np.abs(onsets - true).max() <= 0.5
    assert made.clock.offset_s * 1000 % 1 == pytest.approx(0.37)


def test_without_artefacts_the_recording_is_the_clean_eeg() -> None:
    made = record(replace(SMALL, gradient=False))
    assert np.array_equal(made.recording.volts[:-1], made.clean)
    assert made.recording.kinds == ("EEG",) * 5 + ("ECG",)
    frequency_hz, power = signal.welch(made.clean, 1000, nperseg=2000)
    at = {hertz: power[:, frequency_hz == hertz].mean() for hertz in (3.0, 10.0, 30.0)}
    assert at[10.0] > at[3.0] > 3 * at[30.0]


def test_the_ecg_peaks_where_the_heart_beats() -> None:
    made = record(replace(SMALL, gradient=False))
    ecg = made.recording.volts[-1]
    peaks, _ = signal.find_peaks(ecg, height=0.8e-3, distance=300)
    inside = made.beats_s[(made.beats_s > 0.1) & (made.beats_s < len(ecg) / 1000 - 0.1)]
    assert np.abs(peaks[:, None] / 1000 - inside).min(axis=0).max() < 0.01


def test_movement_lasts_a_third_of_a_short_recording_and_changes_the_artefact() -> None:
    still, moving = record(SMALL), record(replace(SMALL, moves=True))
    assert np.array_equal(still.clean, moving.clean)
    change = np.abs(moving.recording.volts - still.recording.volts).max(axis=0)
    n_time = len(change)
    assert change[: n_time // 4].max() < 1e-9
    assert change[n_time // 3 : -n_time // 3].max() > 1e-4


def test_the_pulse_is_twice_the_eeg_and_the_ecg_has_none() -> None:
    quiet = record(replace(SMALL, gradient=False))
    pulsing = record(replace(SMALL, gradient=False, pulse=True))
    added = pulsing.recording.volts - quiet.recording.volts
    ratio = added[:-1].std(axis=1) / quiet.clean.std(axis=1)
    assert np.median(ratio) == pytest.approx(2, rel=0.02)
    assert not added[-1].any()
