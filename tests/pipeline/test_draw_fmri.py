from __future__ import annotations

import numpy as np
import pytest

from bids_app.pipeline.draw_fmri import _carpet_rows, signal_to_noise


def test_the_signal_to_noise_ratio_is_mean_over_spread(rng: np.random.Generator) -> None:
    volumes = rng.normal(900, 11, (4, 5, 6, 70)).astype(np.float32)
    volumes[0, 0, 0] = 3.0
    found = signal_to_noise(volumes)
    expected = volumes.astype(float).mean(axis=3) / np.maximum(
        volumes.astype(float).std(axis=3), 1e-9
    )
    assert np.isnan(found[0, 0, 0])
    found[0, 0, 0] = expected[0, 0, 0]
    assert found == pytest.approx(expected, rel=1e-6)


def test_rows_of_a_carpet_have_the_tissue_that_is_surest(rng: np.random.Generator) -> None:
    shape = (20, 24, 22)
    inside = np.zeros(shape, dtype=bool)
    inside[2:18, 3:20, 2:20] = True
    grey = np.where(np.indices(shape)[0] < 10, 0.8, 0.1)
    tissues = {"GM": grey, "WM": 0.9 - grey}
    tissues["WM"][:, 12:] = 0.0
    volumes = rng.normal(100, 1, (*shape, 30)) * np.where(grey > 0.5, 1.0, 3.0)[..., None]
    rows, names = _carpet_rows(volumes, inside, tissues)
    sure = inside & ((grey > 0.5) | (tissues["WM"] > 0.5))
    assert rows.shape == (30, sure.sum())
    assert np.abs(np.median(rows, axis=0)).max() < 1e-9
    level = volumes[sure].mean(axis=1)
    assert set(names[level < 150]) == {"GM"}
    assert set(names[level > 250]) == {"WM"}
