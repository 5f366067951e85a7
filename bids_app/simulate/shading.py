"""Slow shading of images: receive coils and bias fields."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from bids_app.values import Floats


def shading(shape: tuple[int, int, int], fraction: float, rng: np.random.Generator) -> Floats:
    """Draw a smooth positive factor: the exponential of a random polynomial of second degree.

    Parameters
    ----------
    shape : tuple of int
        Voxels.
    fraction : float
        Half of the range of its logarithm.
    rng : numpy.random.Generator
        Where the numbers come from.

    Returns
    -------
    ndarray of shape (x, y, z)
        Factor around 1, float32.
    """
    axes = [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    terms = [
        x,
        y,
        z,
        *(first * second for first, second in combinations_with_replacement((x, y, z), 2)),
    ]
    logarithm = np.zeros(shape, dtype=np.float32)
    for term in terms:
        logarithm += np.float32(rng.standard_normal()) * term
    low, high = float(logarithm.min()), float(logarithm.max())
    factor: Floats = np.exp(fraction * (2 * (logarithm - low) / (high - low) - 1))
    return factor
