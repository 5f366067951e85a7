"""Bring images that are in template space already on to the output grid."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import affine_transform

from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Grid


def onto_grid(data: Floats, source: Grid, target: Grid, order: int = 1) -> Floats:
    """Interpolate an image from one grid to another of the same space.

    Parameters
    ----------
    data : ndarray of shape (x, y, z)
        On ``source``.
    source, target : Grid
        Where it is, and where it is wanted.
    order : int, default=1
        Degree of the spline; 3 for intensities, 1 for probabilities.

    Returns
    -------
    ndarray of shape (x, y, z)
        On ``target``, float32; 0 outside the source. The data themselves where the grids are the same.
    """
    if source.matches(target):
        return np.asarray(data, dtype=np.float32)
    pull = np.linalg.inv(source.affine) @ target.affine
    moved: Floats = affine_transform(
        np.asarray(data, dtype=np.float32),
        pull[:3, :3],
        pull[:3, 3],
        output_shape=target.shape,
        order=order,
    )
    return moved


def series_onto_grid(series: BoldSeries, target: Grid, inside: Bools) -> Floats:
    """Interpolate a series to another grid of the same space, with cubic splines.

    Parameters
    ----------
    series : BoldSeries
        In template space.
    target : Grid
        Where it is wanted.
    inside : ndarray of shape (x, y, z)
        Voxels of ``target`` that are kept; the others are 0.

    Returns
    -------
    ndarray of shape (x, y, z, time)
        Float32.
    """
    moved = np.zeros((*target.shape, series.n_volumes), dtype=np.float32)
    for volume in range(series.n_volumes):
        image = onto_grid(series.volumes[..., volume], series.grid, target, order=3)
        moved[..., volume] = np.where(inside, image, 0)
    return moved
