from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from bids_app.preproc.fmri import fields


def test_sampling_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    image = rng.standard_normal((7, 8, 9)).astype(np.float32)
    points = rng.uniform(0, 6, (40, 3))
    found = fields.sample(fields.tensor(image[None], "cpu"), fields.tensor(points, "cpu"))[0]
    assert np.allclose(found, ndimage.map_coordinates(image, points.T, order=1), atol=1e-5)


def test_smoothing_agrees_with_scipy_and_thins() -> None:
    image = np.random.default_rng(0).standard_normal((17, 18, 19)).astype(np.float32)
    found = fields.blur(fields.tensor(image[None], "cpu"), (1.5, 0.0, 2.0), (1, 2, 3))[0]
    known = ndimage.gaussian_filter(image, (1.5, 0, 2), mode="nearest", radius=(5, 0, 6))
    assert np.allclose(found, known[:, ::2, ::3], atol=1e-5)


def test_box_means_agree_with_scipy() -> None:
    image = np.random.default_rng(0).standard_normal((7, 8, 9)).astype(np.float32)
    found = fields.box_mean(fields.tensor(image[None], "cpu"), 2)[0]
    assert np.allclose(found, ndimage.uniform_filter(image, 5, mode="constant"), atol=1e-5)


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    with fields.threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
