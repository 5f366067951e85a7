"""Spatial smoothing that takes nothing from outside the mask."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from bids_app.values import Bools, Floats
from bids_app.values.space import Grid

FWHM_TO_SD = 1 / 2.3548200450309493


def smooth(volumes: Floats, grid: Grid, fwhm_mm: float, inside: Bools) -> Floats:
    """Smooth with a Gaussian, normalised within a mask.

    Parameters
    ----------
    volumes : ndarray of shape (x, y, z, time)
        What is smoothed.
    grid : Grid
        Where the voxels are.
    fwhm_mm : float
        Full width at half maximum; 0 leaves the volumes as they are inside the mask.
    inside : ndarray of shape (x, y, z)
        Voxels that give and take.

    Returns
    -------
    ndarray of shape (x, y, z, time)
        Float32; 0 outside the mask.
    """
    out = np.zeros((volumes.shape[3], *grid.shape), dtype=np.float32)
    sigma = fwhm_mm * FWHM_TO_SD / grid.zooms_mm
    weight = np.maximum(
        ndimage.gaussian_filter(inside.astype(np.float32), sigma, mode="constant"), 1e-6
    )
    for index in range(volumes.shape[3]):
        volume = np.where(inside, volumes[..., index], np.float32(0)).astype(np.float32)
        blurred = ndimage.gaussian_filter(volume, sigma, mode="constant") / weight
        out[index][inside] = blurred[inside]
    return np.moveaxis(out, 0, -1)
