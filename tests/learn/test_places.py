"""A planted match of learned and true positions is found, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.learn.places import match


def test_a_planted_match_is_found(rng: np.random.Generator) -> None:
    places = rng.standard_normal((12, 3))
    learned = [
        places @ rng.standard_normal((3, 7)) + 0.1 * rng.standard_normal((12, 7)) for _ in range(3)
    ]
    found = match(learned, places, rng)
    assert found is not None
    assert found.rho > 0.7
    assert found.p < 0.01
    assert found.on_head_m.shape == found.learned.shape == (66,)


def test_rank_correlation_is_that_of_the_distances(rng: np.random.Generator) -> None:
    places, learned = rng.standard_normal((7, 3)), rng.standard_normal((7, 4))
    found = match([learned], places, rng)
    assert found is not None
    pairs = [(a, b) for a in range(7) for b in range(a + 1, 7)]
    on_head, in_model = (
        np.argsort(np.argsort([np.linalg.norm(rows[a] - rows[b]) for a, b in pairs]))
        for rows in (places, learned)
    )
    assert found.rho == pytest.approx(np.corrcoef(on_head, in_model)[0, 1])


def test_without_a_match_p_is_anything() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(20)]
    found = [
        match([rng.standard_normal((9, 4))], rng.standard_normal((9, 3)), rng) for rng in rngs[:6]
    ]
    assert 0.02 < np.mean([one.p for one in found if one is not None]) < 0.98


def test_electrodes_without_a_place_are_left_out(rng: np.random.Generator) -> None:
    places = rng.standard_normal((7, 3))
    places[5:] = np.nan
    found = match([rng.standard_normal((7, 4))], places, rng)
    assert found is not None
    assert found.on_head_m.shape == (10,)
    places[4] = np.nan
    assert match([rng.standard_normal((7, 4))], places, rng) is None
    assert match([], rng.standard_normal((7, 3)), rng) is None
