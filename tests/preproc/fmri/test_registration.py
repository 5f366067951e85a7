from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from bids_app.preproc.fmri import warp as warping
from bids_app.preproc.fmri.affine import fit_affine
from bids_app.preproc.fmri.fields import box_mean, threads
from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, Volume, apply_affine
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import turned

GRID = Grid(
    (64, 76, 62), np.array([[3.2, 0, 0, -98], [0, 3.2, 0, -130], [0, 0, 3.2, -95], [0, 0, 0, 1.0]])
)
SETTINGS = warping.WarpSettings(steps_mm=(8.0, 4.0), iterations=(20, 12))


def pulled(
    template: Template, grid: Grid, to_template: Floats, step_mm: Floats | None = None
) -> Volume:
    """The template's brain on a grid, through an affine and then a displacement of shape (x, y, z, 3)."""
    points = grid.points_mm(np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
    straight = apply_affine(to_template, points)
    if step_mm is not None:
        straight = warping.displaced(straight, Warp(template.grid, step_mm))
    voxels = template.grid.voxels(straight).T
    data = ndimage.map_coordinates(template.t1.data, voxels, order=1)
    return Volume(data.reshape(grid.shape).astype(np.float32), grid)


@pytest.fixture(scope="module")
def step_mm(template: Template) -> Floats:
    """A planted warp of at most 9 mm."""
    noise = np.random.default_rng(2).standard_normal((3, *template.grid.shape))
    smooth = np.moveaxis(ndimage.gaussian_filter(noise, (0, 6, 6, 6)), 0, -1)
    return np.asarray(smooth * 9 / np.linalg.norm(smooth, axis=-1).max())


@pytest.mark.parametrize("degrees", [0.0, 30.0])
def test_a_planted_affine_is_found_even_when_the_header_is_wrong(
    template: Template, degrees: float
) -> None:
    planted = turned((4 + degrees, -5, 7), (5, -9, 12)) @ np.diag([1.08, 0.94, 1.03, 1])
    brain = pulled(template, GRID, np.linalg.inv(planted))
    found = fit_affine(brain, template.t1, "cpu", sloppy=True)
    points = template.brain.points_mm()[::50]
    away = np.linalg.norm(apply_affine(found, points) - apply_affine(planted, points), axis=1)
    assert away.mean() < 0.6


def test_a_planted_warp_is_found_and_the_same_with_more_threads(
    template: Template, step_mm: Floats
) -> None:
    brain = pulled(template, GRID, np.eye(4), step_mm)
    warp = warping.fit_warp(brain, template.t1, np.eye(4), SETTINGS, "cpu")
    points = template.brain.points_mm()[::20]
    there = warping.displaced(points, Warp(template.grid, step_mm))
    before = np.linalg.norm(there - points, axis=1)
    after = np.linalg.norm(warping.displaced(there, warp) - points, axis=1)
    assert after.mean() < 0.5 * before.mean()
    assert (warping.jacobian(warp) > 0).all()
    with threads(2):
        again = warping.fit_warp(brain, template.t1, np.eye(4), SETTINGS, "cpu")
    assert np.array_equal(warp.displacement_mm, again.displacement_mm)


def test_an_inverted_warp_leads_back(template: Template, step_mm: Floats) -> None:
    warp = Warp(template.grid, step_mm)
    points = template.brain.points_mm()[::20]
    there = warping.displaced(points, warp)
    back = warping.displaced(there, warping.inverted(warp))
    assert np.linalg.norm(there - points, axis=1).mean() > 1.0
    assert np.linalg.norm(back - points, axis=1).max() < 0.1


def test_no_warp_moves_nothing() -> None:
    points = np.random.default_rng(0).standard_normal((5, 3))
    assert np.array_equal(warping.displaced(points, None), points)


def test_a_fold_has_a_negative_jacobian() -> None:
    grid = Grid((6, 7, 8), np.diag([2.0, 2.0, 2.0, 1.0]))
    step = np.zeros((6, 7, 8, 3), dtype=np.float32)
    step[..., 0] = -3.0 * np.arange(6)[:, None, None]
    assert np.allclose(warping.jacobian(Warp(grid, step)), 1 - 1.5, atol=1e-5)


def test_the_slope_of_the_local_correlation_agrees_with_autograd() -> None:
    rng = torch.Generator().manual_seed(0)
    fixed, moving = torch.rand((2, 9, 10, 11), generator=rng)
    moving.requires_grad_()
    mean_f, mean_m, ff, mm, fm = box_mean(
        torch.stack([fixed, moving, fixed**2, moving**2, fixed * moving]), 2
    )
    score = ((fm - mean_f * mean_m) ** 2 / ((ff - mean_f**2) * (mm - mean_m**2))).sum()
    score.backward()
    found = warping.local_correlation_slope(fixed, moving.detach(), 2)
    assert moving.grad is not None
    assert torch.allclose(found, moving.grad, rtol=1e-2, atol=1e-3)
