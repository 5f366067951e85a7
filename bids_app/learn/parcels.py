"""Small regions made from the mask alone, to average voxels over without looking at any signal."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bids_app.values import Floats, Ints
from bids_app.values.space import Mask


@lru_cache(maxsize=4)
def parcels(mask: Mask, n_parcels: int = 24, seed: int = 0) -> Ints:
    """Divide a mask into compact parcels by k-means on the places of its voxels.

    Parameters
    ----------
    mask : Mask
        What to divide.
    n_parcels : int, default=24
        How many parcels; fewer when there are fewer voxels.
    seed : int, default=0
        Seed of the first centres.

    Returns
    -------
    ndarray of shape (voxel,)
        Parcel of each voxel, from 0.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 (slow to load; what is refused or done needs none)

    points = mask.points_mm()
    found = KMeans(min(n_parcels, len(points)), n_init=1, random_state=seed).fit(points)
    labels: Ints = found.labels_.astype(np.int64)
    labels.setflags(write=False)  # all callers share it
    return labels


def parcel_means(rows: Floats, labels: Ints) -> Floats:
    """Average rows of shape (time, voxel) by labels of shape (voxel,); shape (time, parcel)."""
    members = np.zeros((len(labels), labels.max() + 1), np.float32)
    members[np.arange(len(labels)), labels] = 1 / np.bincount(labels)[labels]
    means: Floats = rows @ members
    return means
