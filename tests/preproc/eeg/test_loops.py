from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from bids_app.errors import UsageError
from bids_app.preproc.eeg import loops
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

N_TIME = 30 * 250
SCENE = Scene("sub-01_task-rest_eeg.vhdr")


def moved(rng: np.random.Generator) -> tuple[Recording, Floats]:
    """Three EEG channels that hear movement a little later than two loops do, and their clean EEG."""
    sections = signal.butter(2, (0.8, 6.0), "bandpass", fs=250, output="sos")
    movement = signal.sosfilt(sections, rng.standard_normal((2, N_TIME)))
    brain = 1e-5 * signal.sosfilt(
        signal.butter(2, (1.0, 30.0), "bandpass", fs=250, output="sos"),
        rng.standard_normal((3, N_TIME)),
    )
    heard = 4e-5 * rng.standard_normal((3, 2)) @ np.roll(movement, 2, axis=1)
    volts = np.vstack([
        brain + heard,
        1e-4 * movement + 1e-7 * rng.standard_normal(movement.shape),
    ])
    recording = Recording(
        volts.astype(np.float32),
        250.0,
        ("Cz", "Pz", "Oz", "CWL1", "loop 2"),
        ("EEG", "EEG", "EEG", "MISC", "MISC"),
        np.zeros((5, 3)),
    )
    return recording, brain


def test_what_the_loops_hear_is_taken_out_of_the_eeg(rng: np.random.Generator) -> None:
    recording, brain = moved(rng)
    told: list[str] = []
    assert loops.seen(recording, SCENE).present
    done = loops.apply(recording, loops.Settings(), SCENE, told.append)
    for found, true in zip(done.volts[:3], brain, strict=True):
        assert np.corrcoef(found, true)[0, 1] > 0.9
    assert np.corrcoef(recording.volts[0], brain[0])[0, 1] < 0.7
    assert np.array_equal(done.volts[3:], recording.volts[3:])
    assert told == ["what the EEG shares with 2 wire loops was removed"]


def test_a_cap_without_loops_is_left_as_it_is(rng: np.random.Generator) -> None:
    recording = moved(rng)[0].pick([0, 1, 2])
    assert loops.apply(recording, loops.Settings(), SCENE, lambda _: None) is recording
    found = loops.seen(recording, SCENE)
    assert (found.present, found.words) == (False, "no wire loops")


def test_eeg_that_is_called_like_a_loop_is_eeg(rng: np.random.Generator) -> None:
    recording = moved(rng)[0].pick([0, 1, 3])
    called = Recording(
        recording.volts, 250.0, ("Cz", "Pz", "CWL1"), ("EEG",) * 3, recording.positions_m
    )
    assert loops.loop_rows(recording) == [2]
    assert loops.loop_rows(called) == []


@pytest.mark.parametrize(
    "settings", [loops.Settings(lag_s=-0.01), loops.Settings(adapt_s=0.0)], ids=["lag", "adapt"]
)
def test_settings_that_leave_nothing_are_refused(
    rng: np.random.Generator, settings: loops.Settings
) -> None:
    told = rf"\[eeg\.loops\] has lag_s = {settings.lag_s:g}, adapt_s = {settings.adapt_s:g}"
    with pytest.raises(UsageError, match=told):
        loops.apply(moved(rng)[0], settings, SCENE, lambda _: None)
