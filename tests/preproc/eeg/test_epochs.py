from __future__ import annotations

import numpy as np
import pytest

from bids_app.preproc.eeg._epochs import Epochs
from bids_app.values import Floats

STARTS = np.array([150.3, 551.05, 951.8, 1352.55])
PERIOD = 400.75
N_TIME = 2000


def bump(late: Floats | float) -> Floats:
    """A wave of no frequency above an eighth of the rate, some samples after 0."""
    return np.asarray(np.exp(-0.5 * ((np.arange(N_TIME) - late) / 6.0) ** 2))


def test_epochs_that_start_between_samples_are_alike_when_aligned() -> None:
    trace = sum((bump(start + 100) for start in STARTS), np.zeros(N_TIME))
    epochs = Epochs(STARTS, PERIOD, N_TIME, 1000.0)
    spectra = epochs.spectra(trace)
    waves = np.fft.irfft(spectra, epochs.length, axis=1)
    assert np.abs(waves - waves[0]).max() < 1e-3
    found = waves[0] - waves[0].min()
    expected = np.exp(-0.5 * ((np.arange(epochs.length) - epochs.margin - 100) / 6.0) ** 2)
    assert found[60:-60] == pytest.approx(expected[60:-60], abs=2e-3)


def test_what_is_laid_along_the_recording_is_what_was_cut_from_it() -> None:
    trace = sum((bump(start + 100) for start in STARTS), np.zeros(N_TIME))
    epochs = Epochs(STARTS, PERIOD, N_TIME, 1000.0)
    out = np.full(N_TIME, 7.0)
    epochs.tiled(epochs.spectra(trace).mean(axis=0, keepdims=True), out)
    assert (out[:150] == 7).all()
    assert (out[1754:] == 7).all()
    inside = slice(150, 1753)
    left = trace[inside] - out[inside]
    assert np.ptp(left) < 1e-3  # but for the mean, which is not cut


def test_epochs_outside_the_recording_are_not_whole() -> None:
    epochs = Epochs(np.array([-3.5, 10.0, 1700.0]), 400.0, N_TIME, 1000.0)
    assert epochs.whole.tolist() == [False, True, False]
    out = np.zeros(N_TIME)
    epochs.tiled(epochs.spectra(np.ones(N_TIME)), out)
    assert np.isfinite(out).all()
