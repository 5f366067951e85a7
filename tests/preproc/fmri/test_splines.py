from __future__ import annotations

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.splines import Splines, read, slopes, within


def test_products_with_matrices_agree_with_filters() -> None:
    rng = np.random.default_rng(0)
    volume = rng.standard_normal((9, 12, 7)).astype(np.float32)
    voxels = rng.uniform(0, 6, (40, 3))
    sigmas = np.array([0.8, 0.6, 0.0])
    found = read(Splines.of((9, 12, 7), sigmas).coefficients(volume), voxels)
    smooth = ndimage.gaussian_filter(volume.astype(float), sigmas)
    assert np.allclose(found, ndimage.map_coordinates(smooth, voxels.T, mode="mirror"), atol=1e-5)


def test_one_slice_is_its_own_coefficient() -> None:
    volume = np.random.default_rng(0).standard_normal((9, 12, 1)).astype(np.float32)
    coefficients = Splines.of((9, 12, 1)).coefficients(volume)
    assert np.allclose(read(coefficients, np.array([[3.0, 4.0, 0.0]])), volume[3, 4, 0], atol=1e-5)


def test_the_slope_of_a_parabola_is_its_derivative() -> None:
    x, y, z = np.indices((13, 14, 15), dtype=np.float32)
    coefficients = Splines.of((13, 14, 15)).coefficients(x**2 / 4 + 3 * y - x * z)
    # Far from the borders, where the mirror bends the parabola.
    voxels = np.array([[6.0, 6.0, 7.0], [6.3, 6.5, 7.2]])
    known = np.stack([voxels[:, 0] / 2 - voxels[:, 2], np.full(2, 3.0), -voxels[:, 0]], axis=1)
    assert np.allclose(slopes(coefficients, voxels), known, atol=0.02)


def test_a_voxel_reaches_half_its_edge() -> None:
    voxels = np.array([[-0.4, 0, 0], [-0.6, 0, 0], [8.4, 11.4, 6.4], [0, 11.6, 0]])
    assert within(voxels, (9, 12, 7)).tolist() == [True, False, True, False]
