"""Scores against second routes, and the contract of the folder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_squared_error, r2_score

from bids_app import plugins
from bids_app.metrics import mse, r, r2, skill
from bids_app.metrics.base import mean_of_defined
from bids_app.values import Floats


@pytest.fixture
def series(rng: np.random.Generator) -> tuple[Floats, Floats]:
    true = 0.01 * rng.standard_normal((31, 7)).astype(np.float32) + 0.02
    return true, (0.5 * true + 0.005 * rng.standard_normal((31, 7))).astype(np.float32)


@pytest.mark.parametrize("name", plugins.names("metrics"))
def test_contract(name: str, series: tuple[Floats, Floats]) -> None:
    metric = plugins.load("metrics", name)
    values = metric.score(*series)
    assert values.shape == (7,)
    assert np.isfinite(values).all()
    assert isinstance(metric.overall(*series), float)
    assert isinstance(metric.UNIT, str)
    true = series[0]
    assert metric.overall(true, true) == pytest.approx(0 if name == "mse" else 1, abs=1e-6)


def test_all_scores_are_here() -> None:
    assert plugins.names("metrics") == ("mse", "r", "r2", "skill")


def test_r_is_pearson(series: tuple[Floats, Floats]) -> None:
    expected = [
        pearsonr(a, b).statistic for a, b in zip(*(rows.T for rows in series), strict=True)
    ]
    assert np.allclose(r.score(*series), expected, atol=1e-5)
    assert r.overall(*series) == pytest.approx(np.mean(expected), abs=1e-5)


def test_r2_is_that_of_demeaned_series(series: tuple[Floats, Floats]) -> None:
    true, predicted = (rows - rows.mean(axis=0) for rows in series)
    expected = r2_score(true, predicted, multioutput="raw_values")
    assert np.allclose(r2.score(*series), expected, atol=1e-5)
    pooled = 1 - ((true - predicted) ** 2).sum() / (true**2).sum()
    assert r2.overall(*series) == pytest.approx(pooled, abs=1e-5)


def test_mse_and_skill_count_the_level(series: tuple[Floats, Floats]) -> None:
    true, predicted = series
    expected = mean_squared_error(true, predicted, multioutput="raw_values")
    assert np.allclose(mse.score(true, predicted), expected, rtol=1e-5)
    nothing = np.zeros_like(true)
    ratio = mse.score(true, predicted) / mse.score(true, nothing)
    assert np.allclose(skill.score(true, predicted), 1 - ratio, atol=1e-5)
    assert skill.overall(true, nothing) == 0
    assert skill.overall(true, predicted + 0.05) < skill.overall(true, predicted)


def test_r_of_a_constant_is_not_a_number(series: tuple[Floats, Floats]) -> None:
    true, predicted = series
    flat = predicted.copy()
    flat[:, 2] = 0.1
    assert np.isnan(r.score(true, flat)).tolist() == [False] * 2 + [True] + [False] * 4
    assert r.overall(true, flat) == pytest.approx(np.nanmean(r.score(true, flat)))
    assert np.isnan(r.overall(true, np.broadcast_to(predicted[:1], true.shape)))
    assert np.isnan(r.score(np.full_like(true, 0.1), predicted)).all()


def test_scores_of_a_flat_truth_are_not_numbers() -> None:
    nothing = np.zeros((5, 3), np.float32)
    assert np.isnan(r2.overall(nothing, nothing + 1))
    assert np.isnan(skill.overall(nothing, nothing + 1))
    assert np.isnan(r2.score(nothing, nothing)).all()
    assert np.isnan(mean_of_defined(np.full(3, np.nan)))


def test_a_repeated_row_explains_nothing(series: tuple[Floats, Floats]) -> None:
    true, predicted = series
    row = np.broadcast_to(predicted[:1], true.shape)
    assert r2.overall(true, row) == pytest.approx(0, abs=1e-6)
    assert mse.overall(true, row) == pytest.approx(mse.overall(true, row.copy()), rel=1e-6)
