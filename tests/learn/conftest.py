"""Small runs with a planted coupling, and specifications to match."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import gamma

from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

CHANNELS = ("Fz", "Cz", "Pz")
RATE_HZ, TR_S, N_VOLUMES = 64.0, 2.0, 90


@pytest.fixture
def eeg() -> EegSpec:
    return EegSpec(CHANNELS, RATE_HZ, 20.0)


@pytest.fixture
def bold(rng: np.random.Generator) -> BoldSpec:
    grid = Grid((4, 5, 6), np.diag([3.0, 3.0, 3.0, 1.0]))
    return BoldSpec(
        Mask(grid, rng.random(grid.shape) > 0.4), "MNI152NLin2009aSym", "3", TR_S, 0.5, 6.0
    )


@pytest.fixture
def make_run(bold: BoldSpec) -> Callable[..., Samples]:
    """Give a maker of runs: slow changes of Pz alpha power drive half of the voxels."""
    n_voxels = bold.n_voxels
    response = gamma.pdf(np.arange(0, 25, 0.1), 6)

    def make(participant: str, number: int, strength: float = 1.0) -> Samples:
        rng = np.random.default_rng([int(participant), number])
        seconds = np.arange(int(N_VOLUMES * TR_S * RATE_HZ)) / RATE_HZ
        slow = np.interp(seconds, np.arange(0, 200, 4), rng.standard_normal(50))
        volts = rng.standard_normal((3, len(seconds)))
        volts[2] += 2 * np.exp(0.5 * slow) * np.sin(2 * np.pi * 10 * seconds + 1)
        driven = np.convolve(slow, np.repeat(response, 6))[: len(slow)] / 40
        volumes = np.arange(10, N_VOLUMES)
        weights = strength * np.repeat([1.0, 0.0], [n_voxels // 2, n_voxels - n_voxels // 2])
        change = np.outer(driven[(volumes * TR_S * RATE_HZ).astype(int)], weights)
        change += rng.standard_normal(change.shape)
        return Samples(
            f"sub-{participant}_run-{number}",
            participant,
            volts.astype(np.float32),
            RATE_HZ,
            n_window=1280,
            stops=(volumes * TR_S * RATE_HZ).astype(int),
            volumes=volumes,
            n_volumes=N_VOLUMES,
            targets=(0.01 * change).astype(np.float32),
            channels=CHANNELS,
        )

    return make
