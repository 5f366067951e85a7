"""The EEG has the statistics that its model states; the oracle finds in it what was put there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.simulate import eeg, oracle
from bids_app.simulate.activity import Activity, make_activity
from bids_app.simulate.hemodynamics import SlowSeries
from bids_app.simulate.samples_level import SimulatedRun, against_average, simulate_recordings
from bids_app.simulate.sensors import lead_field, make_cap
from bids_app.simulate.settings import SIZES, Difficulty, sized
from bids_app.simulate.streams import stream
from bids_app.simulate.world import World
from bids_app.values import Floats

SETTINGS = sized("tiny", n_participants=2, n_runs=2, size=replace(SIZES["tiny"], n_volumes=110))


def correlations(first: Floats, second: Floats) -> Floats:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    return np.asarray(
        (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    )


@pytest.fixture(scope="module")
def model(world: World) -> eeg.SensorModel:
    cap = make_cap(SETTINGS, "01")
    field = lead_field(SETTINGS, "01", cap, world.dipoles)
    return eeg.sensor_model(world.networks.networks, field, world.dipoles, Difficulty())


def at_rest(activity: Activity) -> Activity:
    """The same run with power that never changes and no stimulus."""
    still = SlowSeries(activity.eeg_latents.start_s, np.zeros_like(activity.eeg_latents.values))
    return replace(activity, eeg_latents=still, trials=())


@pytest.fixture(scope="module")
def activity() -> Activity:
    return make_activity(SETTINGS, "01", "1", 5.0)


def test_each_network_is_as_strong_at_the_sensors_as_everything_else(
    model: eeg.SensorModel,
) -> None:
    for index, network in enumerate(model.networks):
        frequency_hz = np.linspace(*network.band_hz, 200)[1:-1]
        mine = np.trace(model.network_covariance(index))
        other = np.mean([np.trace(model.covariance(one)) - mine for one in frequency_hz])
        assert mine / other == pytest.approx(1, rel=0.02)


def test_the_sensors_see_the_spectrum_that_the_model_states(
    model: eeg.SensorModel, activity: Activity
) -> None:
    volts = eeg.draw_brain(model, at_rest(activity), lambda purpose: stream(3, purpose))
    spectra, _ = oracle.spectra_of(volts)
    for bin_number in (6, 10, 20, 35):
        part = spectra[bin_number]
        found = (part @ part.conj().T).real / part.shape[1]
        noise = model.noise_density * np.eye(len(found))
        expected = model.covariance(bin_number / oracle.WINDOW_S) - noise
        assert np.trace(found) == pytest.approx(np.trace(expected), rel=0.1)
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.97


def test_the_power_that_was_put_in_is_read_out(model: eeg.SensorModel, activity: Activity) -> None:
    volts = eeg.draw_brain(model, activity, lambda purpose: stream(4, purpose)).astype(np.float32)
    eeg.add_noise(volts, model, eeg.WORK_HZ, stream(4, "amplifier"))
    spectra, centres_s = oracle.spectra_of(volts)
    power = eeg.band_power(model, activity, centres_s - activity.offset_s)
    assert power.std(axis=1) == pytest.approx([0.3] * 4, abs=0.09)
    for index in range(len(model.networks)):
        change, information = oracle.power_change(model, index, spectra)
        slope = np.polyfit(power[index] - 1, change, 1)[0]
        assert slope == pytest.approx(1, abs=0.2)
        error = change - (power[index] - 1)
        assert error.var() == pytest.approx(oracle.overlap()[0] / information, rel=0.25)
        neighbours = np.mean(error[1:] * error[:-1]) / error.var()
        assert neighbours == pytest.approx(oracle.overlap()[1] / oracle.overlap()[0], abs=0.2)


def test_brain_signals_keep_their_values_when_the_rate_is_raised() -> None:
    times = np.arange(1000) / eeg.WORK_HZ
    brain = np.stack([np.sin(2 * np.pi * 10 * times), np.cos(2 * np.pi * 3 * times)])
    out = np.zeros((2, 3900), dtype=np.float32)
    eeg.resample(brain, 1000.0, out)
    fine = np.arange(3900) / 1000
    assert np.allclose(
        out, [np.sin(2 * np.pi * 10 * fine), np.cos(2 * np.pi * 3 * fine)], atol=1e-5
    )


@pytest.fixture(scope="module")
def runs() -> list[SimulatedRun]:
    return list(simulate_recordings(SETTINGS, seed=5, n_voxels=43))


def test_the_oracle_is_good_calibrated_and_not_perfect(runs: list[SimulatedRun]) -> None:
    found = np.stack([
        correlations(run.oracle[:, run.coupled], run.noise_free[:, run.coupled]) for run in runs
    ])
    assert 0.85 < found.mean() < 0.99
    predicted = np.concatenate([run.oracle[:, run.coupled] for run in runs])
    true = np.concatenate([run.noise_free[:, run.coupled] for run in runs])
    slope = (predicted * true).sum() / (predicted**2).sum()
    assert slope == pytest.approx(1, abs=0.12)
    assert np.abs(predicted).max() < 0.1


def test_the_coupled_share_of_variance_is_the_stated_one(runs: list[SimulatedRun]) -> None:
    share = [
        run.noise_free[:, run.coupled].var(axis=0) / run.bold[:, run.coupled].var(axis=0)
        for run in runs
    ]
    assert np.mean(share) == pytest.approx(0.3, abs=0.05)
    for run in runs:
        assert run.bold.shape == (110, 43) == (110, run.mask.n_voxels)
        assert run.coupled.sum() == 20
        assert not run.noise_free[:, ~run.coupled].any()


def test_without_coupling_the_oracle_knows_nothing() -> None:
    settings = replace(SETTINGS, coupled=False)
    found = [
        correlations(run.oracle[:, run.coupled], run.noise_free[:, run.coupled]).mean()
        for run in simulate_recordings(settings, seed=6, n_voxels=8)
    ]
    assert abs(np.mean(found)) < 0.2


def test_runs_without_images_are_the_same_for_the_same_seed(runs: list[SimulatedRun]) -> None:
    again = next(simulate_recordings(SETTINGS, seed=5, n_voxels=43))
    assert np.array_equal(again.eeg.volts, runs[0].eeg.volts)
    assert np.array_equal(again.bold, runs[0].bold)
    assert not np.array_equal(runs[0].bold, runs[1].bold)
    assert again.clock.offset_s == again.eeg.events[0].onset_s


def test_power_against_the_average_is_that_of_the_average_taken_out() -> None:
    volts = np.random.default_rng(0).standard_normal((5, 300))
    expected = ((volts - volts.mean(axis=0)) ** 2).mean(axis=1)
    assert against_average(volts @ volts.T / 300) == pytest.approx(expected)
