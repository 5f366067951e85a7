"""Correlation over time: 1 is perfect, 0 is chance; NaN, never 0, for constant series."""

from __future__ import annotations

import numpy as np

from bids_app.metrics.base import demeaned, mean_of_defined, sums_of_products
from bids_app.values import Floats

UNIT = ""


def score(true: Floats, predicted: Floats) -> Floats:
    """Pearson correlation of each voxel over time.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional signal change of one run.

    Returns
    -------
    ndarray of shape (voxel,)
        NaN where either is constant.
    """
    if predicted.strides[0] == 0:  # one row, repeated by a view
        return np.full(true.shape[1], np.nan)
    a, b = demeaned(true), demeaned(predicted)
    product = sums_of_products(a, b)
    norm = np.sqrt(sums_of_products(a, a) * sums_of_products(b, b))
    values: Floats = np.divide(product, norm, out=np.full(len(norm), np.nan), where=norm > 0)
    return values


def overall(true: Floats, predicted: Floats) -> float:
    """Mean of :func:`score` over voxels where it is defined; series of shape (time, voxel)."""
    return mean_of_defined(score(true, predicted))
