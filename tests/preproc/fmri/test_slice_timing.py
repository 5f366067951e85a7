from __future__ import annotations

import numpy as np

from bids_app.preproc.fmri import slice_timing
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Grid

GRID = Grid((3, 4, 5), np.diag([3.0, 3.0, 4.0, 1.0]))
TIMES = np.array([0.0, 1.2, 0.4, 1.6, 0.8])


def slow(times_s: Floats) -> Floats:
    """Slow signals and a drift, shape (time,)."""
    waves = 3 * np.sin(0.06 * 2 * np.pi * times_s) + 2 * np.cos(0.11 * 2 * np.pi * times_s)
    return np.asarray(900 + waves + 0.05 * times_s)


def corrected(bold: BoldSeries, slice_times_s: Floats, to_s: float, n_dummies: int) -> Floats:
    """All stretches in one, shape (x, y, z, time)."""
    found = list(slice_timing.blocks(bold, slice_times_s, to_s, n_dummies))
    assert [first for first, _ in found] == np.cumsum([
        0,
        *(len(b.T) for _, b in found[:-1]),
    ]).tolist()
    return np.concatenate([volumes for _, volumes in found], axis=3)


def test_a_long_run_in_stretches_is_like_one_in_a_piece() -> None:
    rng = np.random.default_rng(0)
    volumes = rng.standard_normal((3, 4, 5, 610)).cumsum(axis=3).astype(np.float32)
    found = corrected(BoldSeries(volumes, GRID, 2.0, TIMES), TIMES, 0.8, n_dummies=0)
    assert found.shape == volumes.shape
    whole = slice_timing.shift(volumes[:, :, 1], -0.2)
    assert (found[:, :, 1] - whole).std() < 0.02 * np.diff(volumes[:, :, 1]).std()


def test_slices_are_shifted_to_one_time() -> None:
    volume_s = np.arange(120) * 2.0
    slices = np.stack([slow(volume_s + acquired) for acquired in TIMES])
    volumes = np.broadcast_to(slices, (3, 4, 5, 120)).astype(np.float32)
    bold = BoldSeries(volumes, GRID, 2.0, TIMES)
    found = corrected(bold, TIMES, 0.8, n_dummies=0)
    truth = slow(volume_s + 0.8)
    error = (found - truth)[..., 4:-4].std() / truth.std()
    assert error < 0.03
    assert (volumes - truth).std() / truth.std() > 0.15


def test_dummies_neither_change_nor_ring() -> None:
    volumes = np.full((3, 4, 5, 30), 100, dtype=np.float32)
    volumes[..., :3] = 400
    bold = BoldSeries(volumes, GRID, 2.0, TIMES)
    found = corrected(bold, TIMES, 0.8, n_dummies=3)
    assert np.allclose(found, volumes, atol=1e-3)


def test_slices_along_another_axis_are_found() -> None:
    rng = np.random.default_rng(0)
    volumes = rng.standard_normal((5, 4, 3, 20)).astype(np.float32)
    grid = Grid((5, 4, 3), np.diag([3.0, 3.0, 4.0, 1.0]))
    bold = BoldSeries(volumes, grid, 2.0, TIMES, slice_axis=0)
    found = corrected(bold, TIMES, 0.8, n_dummies=0)
    assert np.allclose(found[4], volumes[4], atol=1e-5)
    assert np.allclose(found[1], slice_timing.shift(volumes[1], -0.2), atol=1e-5)


def test_the_middle_is_rounded_to_milliseconds() -> None:
    assert slice_timing.middle_s(np.array([0.1, 1.9377])) == 1.019
