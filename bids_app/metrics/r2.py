"""Explained share of variance over time, both series demeaned: size counts, level does not."""

from __future__ import annotations

import numpy as np

from bids_app.metrics.base import demeaned, sums_of_products
from bids_app.values import Floats

UNIT = ""


def score(true: Floats, predicted: Floats) -> Floats:
    """Explained share of each voxel's variance over time.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional signal change of one run.

    Returns
    -------
    ndarray of shape (voxel,)
        1 is perfect, 0 is as good as the mean, below 0 is worse; NaN where the truth is constant.
    """
    left, there = _squares(true, predicted)
    share: Floats = np.divide(left, there, out=np.full(len(there), np.nan), where=there > 0)
    return 1 - share


def overall(true: Floats, predicted: Floats) -> float:
    """Explained share of the variance of all voxels together, of series of shape (time, voxel)."""
    left, there = _squares(true, predicted)
    return 1 - float(left.sum() / there.sum()) if there.any() else float("nan")


def _squares(true: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Sum the squares of what is left and of what was there, shape (voxel,) each."""
    centred = demeaned(true)
    rest = centred - demeaned(predicted)
    return sums_of_products(rest, rest), sums_of_products(centred, centred)
