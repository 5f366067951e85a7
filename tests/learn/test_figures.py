"""Figures beside r: connectivity, effective samples, pictures and the ceiling, each with a known truth."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.learn.ceiling import reliability, split_half
from bids_app.learn.dynamics import connectivity_similarity, effective_samples
from bids_app.learn.events import responses
from bids_app.learn.images import Frame, image_figures
from bids_app.values import Floats
from bids_app.values.space import Grid, Mask


def test_connectivity_is_alike_without_any_shared_time(rng: np.random.Generator) -> None:
    mixing = rng.standard_normal((4, 9))
    one, other = (rng.standard_normal((2000, 4)) @ mixing for _ in range(2))
    assert connectivity_similarity(one, other) > 0.97
    assert (
        connectivity_similarity(one, rng.standard_normal((2000, 4)) @ rng.standard_normal((4, 9)))
        < 0.6
    )
    assert np.isnan(connectivity_similarity(one[:, :2], other[:, :2]))
    assert np.isnan(connectivity_similarity(one, np.zeros_like(other)))


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.85])
def test_correlations_by_chance_scatter_as_the_effective_samples_say(
    rng: np.random.Generator, memory: float
) -> None:
    def courses() -> Floats:
        noise = rng.standard_normal((400, 300))
        for index in range(1, 400):
            noise[index] += memory * noise[index - 1]
        return noise[200:]

    one, other = courses(), courses()
    scatter = np.std([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])
    assert effective_samples(one, other) == pytest.approx(1 / scatter**2, rel=0.25)


def test_a_constant_course_has_no_effective_samples(rng: np.random.Generator) -> None:
    assert np.isnan(effective_samples(rng.standard_normal((50, 3)), np.ones((50, 3))))


@pytest.fixture
def frame(rng: np.random.Generator) -> Frame:
    grid = Grid((14, 15, 16), np.diag([3.0, 3.0, 3.0, 1.0]))
    inside = np.zeros(grid.shape, bool)
    inside[2:12, 3:13, 2:14] = True
    mask = Mask(grid, inside)
    return Frame(mask, 50 + 150 * rng.random(mask.n_voxels))


def test_pictures_measure_anatomy(rng: np.random.Generator, frame: Frame) -> None:
    true = 0.01 * rng.standard_normal((9, frame.mask.n_voxels)).astype(np.float32)
    still = {name: value for name, value, _ in image_figures(true, np.zeros_like(true), frame)}
    assert still["ssim"] > 0.97
    assert still["psnr"] == pytest.approx(-20 * np.log10(still["rmse"]), rel=0.01)
    backwards = {name: value for name, value, _ in image_figures(true, true[::-1], frame)}
    assert backwards["ssim"] == pytest.approx(still["ssim"], abs=0.02)
    same = {name: value for name, value, _ in image_figures(true, true, frame)}
    assert same["ssim"] == pytest.approx(1)
    assert same["rmse"] == 0


def test_pictures_are_scaled_by_the_baseline_not_by_what_was_measured(frame: Frame) -> None:
    true = np.zeros((3, frame.mask.n_voxels), np.float32)
    found = {name: value for name, value, _ in image_figures(true, true + np.float32(0.1), frame)}
    expected = 0.1 * frame.baseline / frame.baseline.max()
    assert found["rmse"] == pytest.approx(np.sqrt((expected**2).mean()), rel=1e-4)


def test_the_ceiling_is_what_repeats(rng: np.random.Generator) -> None:
    onsets = np.arange(4, 1180, 21.0) + rng.uniform(0, 8, 56)
    times_s = np.arange(600) * 2.0
    evoked = responses({"a": list(onsets)}, times_s)[:, :1]
    evoked = evoked / evoked.std()
    clean = split_half(
        evoked + 1e-3 * rng.standard_normal((600, 7)), {"a": list(onsets)}, times_s, 128
    )
    none = split_half(rng.standard_normal((600, 400)), {"a": list(onsets)}, times_s, 128)
    assert clean is not None
    assert none is not None
    assert clean.min() > 0.999
    assert abs(none.mean()) < 0.15
    assert split_half(evoked, {"a": [3.0, 9.0]}, times_s, 128) is None
    assert split_half(evoked, {}, times_s, 128) is None


def test_reliability_is_that_of_twice_as_many() -> None:
    assert reliability(0.5) == pytest.approx(2 / 3)
    assert reliability(-0.3) == 0
    assert reliability(-1.0) == 0
