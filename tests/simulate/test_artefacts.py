from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.simulate.artefacts import HeadPath, add_gradients, add_pulse, gradient_course
from bids_app.simulate.settings import SIZES, SimulationSettings
from bids_app.values import Floats
from bids_app.values.pairing import Clock

SETTINGS = SimulationSettings(
    artefacts=True, tr_s=0.9, size=replace(SIZES["tiny"], n_volumes=4, bold_shape=(5, 6, 7))
)
CLOCK = Clock(0.64 + 0.3 / 5000)
N_TIME = 25000


@pytest.fixture(scope="module")
def course() -> Floats:
    return gradient_course(SETTINGS, CLOCK, N_TIME)


def held(shift_mm: float = 0.0, turn_rad: float = 0.0) -> HeadPath:
    """Keep the head in one place."""
    return HeadPath(np.array([0.0]), np.full((3, 1), shift_mm), np.full((3, 1), turn_rad))


def test_gradients_repeat_with_the_volumes_and_are_low_passed(course: Floats) -> None:
    start, period = round(0.64 * 5000), round(0.9 * 5000)
    second, third = (course[:, start + k * period : start + (k + 1) * period] for k in (1, 2))
    assert np.allclose(second, third, atol=2e-6)
    quiet = course[:, : start - 150]
    assert np.abs(quiet).max() < 1e-3
    assert np.abs(course[:, start - 50 : start + 50]).max() > 0.2
    assert np.abs(course).max() == pytest.approx(1)
    spectrum = np.abs(np.fft.rfft(course[:, start : start + 3 * period])) ** 2
    frequency_hz = np.fft.rfftfreq(3 * period, 1 / 5000)
    assert spectrum[:, frequency_hz > 350].sum() < 1e-3 * spectrum.sum()


def test_a_volume_may_start_between_two_samples(course: Floats) -> None:
    on_sample = gradient_course(SETTINGS, Clock(0.64), N_TIME)
    frequency = np.fft.rfftfreq(N_TIME)
    later = np.fft.irfft(np.fft.rfft(on_sample) * np.exp(-2j * np.pi * 0.3 * frequency), N_TIME)
    scale = (later * course).sum() / (later**2).sum()
    assert np.abs(scale * later - course).max() < 1e-3


def test_slices_differ_but_repeat_their_shape(course: Floats) -> None:
    start, slice_length = 0.64 * 5000, 0.9 * 5000 / 7
    first, third = (
        course[:, round(start + k * slice_length) : round(start + k * slice_length) + 500]
        for k in (7, 9)
    )
    alike = np.corrcoef(first.ravel(), third.ravel())[0, 1]
    assert 0.9 < alike < 0.9999
    assert np.abs(first).max() != pytest.approx(np.abs(third).max(), rel=0.01)


def test_gradients_are_a_hundred_times_the_eeg_and_change_with_the_head(
    course: Floats, rng: np.random.Generator
) -> None:
    eeg = (1e-5 * rng.standard_normal((5, N_TIME))).astype(np.float32)
    positions_m = rng.normal(0, 0.07, (5, 3))
    still, shifted, turned = eeg.copy(), eeg.copy(), eeg.copy()
    for volts, head in (
        (still, held()),
        (shifted, held(shift_mm=2.0)),
        (turned, held(turn_rad=np.deg2rad(2.0))),
    ):
        add_gradients(volts, course, positions_m, head, np.random.default_rng(1))
    added = np.linalg.norm(still - eeg, axis=1) / np.linalg.norm(eeg, axis=1)
    assert np.median(added) == pytest.approx(100, rel=0.02)
    for moved in (shifted, turned):
        change = np.linalg.norm(moved - still) / np.linalg.norm(still - eeg)
        assert 0.005 < change < 0.2


def test_each_beat_leaves_the_same_wave_but_for_its_size(rng: np.random.Generator) -> None:
    times_s = np.arange(-1, 9, 0.002)
    beats_s = np.array([-1.3, 0.5, 2.5, 4.5, 6.5, 8.9])
    eeg = 1e-5 * rng.standard_normal((4, len(times_s)))
    pulsing = eeg.copy()
    add_pulse(pulsing, times_s, beats_s, rng.normal(0, 0.07, (4, 3)), rng)
    pulse = pulsing - eeg
    waves = [
        pulse[:, (times_s > beat) & (times_s < beat + 0.85)][:, :420].ravel()
        for beat in beats_s[1:5]
    ]
    assert min(np.corrcoef(waves[0], wave)[0, 1] for wave in waves) > 0.85
    assert np.median(eeg.std(axis=1) / pulse.std(axis=1)) == pytest.approx(0.5, rel=0.01)
    assert np.abs(pulse[:, (times_s > 1.7) & (times_s < 2.4)]).max() < 0.05 * np.abs(pulse).max()
    assert pulse[:, times_s < -0.6].any()
