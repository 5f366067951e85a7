"""Images brought to a grid by a transform that another program estimated."""

from __future__ import annotations

from typing import Any

import numpy as np

from bids_app.values import Floats
from bids_app.values.space import Grid, Volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def moved(volume: Volume, transform: Any, grid: Grid) -> Floats:
    """Interpolate an image linearly on to a grid in another space.

    Parameters
    ----------
    volume : Volume
        The image.
    transform : SimpleITK.Transform
        Points of the grid's space to points of the image's.
    grid : Grid
        Where it is wanted.

    Returns
    -------
    ndarray of shape (x, y, z)
        Float32; 0 outside the image.
    """
    import SimpleITK as sitk  # noqa: PLC0415 (slow to load; what is refused or done needs none)

    target = _image(np.zeros(grid.shape, dtype=np.float32), grid)
    found = sitk.Resample(
        _image(volume.data, volume.grid), target, transform, sitk.sitkLinear, 0.0
    )
    return np.ascontiguousarray(sitk.GetArrayFromImage(found).T, dtype=np.float32)


def _image(data: Floats, grid: Grid) -> Any:
    import SimpleITK as sitk  # noqa: PLC0415 (slow to load; what is refused or done needs none)

    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T, dtype=np.float32))
    lps = LPS @ grid.affine
    image.SetSpacing(grid.zooms_mm.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / grid.zooms_mm).ravel().tolist())
    return image
