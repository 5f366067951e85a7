"""Non-steady-state volumes, and a robust reference image."""

from __future__ import annotations

import numpy as np

from bids_app.values import Bools, Floats

SEARCHED_VOLUMES = 40
MOST_DUMMIES = 10
OUTLIER_Z = 3.5
LEAST_EXCESS_FRACTION = 0.005
REFERENCE_VOLUMES = 24
MAD_TO_SD = 1.4826


def count_dummies(volumes: Floats, inside: Bools) -> int:
    """Count the bright volumes at the start, before the steady state.

    Parameters
    ----------
    volumes : ndarray of shape (x, y, z, time)
        A raw run.
    inside : ndarray of shape (x, y, z)
        Voxels to average over.

    Returns
    -------
    int
        0 when the first volume is like the rest.
    """
    means = global_means(volumes[..., :SEARCHED_VOLUMES], inside)
    middle = np.median(means)
    spread = MAD_TO_SD * np.median(np.abs(means - middle))
    excess = means - middle
    high = (excess > OUTLIER_Z * spread) & (excess > LEAST_EXCESS_FRACTION * abs(middle))
    high = high[:MOST_DUMMIES]
    return int(len(high) if high.all() else np.argmin(high))


def global_means(volumes: Floats, inside: Bools) -> Floats:
    """Mean over a mask of shape (x, y, z) of each volume, shape (time,)."""
    flat = np.flatnonzero(inside)
    return np.array([
        volumes[..., index].reshape(-1)[flat].mean(dtype=np.float64)
        for index in range(volumes.shape[3])
    ])


def reference_volumes(n_volumes: int, n_dummies: int) -> list[int]:
    """Choose volumes for the reference: spread over the run, the dummies left out."""
    first = min(n_dummies, n_volumes - 1)
    n_chosen = min(REFERENCE_VOLUMES, n_volumes - first)
    return sorted({int(index) for index in np.linspace(first, n_volumes - 1, n_chosen).round()})


def most_typical(volumes: Floats, chosen: list[int]) -> int:
    """Find the one of the chosen volumes that is nearest to their median; volumes of shape (x, y, z, time)."""
    thinned = volumes[::2, ::2, ::2][..., chosen].astype(np.float32)
    away = thinned - np.median(thinned, axis=3, keepdims=True)
    return chosen[int(np.argmin(np.square(away).sum(axis=(0, 1, 2))))]
