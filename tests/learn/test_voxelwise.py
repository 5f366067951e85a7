"""A test of each voxel: planted ones are found, and others are not more often than they may."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from bids_app.learn import voxelwise
from bids_app.learn.nulls import drawn_shifts, shift_profile
from bids_app.learn.voxelwise import Series, false_discovery_rates, voxel_test
from bids_app.values import Floats

N_VOXELS = 90


def series(rng: np.random.Generator, planted: int, n_times: int = 110) -> Series:
    def noise() -> Floats:
        rows = rng.standard_normal((n_times + 2, N_VOXELS))
        return np.asarray(rows[2:] + rows[1:-1] + rows[:-2], np.float32)

    true, predicted = noise(), noise()
    predicted[:, :planted] += true[:, :planted]
    return Series(true, predicted, 15, 500.0)


def test_planted_voxels_are_found_and_hardly_others(rng: np.random.Generator) -> None:
    found = voxel_test([series(rng, 20) for _ in range(3)], rng)
    assert (found.q[:20] < 0.05).all()
    assert (found.p_max[:20] < 0.05).all()
    assert (found.q[20:] < 0.05).sum() <= 5
    assert found.largest.p == pytest.approx(found.p_max.min())
    assert found.largest.value == found.r.max()


def test_without_a_coupling_any_voxel_is_found_once_in_twenty(rng: np.random.Generator) -> None:
    p = [voxel_test([series(rng, 0)], rng, 99).largest.p for _ in range(80)]
    assert np.mean(np.array(p) <= 0.05) <= 0.125


def test_blocks_of_voxels_make_no_difference(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [series(rng, 7), series(rng, 7, 90)]
    whole = voxel_test(runs, np.random.default_rng(1), 50)
    monkeypatch.setattr(voxelwise, "VOXELS_AT_ONCE", 13)
    parts = voxel_test(runs, np.random.default_rng(1), 50)
    for name in ("r", "p", "q", "p_max"):
        assert np.allclose(getattr(whole, name), getattr(parts, name), atol=1e-6)


def test_each_voxel_is_tested_as_a_parcel_of_its_own(rng: np.random.Generator) -> None:
    run = series(rng, 4)
    found = voxel_test([run], np.random.default_rng(1), 60)
    profile = shift_profile(run.true, run.predicted, np.arange(N_VOXELS), 15, 500.0)
    (shifts,) = drawn_shifts([(len(run.true), 15)], np.random.default_rng(1), 60)
    null = profile.parcel_r[shifts]
    assert np.allclose(found.r, profile.parcel_r[0], atol=1e-5)
    assert np.allclose(found.p, (1 + (null >= profile.parcel_r[0]).sum(axis=0)) / (1 + len(null)))


def test_rates_are_those_of_benjamini_and_hochberg(rng: np.random.Generator) -> None:
    p = rng.random(57) ** 3
    assert np.allclose(false_discovery_rates(p), false_discovery_control(p))


def test_a_constant_prediction_is_found_nowhere(rng: np.random.Generator) -> None:
    run = series(rng, 0)
    found = voxel_test([Series(run.true, 0 * run.predicted, 15, 500.0)], rng, 50)
    assert (found.p == 1).all()
    assert (found.p_max == 1).all()


def test_the_null_of_each_voxel_is_widened_about_its_mean(rng: np.random.Generator) -> None:
    run = series(rng, 0)
    one = Series(run.true[:, :1], run.predicted[:, :1], run.shortest, run.longest)
    narrow, wide = (
        voxel_test([one], np.random.default_rng(1), 60, width=width).largest.null
        for width in (1.0, 1.3)
    )
    assert wide.mean() == pytest.approx(narrow.mean(), abs=1e-6)
    assert wide.std() == pytest.approx(1.3 * narrow.std(), rel=1e-4)
