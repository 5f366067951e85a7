"""Random phases and exchanged runs: against a slow second route, with and without a coupling."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.learn import surrogates
from bids_app.learn.nulls import MAX_PARCEL_R, ShiftProfile, shift_profile
from bids_app.learn.surrogates import exchange_test, phase_test
from bids_app.metrics import r
from bids_app.values import Floats

LABELS = np.arange(12) % 3


def smooth_noise(rng: np.random.Generator, n_times: int = 96, n_voxels: int = 12) -> Floats:
    noise = rng.standard_normal((n_times + 4, n_voxels))
    return np.asarray(sum(noise[lag : lag + n_times] for lag in range(5)))


def profiles(rng: np.random.Generator, n_runs: int, share: float) -> list[ShiftProfile]:
    pairs = ((smooth_noise(rng), smooth_noise(rng)) for _ in range(n_runs))
    return [shift_profile(true, share * true + other, LABELS, 9) for true, other in pairs]


@pytest.mark.parametrize("n_times", [61, 62])
def test_phases_are_turned_alike_in_all_voxels(rng: np.random.Generator, n_times: int) -> None:
    true, predicted = smooth_noise(rng, n_times), smooth_noise(rng, n_times)
    profile = shift_profile(true, predicted, LABELS, 9, longest=1000)
    null = phase_test([profile], np.random.default_rng(3), 20)[0].null
    turns = np.exp(2j * np.pi * np.random.default_rng(3).random((20, n_times // 2 + 1)))
    if n_times % 2 == 0:
        turns[:, -1] = np.sign(turns[:, -1].real)
    spectrum = np.fft.rfft(predicted - predicted.mean(axis=0), axis=0)
    # The profile holds truth times the conjugate of the prediction: the prediction turns the other way.
    slow = [
        r.overall(true, np.fft.irfft(spectrum * turn.conj()[:, None], n=n_times, axis=0))
        for turn in turns
    ]
    assert np.allclose(null, slow, atol=1e-5)


def test_phases_find_a_coupling_and_nothing_else(rng: np.random.Generator) -> None:
    for test in phase_test(profiles(rng, 2, 0.5), rng, 199):
        assert (test.p, test.against) == (0.005, "random phases")
    p = [[test.p for test in phase_test(profiles(rng, 1, 0.0), rng, 39)] for _ in range(120)]
    assert (np.mean(np.array(p) <= 0.05, axis=0) < 0.12).all()


def test_exchanged_runs_find_what_is_a_runs_own(rng: np.random.Generator) -> None:
    (test,) = exchange_test(profiles(rng, 5, 0.6), [0] * 5, rng)
    assert (test.statistic, test.against) == (MAX_PARCEL_R, "EEG of other runs")
    assert test.n_drawn == 44
    assert test.p == pytest.approx(1 / 45)
    assert not exchange_test(profiles(rng, 4, 0.6), [0] * 4, rng)
    assert not exchange_test(profiles(rng, 5, 0.6), list(range(5)), rng)


def test_what_all_runs_share_is_found_by_phases_but_not_by_exchange(
    rng: np.random.Generator,
) -> None:
    schedule = 3 * smooth_noise(rng)[:, :1]
    shared = [
        shift_profile(smooth_noise(rng) + schedule, smooth_noise(rng) + schedule, LABELS, 9)
        for _ in range(6)
    ]
    assert phase_test(shared, rng, 199)[1].p < 0.02
    assert exchange_test(shared, ["same"] * 6, rng)[0].p > 0.05


def test_runs_are_exchanged_within_their_schedule_only(rng: np.random.Generator) -> None:
    runs = profiles(rng, 10, 0.0)
    mixed = exchange_test(runs, [0, 1] * 5, rng, 200)[0]
    assert mixed.n_drawn == 200
    own = np.mean([np.einsum("tp,tp->p", run.true, run.predicted) for run in runs], axis=0)
    assert mixed.value == pytest.approx(own.max(), abs=1e-6)


@pytest.mark.parametrize("n", [5, 9])
def test_nothing_keeps_its_place(rng: np.random.Generator, n: int) -> None:
    orders = np.array(surrogates._derangements(n, rng, None, 60))
    assert not (orders == np.arange(n)).any()
    assert (np.sort(orders, axis=1) == np.arange(n)).all()
    assert len(orders) == (44 if n == 5 else 60)
    assert [surrogates._n_derangements(k) for k in range(7)] == [1, 0, 1, 2, 9, 44, 265]


def test_every_surrogate_is_widened_about_its_mean(rng: np.random.Generator) -> None:
    one_parcel = np.zeros(12, int)
    runs = [shift_profile(smooth_noise(rng), smooth_noise(rng), one_parcel, 9) for _ in range(5)]
    for narrow, wide in zip(
        (*phase_test(runs, np.random.default_rng(1), 60), *exchange_test(runs, [0] * 5, rng)),
        (
            *phase_test(runs, np.random.default_rng(1), 60, width=1.3),
            *exchange_test(runs, [0] * 5, rng, width=1.3),
        ),
        strict=True,
    ):
        assert wide.value == pytest.approx(narrow.value)
        assert wide.null.mean() == pytest.approx(narrow.null.mean(), abs=1e-6)
        assert wide.null.std() == pytest.approx(1.3 * narrow.null.std(), rel=1e-4)
