"""Fractional change from the participant's median."""

from __future__ import annotations

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.samples.targets import baseline, fractional_change, intensity


def test_the_baseline_is_the_median_over_all_runs() -> None:
    rng = np.random.default_rng(0)
    runs = [rng.random((n, 9001), np.float32) for n in (7, 12, 4)]
    assert np.allclose(baseline(runs), np.median(np.concatenate(runs), axis=0))


def test_change_and_intensity_are_inverse() -> None:
    rng = np.random.default_rng(1)
    rows = 800 + 50 * rng.standard_normal((11, 6))
    level = baseline([rows])
    change = fractional_change(rows, level)
    assert change.dtype == np.float32
    assert np.allclose(change, rows / np.median(rows, axis=0) - 1, atol=1e-6)
    assert np.allclose(intensity(change, level), rows, rtol=1e-6)


def test_voxels_without_signal_do_not_change() -> None:
    level = np.array([100.0, 0.0, -3.0, np.nan])
    change = fractional_change(np.full((5, 4), 110.0), level)
    assert np.allclose(change, [[0.1, 0, 0, 0]] * 5)


def test_no_volumes_no_baseline() -> None:
    with pytest.raises(DataError, match="2 runs without a single volume"):
        baseline([np.empty((0, 4)), np.empty((0, 4))])
