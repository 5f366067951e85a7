"""A person's own response, planted and found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bids_app.models import ridge
from bids_app.models._response import VARIANCES, Person, Prior, best_variance, fitted
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

N_SHAPES, N_SOURCES, N_TARGETS = 3, 4, 5
MATRIX = np.array([[0.7, 0.2, 0.0], [-0.4, 1.1, 0.3], [0.1, 0.0, 1.2]])


def own(weights: Floats, matrix: Floats) -> Floats:
    by_shape = weights.reshape(N_SOURCES, N_SHAPES, N_TARGETS)
    found: Floats = np.einsum("ij,fjk->fik", matrix, by_shape).reshape(weights.shape)
    return found


def heard(rng: np.random.Generator, weights: Floats, noise: float) -> tuple[Floats, Floats]:
    features = rng.standard_normal((60, N_SOURCES * N_SHAPES))
    return features, features @ weights + noise * rng.standard_normal((60, N_TARGETS))


def test_a_planted_response_is_found(rng: np.random.Generator) -> None:
    weights = rng.standard_normal((N_SOURCES * N_SHAPES, N_TARGETS))
    features, targets = heard(rng, own(weights, MATRIX), 0.0)
    found = fitted(features, targets, weights, Prior(N_SHAPES, 1e6, np.ones(N_TARGETS)))
    assert np.abs(found - own(weights, MATRIX)).max() < 1e-4
    assert np.abs(found - weights).max() > 0.5


def test_the_answer_is_that_of_a_dense_ridge(rng: np.random.Generator) -> None:
    weights = rng.standard_normal((N_SOURCES * N_SHAPES, N_TARGETS))
    features, targets = heard(rng, own(weights, MATRIX), 1.0)
    noise = np.array([0.5, 1.0, 2.0, 3.0, 4.0])
    design = np.array([
        ((features @ own(weights, unit.reshape(N_SHAPES, N_SHAPES))) / np.sqrt(noise)).ravel()
        for unit in np.eye(N_SHAPES**2)
    ]).T
    missed = ((targets - features @ weights) / np.sqrt(noise)).ravel()
    rows = np.vstack([design, np.eye(N_SHAPES**2) / np.sqrt(0.2)])
    change = np.linalg.lstsq(rows, np.r_[missed, np.zeros(N_SHAPES**2)], rcond=None)[0]
    expected = weights + own(weights, change.reshape(N_SHAPES, N_SHAPES))
    found = fitted(features, targets, weights, Prior(N_SHAPES, 0.2, noise))
    assert np.abs(found - expected).max() < 1e-9


@pytest.mark.parametrize(("spread", "expected"), [(0.0, 0.0), (0.5, 0.25)])
def test_how_far_people_differ_is_found(
    spread: float, expected: float, rng: np.random.Generator
) -> None:
    weights = rng.standard_normal((N_SOURCES * N_SHAPES, N_TARGETS))
    people = []
    for _ in range(30):
        matrix = np.eye(N_SHAPES) + spread * rng.standard_normal((N_SHAPES, N_SHAPES))
        runs = [heard(rng, own(weights, matrix), 5.0) for _ in range(2)]
        people.append(Person([x for x, _ in runs], [y for _, y in runs], weights))
    found = best_variance(people, np.full(N_TARGETS, 25.0), N_SHAPES)
    assert found in VARIANCES
    assert expected / 4 <= found <= max(4 * expected, 1e-3)


def test_somebody_with_a_stronger_response_is_predicted_better(
    eeg: EegSpec, bold: BoldSpec, make_run: Callable[..., Samples]
) -> None:
    model = ridge.build(eeg, bold, n_components=3)
    strengths = {"1": 0.3, "2": 1.0, "3": 2.0, "4": 3.0}
    runs = [make_run(label, run, strengths[label], 0.3) for label in "1234" for run in (1, 2)]
    model.fit(runs[:6], runs[6:], seed=0)
    assert float(model.between_people) > 0
    calibrated = model.calibrate([make_run("5", 1, 3.0, 0.3)])
    other = make_run("5", 2, 3.0, 0.3)
    assert other.targets is not None
    true = other.targets - other.targets.mean(axis=0)
    errors = []
    for one in (model, calibrated):
        given = one.of_run(other).numpy()
        errors.append(np.mean((given - given.mean(axis=0) - true) ** 2))
    assert errors[1] < 0.9 * errors[0]


def test_runs_of_one_person_tell_nothing_of_people(
    eeg: EegSpec, bold: BoldSpec, make_run: Callable[..., Samples]
) -> None:
    model = ridge.build(eeg, bold, n_components=3)
    model.fit([make_run("1", 1), make_run("1", 2)], [make_run("1", 3)], seed=0)
    assert float(model.between_people) == ridge.UNKNOWN
