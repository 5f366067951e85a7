from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from bids_app.preproc import fmri
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, apply_affine
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import PLACE, Head, dice, motions

GRID = fmri.grid_for(6.0)


@pytest.fixture(scope="module")
def fit(bold: BoldSeries, head: Head, anat: AnatFit) -> RunFit:
    """The truth of the run."""
    back = np.linalg.inv(anat.template_to_t1w) @ np.linalg.inv(PLACE)
    inside = head.on(bold.grid, back)[:3].sum(axis=0) > 0.5
    reference = replace(anat.t1w, data=bold.volumes[..., 0], grid=bold.grid)
    return RunFit(reference, Mask(bold.grid, inside), motions(14), PLACE, None, 0.0)


def test_with_the_true_motion_the_series_stands_still(
    bold: BoldSeries, fit: RunFit, anat: AnatFit, template: Template
) -> None:
    inside = fmri.template_brain(template, GRID) & fmri.coverage(fit, anat, GRID)
    found = fmri.resample_bold(bold, fit, anat, GRID, inside)
    assert found.dtype == np.float32
    assert not found[~inside].any()
    still = replace(fit, motion=np.tile(np.eye(4), (14, 1, 1)))
    moving = fmri.resample_bold(bold, still, anat, GRID, inside)
    # The first half against the second: the head drifts, and noise averages out.
    drift = [
        np.ptp([part[inside][:, :7].mean(axis=1), part[inside][:, 7:].mean(axis=1)], axis=0)
        for part in (found, moving)
    ]
    assert np.mean(drift[1]) > 1.5 * np.mean(drift[0])


def test_one_interpolation_agrees_with_scipy(bold: BoldSeries, fit: RunFit, anat: AnatFit) -> None:
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[10:16, 12:17, 9:13] = True
    points = GRID.points_mm(np.argwhere(inside).astype(float))
    chain = fit.motion[5] @ fit.t1w_to_reference @ anat.template_to_t1w
    voxels = bold.grid.voxels(apply_affine(chain, points)).T
    known = ndimage.map_coordinates(bold.volumes[..., 5], voxels, order=3, mode="mirror")
    found = fmri.resample_bold(bold, fit, anat, GRID, inside, n_threads=2)
    assert np.allclose(found[..., 5][inside], known, atol=1e-3)


def test_outside_the_field_of_view_is_zero_and_not_covered(
    bold: BoldSeries, fit: RunFit, anat: AnatFit
) -> None:
    affine = bold.grid.affine.copy()
    affine[:3, 3] = affine[:3] @ [0, 0, 9, 1]
    cut = BoldSeries(bold.volumes[:, :, 9:], Grid((36, 43, 17), affine), 2.0)
    there = replace(fit, reference=replace(fit.reference, data=cut.volumes[..., 0], grid=cut.grid))
    covered = fmri.coverage(there, anat, GRID)
    found = fmri.resample_bold(cut, there, anat, GRID)
    assert 0.2 < covered.mean() < 0.9
    assert (found[covered] != 0).mean() > 0.99
    assert not fmri.reference_to_template(cut.volumes[..., 0], there, anat, GRID)[:, :, 0].any()


def test_tissues_arrive_where_the_template_has_them(anat: AnatFit, template: Template) -> None:
    found = fmri.to_template(anat.tissues["WM"], anat, template.grid)
    assert dice(found > 0.5, template.wm > 0.5) > 0.9
    brain = fmri.to_template(anat.brain.inside.astype(float), anat, template.grid, order=0)
    assert set(np.unique(brain)) == {0.0, 1.0}


def test_the_reference_arrives_where_the_brain_is(
    fit: RunFit, anat: AnatFit, template: Template
) -> None:
    inside = fmri.template_brain(template, GRID)
    assert np.isclose(inside.sum() * 216, template.brain.n_voxels * 27, rtol=0.03)
    found = fmri.reference_to_template(fit.reference.data, fit, anat, GRID)
    covered = fmri.coverage(fit, anat, GRID)
    assert found[inside & covered].mean() > 60
    on_t1w = fmri.reference_on_t1w(fit, anat.t1w.grid).data
    white, grey = (on_t1w[anat.tissues[name] > 0.95].mean() for name in ("WM", "GM"))
    assert 70 < white < 78
    assert 83 < grey < 95


def test_smoothing_keeps_a_constant_and_takes_nothing_from_outside() -> None:
    inside = np.zeros((9, 10, 11), dtype=bool)
    inside[2:7, 2:8, 2:9] = True
    volumes = np.where(inside, 7.0, 1e4)[..., None] * np.array([1.0, 2.0])
    grid = Grid((9, 10, 11), np.diag([3.0, 3.0, 3.0, 1.0]))
    found = fmri.smooth(volumes, grid, 8.0, inside)
    assert np.allclose(found[inside], [7, 14], rtol=1e-4)
    assert not found[~inside].any()
    assert np.allclose(fmri.smooth(volumes, grid, 0.0, inside)[inside], [7, 14])


def test_smoothing_has_the_asked_width() -> None:
    volumes = np.zeros((31, 32, 33, 1))
    volumes[15, 16, 16] = 1
    grid = Grid((31, 32, 33), np.diag([3.0, 2.0, 2.0, 1.0]))
    found = fmri.smooth(volumes, grid, 12.0, np.ones((31, 32, 33), dtype=bool))[..., 0]
    assert np.isclose(found[17, 16, 16] / found[15, 16, 16], 0.5, atol=0.01)
    assert np.isclose(found[15, 19, 16] / found[15, 16, 16], 0.5, atol=0.01)


def test_native_and_t1w_space_agree_with_scipy(bold: BoldSeries, fit: RunFit) -> None:
    centre = bold.grid.points_mm(np.array(bold.grid.shape)[None] / 2)[0]
    for to_reference in (np.eye(4), fit.t1w_to_reference):
        affine = np.diag([4.0, 4.5, 5.0, 1.0])
        affine[:3, 3] = apply_affine(np.linalg.inv(to_reference), centre[None])[0]
        grid = Grid((4, 5, 3), affine)
        found = fmri.resample_affine(bold, fit, grid, to_reference)
        points = grid.points_mm(np.argwhere(np.ones(grid.shape)).astype(float))
        voxels = bold.grid.voxels(apply_affine(fit.motion[5] @ to_reference, points)).T
        known = ndimage.map_coordinates(bold.volumes[..., 5], voxels, order=3, mode="mirror")
        assert np.allclose(found[..., 5].ravel(), known, atol=1e-3)
        assert np.ptp(known) > 1


def test_covered_is_what_lies_in_every_volume(fit: RunFit, anat: AnatFit) -> None:
    wide = replace(fit, motion=np.stack([np.eye(4)] * 3))
    wide.motion[1, :3, 3], wide.motion[2, :3, 3] = [9.0, 0, -4], [0, -30.0, 8]
    grid, every = wide.reference.grid, np.ones(GRID.shape, dtype=bool)
    points = fmri.resample.reference_points(wide, anat, GRID, every)
    known = np.ones(len(points), dtype=bool)
    for motion in wide.motion:
        voxels = grid.voxels(apply_affine(motion, points))
        known &= ((voxels >= -0.5) & (voxels <= np.array(grid.shape) - 0.5)).all(axis=1)
    assert 0.05 < known.mean() < 0.9
    assert np.array_equal(fmri.coverage(wide, anat, GRID).ravel(), known)
