"""Circular shifts: against a slow second route, with and without a coupling."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.learn.nulls import (
    MOST_WIDENED,
    ShiftProfile,
    cross_fitted_width,
    shift_profile,
    shift_test,
)
from bids_app.learn.parcels import parcel_means, parcels
from bids_app.metrics import r
from bids_app.values import Floats
from bids_app.values.space import Grid, Mask


def smooth_noise(rng: np.random.Generator, n_times: int, n_voxels: int) -> Floats:
    noise = rng.standard_normal((n_times + 8, n_voxels))
    return np.asarray(sum(noise[lag : lag + n_times] for lag in range(8)))


def test_profiles_are_correlations_of_rolled_predictions(rng: np.random.Generator) -> None:
    true, predicted = smooth_noise(rng, 61, 13), smooth_noise(rng, 61, 13)
    predicted[:, 4] = 2.0
    labels = np.arange(13) % 3
    profile = shift_profile(true, predicted, labels, 9, longest=200)
    for shift in (0, 1, 17, 60):
        rolled = np.roll(predicted, shift, axis=0)
        assert profile.mean_r[shift] == pytest.approx(r.overall(true, rolled), abs=1e-5)
        by_parcel = r.score(parcel_means(true, labels), parcel_means(rolled, labels))
        assert np.allclose(profile.parcel_r[shift], by_parcel, atol=1e-5)


def test_a_coupling_is_found_and_its_absence_too(rng: np.random.Generator) -> None:
    labels = np.arange(20) % 4
    coupled, apart = [], []
    for _ in range(3):
        true, other = smooth_noise(rng, 155, 20), smooth_noise(rng, 155, 20)
        coupled.append(shift_profile(true, 0.6 * true + other, labels, 15))
        apart.append(shift_profile(true, other, labels, 15))
    for test in shift_test(coupled, np.random.default_rng(0)):
        assert test.p <= 0.005
        assert test.value > 0.2
        assert test.n_drawn == 999
    assert all(test.p > 0.05 for test in shift_test(apart, np.random.default_rng(0)))


def test_without_a_coupling_one_test_in_twenty_rejects(rng: np.random.Generator) -> None:
    labels = np.arange(12) % 4
    p = np.array([
        [
            test.p
            for test in shift_test(
                [
                    shift_profile(
                        smooth_noise(rng, 155, 12), smooth_noise(rng, 155, 12), labels, 15
                    )
                    for _ in range(2)
                ],
                rng,
                99,
            )
        ]
        for _ in range(110)
    ])
    assert ((p <= 0.05).mean(axis=0) < 0.10).all()
    assert (p <= 0.5).mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.12)


@pytest.mark.parametrize(("n_times", "is_long"), [(35, False), (75, True)])
def test_few_shifts_reject_too_often_and_are_known_for_it(
    rng: np.random.Generator, n_times: int, *, is_long: bool
) -> None:
    p = []
    for _ in range(80):
        runs = [
            shift_profile(
                smooth_noise(rng, n_times, 6), smooth_noise(rng, n_times, 6), np.arange(6), 15
            )
            for _ in range(3)
        ]
        p.append([test.p for test in shift_test(runs, rng, 99)])
    assert all(run.is_long is is_long for run in runs)
    rejects = np.mean(np.array(p) <= 0.05, axis=0)
    assert (rejects < 0.125).all() if is_long else (rejects > 0.15).all()


def cross_fitted_profiles(rng: np.random.Generator) -> list[ShiftProfile]:
    """Runs of noise, each predicted by a linear model that was trained on the others."""
    eeg = [smooth_noise(rng, 155, 30) for _ in range(4)]
    bold = [smooth_noise(rng, 155, 8) for _ in range(4)]
    products = [x.T @ y for x, y in zip(eeg, bold, strict=True)]
    return [
        shift_profile(y, x @ (sum(products) - own), np.arange(8), 15)
        for x, y, own in zip(eeg, bold, products, strict=True)
    ]


def test_what_counts_twice_is_seen(rng: np.random.Generator) -> None:
    crossed = [cross_fitted_width(cross_fitted_profiles(rng)) for _ in range(20)]
    apart = [
        cross_fitted_width([
            shift_profile(smooth_noise(rng, 155, 8), smooth_noise(rng, 155, 8), np.arange(8), 15)
            for _ in range(4)
        ])
        for _ in range(20)
    ]
    assert np.mean(crossed) > 1.2
    assert np.mean(apart) < 1.1


def test_where_nothing_tells_what_counts_twice_the_most_is_taken(rng: np.random.Generator) -> None:
    runs = cross_fitted_profiles(rng)
    assert cross_fitted_width(runs[:1]) == MOST_WIDENED
    one = [
        shift_profile(smooth_noise(rng, 90, 3), smooth_noise(rng, 90, 3), np.zeros(3, int), 15)
        for _ in range(2)
    ]
    assert cross_fitted_width(one) == MOST_WIDENED


@pytest.mark.slow
def test_models_trained_on_each_other_do_not_reject_more_often(rng: np.random.Generator) -> None:
    p = np.array([
        [
            [test.p for test in shift_test(profiles, rng, 199, width=width)]
            for width in (1.0, cross_fitted_width(profiles))
        ]
        for profiles in (cross_fitted_profiles(rng) for _ in range(250))
    ])
    naive, widened = (p <= 0.05).mean(axis=0)
    assert naive[1] > 0.12
    assert (widened < 0.085).all()
    assert (widened > 0.01).all()


def test_drifts_of_both_are_no_coupling(rng: np.random.Generator) -> None:
    labels, time = np.zeros(6, int), np.linspace(-1, 1, 155)[:, None]
    p = [
        shift_test(
            [
                shift_profile(
                    smooth_noise(rng, 155, 6) + 9 * rng.standard_normal() * time,
                    smooth_noise(rng, 155, 6) + 9 * rng.standard_normal() * time,
                    labels,
                    15,
                )
            ],
            rng,
            99,
        )[0].p
        for _ in range(150)
    ]
    assert np.mean(np.array(p) <= 0.05) < 0.12


def test_shifts_are_never_short(rng: np.random.Generator) -> None:
    true = smooth_noise(rng, 41, 3)
    profile = shift_profile(true, true, np.zeros(3, int), 15)
    found = shift_test([profile], rng, 500)[0]
    assert np.allclose(np.unique(found.null.round(9)), np.unique(profile.mean_r[15:27].round(9)))


def test_a_constant_prediction_is_never_significant(rng: np.random.Generator) -> None:
    true = smooth_noise(rng, 61, 5)
    for test in shift_test([shift_profile(true, 0 * true, np.zeros(5, int), 9)], rng, 99):
        assert (test.value, test.p) == (0, 1)


def test_a_short_run_is_refused(rng: np.random.Generator) -> None:
    true = smooth_noise(rng, 30, 5)
    with pytest.raises(DataError, match="30 samples are too few to shift by 15"):
        shift_profile(true, true, np.zeros(5, int), 15)


def test_parcels_are_compact_and_the_same_for_a_seed(rng: np.random.Generator) -> None:
    grid = Grid((11, 12, 13), np.diag([3.0, 3.0, 4.0, 1.0]))
    mask = Mask(grid, rng.random(grid.shape) > 0.3)
    labels = parcels(mask, 9, seed=1)
    assert np.array_equal(labels, parcels(mask, 9, seed=1))
    assert sorted(set(labels)) == list(range(9))
    points = mask.points_mm()
    centres = np.array([points[labels == label].mean(axis=0) for label in range(9)])
    distance = np.linalg.norm(points[:, None] - centres, axis=2)
    assert (distance.argmin(axis=1) == labels).mean() > 0.98
    rows = rng.standard_normal((7, mask.n_voxels))
    expected = np.stack([rows[:, labels == label].mean(axis=1) for label in range(9)], axis=1)
    assert np.allclose(parcel_means(rows, labels), expected, atol=1e-6)


def test_a_tiny_mask_has_a_parcel_for_each_voxel() -> None:
    inside = np.zeros((3, 4, 5), bool)
    inside[1, 1, :3] = True
    assert sorted(parcels(Mask(Grid((3, 4, 5), np.eye(4)), inside))) == [0, 1, 2]


def test_short_runs_use_each_different_shift_once(rng: np.random.Generator) -> None:
    labels = np.arange(11) % 3
    profiles = [
        shift_profile(rng.normal(size=(33, 11)), rng.normal(size=(33, 11)), labels, 15)
        for _ in range(2)
    ]
    assert {test.n_drawn for test in shift_test(profiles, rng)} == {4 * 4}
    assert {test.n_drawn for test in shift_test(profiles, rng, n_shifts=15)} == {15}
