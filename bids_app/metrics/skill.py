"""How much smaller the squared error is than that of predicting no change."""

from __future__ import annotations

import numpy as np

from bids_app.metrics.base import sums_of_products
from bids_app.values import Floats

UNIT = ""


def score(true: Floats, predicted: Floats) -> Floats:
    """One minus the squared error over that of predicting 0, for each voxel.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional signal change of one run.

    Returns
    -------
    ndarray of shape (voxel,)
        1 is perfect, 0 is as good as predicting no change; NaN where there was none.
    """
    left, there = _squares(true, predicted)
    share: Floats = np.divide(left, there, out=np.full(len(there), np.nan), where=there > 0)
    return 1 - share


def overall(true: Floats, predicted: Floats) -> float:
    """One minus the squared error of series of shape (time, voxel) over that of predicting 0."""
    left, there = _squares(true, predicted)
    return 1 - float(left.sum() / there.sum()) if there.any() else float("nan")


def _squares(true: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Sum the squares of what is left and of what was there, shape (voxel,) each."""
    rest = true - predicted
    return sums_of_products(rest, rest), sums_of_products(true, true)
