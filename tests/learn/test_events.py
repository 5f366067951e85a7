"""What a schedule explains is told apart from what the EEG tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import gamma

from bids_app.learn.events import responses
from bids_app.learn.nulls import MEAN_R, ShiftProfile, shift_profile, shift_test
from bids_app.simulate.activity import make_activity
from bids_app.simulate.hemodynamics import respond
from bids_app.simulate.settings import SIZES, SimulationSettings
from bids_app.values import Floats

TR_S, N_VOLUMES, N_VOXELS = 2.0, 170, 12


def test_responses_can_take_the_form_of_any_usual_response() -> None:
    times_s = np.arange(90) * 1.5
    onsets = [3.0, 40.0, 71.3]
    given = responses({"tone": onsets}, times_s)
    assert given.shape == (90, 3)
    true = sum(gamma.pdf(times_s - onset, 6.0, scale=0.9) for onset in onsets)
    fitted = given @ np.linalg.lstsq(given, true, rcond=None)[0]
    assert np.corrcoef(true, fitted)[0, 1] > 0.98


def test_kinds_of_events_stand_apart_and_those_outside_the_run_do_nothing() -> None:
    times_s = np.arange(40) * 2.0
    both = responses({"a": [10.0], "b": [30.0, -5.0, 500.0]}, times_s)
    assert np.allclose(both[:, :3], responses({"a": [10.0]}, times_s))
    assert np.allclose(both[:, 3:], responses({"b": [30.0]}, times_s))
    assert not both[:5, 0].any()


@pytest.mark.parametrize(("schedule_only", "beside_is_found"), [(True, False), (False, True)])
def test_only_eeg_is_found_beside_the_schedule(
    *, schedule_only: bool, beside_is_found: bool
) -> None:
    size = replace(SIZES["tiny"], n_volumes=N_VOLUMES)
    settings = SimulationSettings(n_networks=1, schedule_only=schedule_only, size=size)
    usual, beside = [], []
    for number in range(1, 7):
        true, predicted, schedule = _run(settings, str(number))
        labels = np.zeros(N_VOXELS, np.int64)
        usual.append(shift_profile(true, predicted, labels, 15))
        beside.append(shift_profile(true, predicted, labels, 15, 64.0, schedule))
    assert _p(usual) < 0.01
    assert (_p(beside) < 0.01) is beside_is_found


def _run(settings: SimulationSettings, number: str) -> tuple[Floats, Floats, Floats]:
    activity = make_activity(settings, "01", number, 5.0)
    times_s = np.arange(20, N_VOLUMES) * TR_S
    rng = np.random.default_rng(int(number))
    noise = rng.standard_normal((2, len(times_s), N_VOXELS))
    measured = activity.bold.at(times_s)[0][:, None] + noise[0]
    heard = respond(activity.eeg_latents, 5.0, settings.difficulty.latent_band_hz)
    predicted = heard.at(times_s)[0][:, None] + 0.3 * noise[1]
    kinds = {
        str(oddball): [trial.onset_s for trial in activity.trials if trial.oddball is oddball]
        for oddball in (True, False)
    }
    return measured, predicted, responses(kinds, times_s)


def _p(profiles: list[ShiftProfile]) -> float:
    tests = shift_test(profiles, np.random.default_rng(0))
    return next(test.p for test in tests if test.statistic == MEAN_R)
