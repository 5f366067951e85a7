"""Scores of volumes as pictures, as papers on image synthesis give them.

They measure anatomy: the participant's baseline volume, which hears no EEG and never changes, scores nearly as well as
any prediction. They stand in a table of their own, to compare with such papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.samples.targets import intensity
from bids_app.values import Floats
from bids_app.values.space import Mask

NAMES = ("ssim", "psnr", "rmse")
UNITS = {"ssim": "", "psnr": "dB", "rmse": "of the brightest voxel"}
N_VOLUMES = 4
WINDOW_VOXELS = 7
LUMINANCE, CONTRAST = 0.01**2, 0.03**2
"""Constants of the structural similarity for images between 0 and 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """How fractional change becomes a picture.

    Attributes
    ----------
    mask : Mask
        Voxels.
    baseline : ndarray of shape (voxel,)
        The participant's baseline volume; its brightest voxel is 1.
    """

    mask: Mask
    baseline: Floats


def image_figures(true: Floats, predicted: Floats, frame: Frame) -> list[tuple[str, float, str]]:
    """Score some volumes of a run, evenly spread, as pictures.

    Both are put on the same baseline and scaled by the same figure, which comes from that baseline and not from the
    measured volume.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional change.
    frame : Frame
        Mask and baseline.

    Returns
    -------
    list of (str, float, str)
        Name, mean over volumes and unit of each figure, over the box around the mask.

    References
    ----------
    Wang et al. (2004), Image quality assessment: from error visibility to structural similarity, IEEE Trans Image
    Process 13, 600-612; with a uniform window of 7 voxels.
    """
    some = np.linspace(0, len(true) - 1, min(N_VOLUMES, len(true))).astype(int)
    one, other = (_pictures(rows[some], frame) for rows in (true, predicted))
    rmse = np.sqrt(((one - other) ** 2).mean(axis=(1, 2, 3)))
    with np.errstate(divide="ignore"):
        psnr = -20 * np.log10(rmse)
    ssim = [_similarity(*pair) for pair in zip(one, other, strict=True)]
    values = {"ssim": np.mean(ssim), "psnr": psnr.mean(), "rmse": rmse.mean()}
    return [(name, float(values[name]), UNITS[name]) for name in NAMES]


def _pictures(change: Floats, frame: Frame) -> Floats:
    """Volumes between 0 and about 1, shape (volume, x, y, z), of the box around the mask."""
    brightest = float(frame.baseline.max()) or 1.0
    volumes = frame.mask.unflatten(intensity(change, frame.baseline) / brightest)
    box = ndimage.find_objects(frame.mask.inside.astype(np.int8))[0]
    return np.moveaxis(volumes[box], -1, 0)


def _similarity(one: Floats, other: Floats) -> float:
    """Mean structural similarity of two volumes of shape (x, y, z)."""
    mean_one, mean_other, squares_one, squares_other, products = (
        ndimage.uniform_filter(values, WINDOW_VOXELS)
        for values in (one, other, one * one, other * other, one * other)
    )
    covariance = products - mean_one * mean_other
    variances = squares_one - mean_one**2 + squares_other - mean_other**2
    similarity = (2 * mean_one * mean_other + LUMINANCE) * (2 * covariance + CONTRAST)
    similarity /= (mean_one**2 + mean_other**2 + LUMINANCE) * (variances + CONTRAST)
    return float(similarity.mean())
