from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.simulate.artefacts import add_gradients, add_pulse, gradient_course
from bids_app.simulate.settings import SIZES, SimulationSettings

SETTINGS = SimulationSettings(
    artefacts=True, tr_s=0.9, size=replace(SIZES["tiny"], n_volumes=4, bold_shape=(5, 6, 7))
)
OFFSET_S = 0.64


def test_gradients_repeat_with_the_volumes_and_are_low_passed() -> None:
    course = gradient_course(SETTINGS, OFFSET_S, 25000)
    start, period = round(OFFSET_S * 5000), round(0.9 * 5000)
    second, third = (course[:, start + k * period : start + (k + 1) * period] for k in (1, 2))
    assert np.allclose(second, third, atol=2e-3)
    quiet = course[:, : start - 150]
    assert np.abs(quiet).max() < 1e-3
    assert np.abs(course[:, start - 50 : start + 50]).max() > 0.2
    assert np.abs(course).max() == pytest.approx(1)
    spectrum = np.abs(np.fft.rfft(course[:, start : start + 3 * period])) ** 2
    frequency_hz = np.fft.rfftfreq(3 * period, 1 / 5000)
    assert spectrum[:, frequency_hz > 350].sum() < 1e-3 * spectrum.sum()


def test_gradients_change_with_the_head_alone(rng: np.random.Generator) -> None:
    course = gradient_course(SETTINGS, OFFSET_S, 25000)
    positions_m = rng.normal(0, 0.07, (3, 3))
    still, moved = np.zeros((3, 25000), np.float32), np.zeros((3, 25000), np.float32)
    add_gradients(still, course, positions_m, np.zeros((4, 3)), np.random.default_rng(1))
    add_gradients(moved, course, positions_m, np.full((4, 3), 2.0), np.random.default_rng(1))
    assert 1e-3 < np.abs(still).max() < 8e-3
    strong = np.abs(still) > 1e-4
    ratio = (moved[strong] / still[strong]) - 1
    assert 0 < np.abs(ratio).max() < 0.4


def test_each_beat_leaves_the_same_wave_but_for_its_size(rng: np.random.Generator) -> None:
    times_s = np.arange(-1, 9, 0.002)
    beats_s = np.array([-1.3, 0.5, 2.5, 4.5, 6.5, 8.9])
    volts = np.zeros((4, len(times_s)))
    add_pulse(volts, times_s, beats_s, rng.normal(0, 0.07, (4, 3)), rng)
    waves = [
        volts[:, (times_s > beat) & (times_s < beat + 0.85)][:, :420].ravel()
        for beat in beats_s[1:5]
    ]
    assert min(np.corrcoef(waves[0], wave)[0, 1] for wave in waves) > 0.85
    assert 1e-5 < np.abs(volts).max() < 3e-4
    assert np.abs(volts[:, (times_s > 1.7) & (times_s < 2.4)]).max() < 0.05 * np.abs(volts).max()
    assert volts[:, times_s < -0.6].any()
