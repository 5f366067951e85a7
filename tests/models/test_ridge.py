"""The ridge: algebra against a dense closed form, and a planted coupling found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from sklearn.linear_model import Ridge as DenseRidge

from bids_app.errors import DataError, UsageError
from bids_app.models import ridge
from bids_app.models._power import BandPower, PowerSettings, lag_shapes
from bids_app.models._solve import (
    best_strengths,
    drift_basis,
    principal_components,
    ridge_path,
    without,
)
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]


@pytest.mark.parametrize(("n_samples", "n_features"), [(40, 11), (11, 40)])
def test_both_forms_equal_the_dense_solution(n_samples: int, n_features: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n_samples, n_features)), rng.standard_normal((n_samples, 3))
    strengths = np.array([0.1, 3.0, 100.0])
    found = ridge_path(x, y).weights(strengths)
    for column, strength in enumerate(strengths):
        dense = np.linalg.solve(x.T @ x + strength * np.eye(n_features), x.T @ y[:, column])
        assert np.abs(found[:, column] - dense).max() < 1e-6


def test_the_fitted_model_equals_a_dense_ridge_on_all_voxels(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = ridge.build(eeg, bold, n_components=bold.n_voxels, strengths=(0.7,))
    runs = [make_run("1", number) for number in (1, 2, 3)]
    model.fit(runs[:2], runs[2:], seed=0)
    x, y = [], []
    for run in runs:
        drift = drift_basis(run.stops / run.rate_hz, 128.0)
        x.append(without(drift, model.power.of_run(run).double().numpy()))
        assert run.targets is not None
        y.append(without(drift, run.targets.astype(float)))
    features, targets = np.concatenate(x), np.concatenate(y)
    strength = 0.7 * (features**2).mean() * len(features)
    dense = DenseRidge(alpha=strength, fit_intercept=False).fit(features, targets)
    new = make_run("4", 1)
    seen = model.power.of_run(new).double().numpy() - model.average.double().numpy()
    with torch.no_grad():
        given = model.of_run(new).numpy()
    expected = dense.predict(seen)
    assert np.abs(given - expected).max() < 1e-5 * np.abs(expected).max()


def test_constant_eeg_tells_nothing(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    model = ridge.build(eeg, bold)
    silent = [
        replace(run, eeg=np.broadcast_to(np.float32(0), run.eeg.shape))
        for run in (make_run("1", 1), make_run("2", 1))
    ]
    assert model.fit(silent[:1], silent[1:], seed=0)["strengths"] == []
    with torch.no_grad():
        assert not model.of_run(silent[0]).any()
        full = replace(silent[0], eeg=np.zeros(silent[0].eeg.shape, np.float32))
        assert torch.equal(model.power.of_run(full), model.power.of_run(silent[0]))


def test_a_planted_coupling_is_found_in_a_new_person(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = ridge.build(eeg, bold)
    train = [make_run(person, number) for person in "123" for number in (1, 2)]
    chosen = model.fit(train[:4], train[4:], seed=0)
    test = make_run("9", 1, noise=0.0)
    with torch.no_grad():
        given = model.of_run(test).numpy()
    assert test.targets is not None
    half = bold.n_voxels // 2
    found = [np.corrcoef(test.targets[:, v], given[:, v])[0, 1] for v in range(half)]
    assert min(found) > 0.9
    assert given[:, half:].std() < 0.3 * given[:, :half].std()
    assert chosen["explained_when_left_out"][0] > 0.3


def test_without_coupling_almost_nothing_is_predicted(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = ridge.build(eeg, bold)
    train = [make_run(person, 1, strength=0.0) for person in "12345"]
    model.fit(train[:4], train[4:], seed=0)
    with torch.no_grad():
        given = model.of_run(make_run("9", 1)).numpy()
    assert given.std() < 0.1 * 0.01


def test_differences_between_runs_and_slow_drifts_are_not_learned(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    runs = [make_run("1", number) for number in (1, 2, 3)]
    one, other = ridge.build(eeg, bold), ridge.build(eeg, bold)
    one.fit(runs[:2], runs[2:], seed=0)
    moved = []
    for number, run in enumerate(runs):
        assert run.targets is not None
        slow = np.cos(np.pi * (run.stops - run.stops[0]) / (190 * run.rate_hz))[:, None]
        moved.append(replace(run, targets=(run.targets + number + slow).astype(np.float32)))
    other.fit(moved[:2], moved[2:], seed=0)
    test = make_run("1", 4)
    with torch.no_grad():
        assert torch.allclose(one.of_run(test), other.of_run(test), atol=1e-5)


def test_one_run_without_validation_still_gives_a_model(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = ridge.build(eeg, bold)
    chosen = model.fit([make_run("1", 1)], [], seed=0)
    assert set(chosen["explained_when_left_out"]) == {None}
    assert model.weights.abs().sum() > 0


def test_runs_without_bold_cannot_be_learned_from(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    with pytest.raises(DataError, match="sub-1_run-2: no BOLD to learn from"):
        ridge.build(eeg, bold).fit(
            [make_run("1", 1), replace(make_run("1", 2), targets=None)], [], seed=0
        )


def test_band_power_is_that_of_a_second_route(eeg: EegSpec, bold: BoldSpec) -> None:
    settings = PowerSettings(bands_hz=((8, 13), (13, 30)), hop_s=1.0, n_shapes=30)
    power = BandPower(eeg, bold, settings)
    window = np.random.default_rng(0).standard_normal((5, 3000))
    segments = window.reshape(5, 30, 100)
    segments = (segments - segments.mean(axis=2, keepdims=True)) * get_window("hann", 100)
    spectrum = np.abs(np.fft.rfft(segments, axis=2)) ** 2
    log_power = np.log([spectrum[:, :, 8:13].mean(axis=2), spectrum[:, :, 13:30].mean(axis=2)])
    shapes = lag_shapes(29.5 - np.arange(30.0), 30)
    expected = np.einsum("bcs,sk->cbk", log_power, shapes).ravel()
    given = power(torch.from_numpy(window[None].astype(np.float32)))[0].numpy()
    assert np.allclose(given, expected, atol=1e-3)


def test_the_lag_shapes_form_responses_of_many_peaks() -> None:
    lags_s = np.arange(0, 30, 0.5)
    basis, _ = np.linalg.qr(lag_shapes(lags_s, 4))
    for peak_s in (3.5, 5.0, 6.3, 7.5):
        response = np.exp(-((lags_s - peak_s) ** 2) / 10)
        kept = basis @ (basis.T @ response)
        assert np.corrcoef(kept, response)[0, 1] > 0.9


def test_a_window_that_ends_earlier_shifts_the_lags(eeg: EegSpec, bold: BoldSpec) -> None:
    now = BandPower(eeg, bold, PowerSettings()).shapes[:, 0].abs()
    earlier = BandPower(eeg, replace(bold, window_lag_s=3.0), PowerSettings()).shapes[:, 0].abs()
    # half-second steps; scaling to unit area moves the peak by a step at most
    assert int(earlier.argmax()) - int(now.argmax()) == pytest.approx(6, abs=1)


def test_what_cannot_be_measured_is_said(eeg: EegSpec, bold: BoldSpec) -> None:
    with pytest.raises(UsageError, match="a window of 30 s holds no segment of 40 s"):
        ridge.build(eeg, bold, segment_s=40.0)
    with pytest.raises(
        UsageError, match=r"\[\(60, 90\)\] has a frequency that 100 samples at 100"
    ):
        ridge.build(eeg, bold, bands_hz=((60, 90),))


def test_principal_components_are_those_of_the_dense_decomposition() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((60, 5)) * [9, 7, 5, 3, 2]) @ rng.standard_normal((5, 301))
    rows = (rows + 0.1 * rng.standard_normal(rows.shape)).astype(np.float32)
    components, scores = principal_components(
        lambda: (rows[:, start : start + 100] for start in range(0, 301, 100)), 4, rng
    )
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    assert np.allclose(components @ components.T, np.eye(4), atol=1e-4)
    assert np.allclose(np.abs(np.sum(components * right[:4], axis=1)), 1, atol=1e-3)
    expected = (left[:, :4] * values[:4]) @ right[:4]
    assert np.abs(scores @ components - expected).max() < 1e-2 * values[0] / np.sqrt(60)


def test_drift_is_taken_out_and_the_rest_is_kept() -> None:
    times_s = np.arange(155) * 2.0
    slow = 3 + np.cos(np.pi * times_s / 310)
    fast = np.sin(2 * np.pi * times_s / 40)
    rest = without(drift_basis(times_s, 128.0), np.stack([slow, fast], axis=1))
    assert np.abs(rest[:, 0]).max() < 0.05
    assert np.corrcoef(rest[:, 1], fast)[0, 1] > 0.98
    assert drift_basis(np.array([4.0]), 128.0).shape == (1, 1)


def test_strengths_follow_the_signal() -> None:
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((80, 6)) for _ in range(3)]
    weights = rng.standard_normal((6, 1))
    y = [np.hstack([rows @ weights, rng.standard_normal((80, 1))]) for rows in x]
    features, targets = np.concatenate(x), np.concatenate(y)
    groups = np.repeat([0, 1, 2], 80)
    best, predicted = best_strengths(features, targets, groups, np.logspace(-1, 5, 7))
    explained = 1 - ((targets - predicted) ** 2).sum(axis=0) / (targets**2).sum(axis=0)
    assert best[0] == 0.1
    assert best[1] >= 100
    assert explained[0] > 0.99
    assert abs(explained[1]) < 0.05


@pytest.mark.parametrize(("n_samples", "n_features"), [(44, 11), (44, 70)])
def test_leaving_out_equals_fitting_again(n_samples: int, n_features: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n_samples, n_features)), rng.standard_normal((n_samples, 3))
    groups = np.repeat([0, 1, 2], [20, 10, 14])
    _, predicted = best_strengths(x, y, groups, np.array([5.0]))
    for group in range(3):
        kept = groups != group
        dense = DenseRidge(alpha=5.0, fit_intercept=False).fit(x[kept], y[kept])
        assert np.allclose(predicted[~kept], dense.predict(x[~kept]))
