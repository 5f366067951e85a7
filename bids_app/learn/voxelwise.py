"""Where a prediction holds: a test of each voxel, with what many voxels ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.learn.nulls import (
    MAX_VOXEL_R,
    N_DRAWS,
    NullTest,
    correlations,
    drawn_shifts,
    unit,
    widened,
)
from bids_app.metrics.base import demeaned
from bids_app.models._solve import drift_basis, without
from bids_app.values import Floats, Ints

VOXELS_AT_ONCE = 4096
LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One run.

    Attributes
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional change of neighbouring volumes; may be memory maps, of which some voxels are read at a time.
    shortest : int
        Shortest shift that breaks what links them, in volumes.
    longest : float
        Fluctuations slower than this, in volumes, are drift.
    """

    true: Floats
    predicted: Floats
    shortest: int
    longest: float


@dataclass(frozen=True, slots=True, eq=False)
class VoxelTest:
    """What circular shifts say of each voxel.

    Attributes
    ----------
    r : ndarray of shape (voxel,)
        Mean correlation over runs, without drift.
    p : ndarray of shape (voxel,)
        Share of shifts that reach it in this voxel.
    q : ndarray of shape (voxel,)
        The smallest false discovery rate at which the voxel is found.
    p_max : ndarray of shape (voxel,)
        Share of shifts whose largest r over all voxels reaches it.
    largest : NullTest
        Of the largest r.
    """

    r: Floats
    p: Floats
    q: Floats
    p_max: Floats
    largest: NullTest


def voxel_test(
    runs: Sequence[Series],
    rng: np.random.Generator,
    n_shifts: int = N_DRAWS,
    *,
    width: float = 1.0,
) -> VoxelTest:
    """Test each voxel against circular shifts that all voxels share.

    Parameters
    ----------
    runs : sequence of Series
        With the same voxels.
    rng : numpy.random.Generator
        Draws the shifts.
    n_shifts : int, default=999
        How many; where there are not as many different ones, each of them once.
    width : float, default=1.0
        See :func:`bids_app.learn.nulls.shift_test`.

    References
    ----------
    Nichols & Holmes (2002), Nonparametric permutation tests for functional neuroimaging, Human Brain Mapping 15, 1-25,
    for the largest over voxels.
    """
    drawn = drawn_shifts([(len(run.true), run.shortest) for run in runs], rng, n_shifts)
    drifts = [drift_basis(np.arange(float(len(run.true))), run.longest) for run in runs]
    n_voxels = runs[0].true.shape[1]
    observed, p = np.zeros(n_voxels, np.float32), np.ones(n_voxels)
    largest = np.full(len(drawn[0]), -np.inf, np.float32)
    for start in range(0, n_voxels, VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        null: Floats = np.zeros((len(drawn[0]), len(observed[some])), np.float32)
        for run, drift, shifts in zip(runs, drifts, drawn, strict=True):
            pair = (
                unit(without(drift, demeaned(np.asarray(rows[:, some], np.float32))))
                for rows in (run.true, run.predicted)
            )
            at_all = correlations(*pair)
            observed[some] += at_all[0] / len(runs)
            null += at_all[shifts] / len(runs)
        null = widened(null, width)
        p[some] = (1 + (null >= observed[some]).sum(axis=0)) / (1 + len(null))
        np.maximum(largest, null.max(axis=1), out=largest)
    p_max = (1 + _reached(largest, observed)) / (1 + len(largest))
    top = NullTest(MAX_VOXEL_R, float(observed.max()), float(p_max.min()), largest)
    return VoxelTest(observed, p, false_discovery_rates(p), p_max, top)


def false_discovery_rates(p: Floats) -> Floats:
    """Adjust p-values of shape (voxel,) so that those below a level have a false discovery rate below it.

    References
    ----------
    Benjamini & Hochberg (1995), Controlling the false discovery rate, J R Stat Soc B 57, 289-300.
    """
    order = np.argsort(p)[::-1]
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1)
    return adjusted


def _reached(null: Floats, observed: Floats) -> Ints:
    """How many of the null, shape (shift,), are at least as large as each value, shape (voxel,)."""
    counts: Ints = len(null) - np.searchsorted(np.sort(null), observed, side="left")
    return counts
