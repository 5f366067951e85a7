from __future__ import annotations

import numpy as np
import pytest
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


def test_windows_read_what_the_spline_has_between_and_beyond_voxels() -> None:
    rng = np.random.default_rng(1)
    for shape in ((9, 12, 7), (9, 12, 2), (9, 12, 1)):
        volume = rng.standard_normal(shape).astype(np.float32)
        voxels = rng.uniform(-0.5, np.array(shape) - 0.5, (40, 3))
        # The corners of what counts as the image, and whole voxels, where one weight is 0.
        voxels[:2] = np.stack([np.full(3, -0.5), np.array(shape) - 0.5])
        voxels[2:9] = voxels[2:9].round().clip(0)
        splines = Splines.of(shape)
        known = read(splines.coefficients(volume), voxels)
        assert np.allclose(splines.windows(volume).read(voxels), known, atol=1e-5)


def test_windows_have_the_value_of_the_edge_far_away() -> None:
    volume = np.full((5, 6, 7), 3.0, dtype=np.float32)
    far = np.array([[-400.0, 2, 3], [2, 900.0, 3], [-1e9, 1e9, 0]])
    assert np.allclose(Splines.of((5, 6, 7)).windows(volume).read(far), 3.0, atol=1e-5)


def test_points_read_in_several_goes_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    volume = rng.standard_normal((5, 6, 7)).astype(np.float32)
    voxels = rng.uniform(0, 4, (23, 3))
    windows = Splines.of((5, 6, 7)).windows(volume)
    at_once = windows.read(voxels)
    monkeypatch.setattr("bids_app.preproc.fmri.splines.POINTS_AT_ONCE", 5)
    assert np.array_equal(windows.read(voxels), at_once)


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
