"""Intervals of a planted error: what they hold, and how they are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bids_app.learn import uncertainty
from bids_app.learn.uncertainty import SHARES, held
from bids_app.values import Floats
from bids_app.values.outcome import Prediction

N_TIMES, N_VOXELS = 4000, 7


def prediction(spread: Floats | None, label: str = "01") -> Prediction:
    change = np.random.default_rng(1).standard_normal((N_TIMES, N_VOXELS)).astype(np.float32)
    volumes = np.arange(N_TIMES)
    return Prediction(f"sub-{label}", label, change, volumes, N_TIMES, "m", "participant", spread)


def widths() -> Floats:
    return np.where(np.arange(N_TIMES) < N_TIMES // 4, 4.0, 1.0)[:, None] * np.linspace(1, 3, 7)


def errors(spread: Floats) -> Floats:
    drawn: Floats = spread * np.random.default_rng(2).standard_normal(spread.shape)
    return drawn


def test_true_standard_deviations_hold_what_they_promise_and_beat_a_constant() -> None:
    given = prediction(widths())
    found = held(given, given.change + errors(widths()) + 5.0)  # a level is nobody's to tell
    assert np.allclose(found.inside, np.array(SHARES)[:, None], atol=0.025)
    assert (found.score < 0.95 * found.score_constant).all()


def test_intervals_without_eeg_have_the_measured_spread_about_the_mean() -> None:
    given = prediction(np.ones((N_TIMES, N_VOXELS)))
    measured = 3 * given.change + errors(np.ones((N_TIMES, N_VOXELS))) + 5.0
    flat = replace(
        given,
        change=np.zeros_like(given.change),
        spread=np.broadcast_to(measured.std(axis=0), measured.shape),
    )
    assert np.allclose(
        held(given, measured).score_without_eeg, held(flat, measured).score, rtol=1e-4
    )
    informed = replace(given, change=3 * given.change)
    found = held(informed, measured)
    # Of a normal distribution, the score grows with the standard deviation.
    assert np.allclose(found.score / found.score_without_eeg, np.sqrt(1 / 10), rtol=0.08)


def test_standard_deviations_that_are_half_the_true_hold_less() -> None:
    given = prediction(widths() / 2)
    found = held(given, given.change + errors(widths()))
    expected = [2 * stats.norm.cdf(stats.norm.ppf((1 + share) / 2) / 2) - 1 for share in SHARES]
    assert np.allclose(found.inside.mean(axis=1), expected, atol=0.02)


def test_the_interval_score_is_the_width_and_the_price_of_misses() -> None:
    given = prediction(np.ones((N_TIMES, N_VOXELS)))
    missed = np.tile([[3.0], [-3.0]], (N_TIMES // 2, N_VOXELS))
    found = held(given, given.change + missed)
    half = stats.norm.ppf(0.975)
    assert np.allclose(found.score, 2 * half + 2 / 0.05 * (3 - half), rtol=1e-5)


def test_people_count_the_same_whatever_their_runs() -> None:
    wide, narrow = (held(prediction(size * widths()), prediction(None).change) for size in (9, 1))
    people = uncertainty.over_people([("01", wide), ("01", wide), ("02", narrow)])
    assert np.allclose(people["group"].score, (wide.score + narrow.score) / 2)
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    reliable = np.array([1.0, 1, 1, 0, 0, 0, 1])
    columns = uncertainty.rows(people, labels, reliable)
    assert columns["on"] == [who for who in ("sub-01", "sub-02", "group") for _ in range(3)]
    assert columns["region"][:3] == ["all", "parcel-01", "parcel-02"]
    assert columns["reliable"][1:3] == [1.0, 0.25]
    assert columns["interval_score"][1] == pytest.approx(wide.score[:3].mean())
    told = uncertainty.told(people["sub-02"], labels, reliable)
    assert told["reliable"] == pytest.approx(4 / 7)


def test_a_prediction_without_spread_is_refused() -> None:
    given = prediction(None)
    with pytest.raises(ValueError, match="sub-01: m tells no spread"):
        held(given, given.change)
