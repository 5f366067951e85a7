"""Mean squared error of fractional change, as in Bricman & Borst (2021), level included."""

from __future__ import annotations

from bids_app.metrics.base import sums_of_products
from bids_app.values import Floats

UNIT = "fractional change squared"


def score(true: Floats, predicted: Floats) -> Floats:
    """Mean squared error of each voxel over time.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional signal change of one run.

    Returns
    -------
    ndarray of shape (voxel,)
        0 is perfect.
    """
    error = true - predicted
    return sums_of_products(error, error) / len(error)


def overall(true: Floats, predicted: Floats) -> float:
    """Mean of :func:`score` over the voxels of series of shape (time, voxel)."""
    return float(score(true, predicted).mean())
