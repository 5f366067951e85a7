"""Intensity non-uniformity of the T1w image (N4, Tustison et al. 2010)."""

from __future__ import annotations

import numpy as np

from bids_app.preproc.fmri.grids import box_around
from bids_app.values import Bools, Floats
from bids_app.values.space import Volume

MARGIN_MM = 10.0
WORKING_MM = 5.0
LEVELS = 3


def correct_bias(t1w: Volume, inside: Bools, iterations: int) -> Volume:
    """Divide an image by its smooth bias field; on one thread, as its sums depend on how many share them.

    Parameters
    ----------
    t1w : Volume
        Intensities.
    inside : ndarray of shape (x, y, z)
        Where the field is estimated. Beyond its box the field continues with its edge values.
    iterations : int
        At most, at each of three levels.

    Returns
    -------
    Volume
        Corrected intensities; their mean over the brain is that of the input.
    """
    zooms = t1w.grid.zooms_mm
    n_x, n_y, n_z = (int(np.ceil(MARGIN_MM / zoom)) for zoom in zooms)
    box = box_around(inside, (n_x, n_y, n_z))
    steps = [max(round(WORKING_MM / zoom), 1) for zoom in zooms]
    thin = tuple(slice(step // 2, None, step) for step in steps)
    coarse = t1w.data[box].astype(np.float32)[thin]
    mask = inside[box][thin] & (coarse > 0)
    spacing = [float(zoom * step) for zoom, step in zip(zooms, steps, strict=True)]
    log_field = _log_field(coarse, mask, spacing, iterations)
    field = log_field.astype(np.float32)
    for axis in range(3):
        places = np.arange(field.shape[axis]) * steps[axis] + steps[axis] // 2 + box[axis].start
        field = _stretch(field, places, t1w.grid.shape[axis], axis)
    corrected = t1w.data / np.exp(field, out=field)
    corrected *= t1w.data[inside].mean() / corrected[inside].mean()
    return Volume(corrected, t1w.grid)


def _log_field(image: Floats, mask: Bools, spacing: list[float], iterations: int) -> Floats:
    import SimpleITK as sitk  # noqa: PLC0415 (slow to load; what is refused or done needs none)

    picture = sitk.GetImageFromArray(np.maximum(image, 1e-3))
    where = sitk.GetImageFromArray(mask.astype(np.uint8))
    for part in (picture, where):
        part.SetSpacing(spacing[::-1])  # SimpleITK counts axes from the last of an array
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    # The filters that the correction is made of look at nothing else.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        correction = sitk.N4BiasFieldCorrectionImageFilter()
        correction.SetMaximumNumberOfIterations([iterations] * LEVELS)
        correction.SetConvergenceThreshold(1e-4)
        correction.Execute(picture, where)
        return np.asarray(sitk.GetArrayFromImage(correction.GetLogBiasFieldAsImage(picture)))
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _stretch(field: Floats, places: Floats, length: int, axis: int) -> Floats:
    # Linear interpolation along one axis as a small matrix product.
    index = np.arange(length)
    weights = np.stack([np.interp(index, places, row) for row in np.eye(len(places))])
    stretched: Floats = np.moveaxis(
        np.tensordot(field, weights.astype(np.float32), axes=(axis, 0)), -1, axis
    )
    return stretched
