"""BOLD as fractional change from the participant's median volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Floats

VOXELS_AT_ONCE = 4096


def baseline(runs: Sequence[Floats]) -> Floats:
    """Median volume of a participant.

    Parameters
    ----------
    runs : sequence of ndarray of shape (time, voxel)
        The participant's runs; those for training only, where the participant is in training.

    Returns
    -------
    ndarray of shape (voxel,)
        Median intensity, float32.

    Raises
    ------
    DataError
        When there is no volume.
    """
    if not sum(len(run) for run in runs):
        raise DataError(f"{len(runs)} runs without a single volume; expected BOLD for a baseline")
    n_voxels = runs[0].shape[1]
    median = np.empty(n_voxels, np.float32)
    for start in range(0, n_voxels, VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        median[some] = np.median(np.concatenate([run[:, some] for run in runs]), axis=0)
    return median


def fractional_change(rows: Floats, baseline: Floats) -> Floats:
    """Express BOLD as fractional change from a baseline.

    Parameters
    ----------
    rows : ndarray of shape (time, voxel)
        Intensities.
    baseline : ndarray of shape (voxel,)
        Their baseline.

    Returns
    -------
    ndarray of shape (time, voxel)
        Fraction of the baseline, float32; 0 where the baseline is not above 0, since nothing was
        measured there.
    """
    measured = np.isfinite(baseline) & (baseline > 0)
    safe = np.where(measured, baseline, 1).astype(np.float32)
    change = np.asarray(rows, np.float32) / safe
    change -= 1
    change[:, ~measured] = 0
    return change


def intensity(change: Floats, baseline: Floats) -> Floats:
    """Put fractional change, shape (time, voxel), back on a baseline, shape (voxel,), float32."""
    restored: Floats = (np.asarray(change, np.float32) + 1) * baseline.astype(np.float32)
    return restored
