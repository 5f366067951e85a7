from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bids_app.report import interval


def test_few_people_get_students_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, np.nan, 7.0])
    kept = values[np.isfinite(values)]
    expected = stats.t.interval(0.95, 3, kept.mean(), stats.sem(kept))
    assert interval.of_mean(values) == pytest.approx(expected)


def test_correlations_of_few_people_go_through_fishers_z() -> None:
    values = np.array([0.5, 0.8, 0.9])
    z = np.arctanh(values)
    expected = np.tanh(stats.t.interval(0.95, 2, z.mean(), stats.sem(z)))
    found = interval.of_mean(values, correlation=True)
    assert found == pytest.approx(tuple(expected))
    assert found is not None
    assert -1 < found[0] < found[1] < 1


def test_many_people_get_the_interval_that_scipy_bootstraps() -> None:
    values = np.random.default_rng(0).exponential(1.0, 25)
    expected = stats.bootstrap((values,), np.mean, n_resamples=9999).confidence_interval
    assert interval.of_mean(values) == pytest.approx(tuple(expected), abs=0.03)
    assert interval.of_mean(values) == interval.of_mean(values)


def test_the_bootstrap_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    n_held = 0
    for _ in range(100):
        found = interval.of_mean(rng.normal(0.3, 0.2, 16))
        assert found is not None
        n_held += found[0] <= 0.3 <= found[1]
    assert n_held >= 85


@pytest.mark.parametrize("values", [[], [0.2], [0.2, np.nan], [0.3, 0.3, 0.3]])
def test_nothing_is_said_where_there_is_no_spread(values: list[float]) -> None:
    assert interval.of_mean(np.array(values)) is None
