from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.preproc.fmri import RunSettings, fit_run
from bids_app.preproc.fmri.border import border_points, fit_border
from bids_app.preproc.fmri.brain import bold_brain
from bids_app.preproc.fmri.coregister import CoregisterSettings, coregister
from bids_app.preproc.fmri.motion import MotionSettings, fit_motion
from bids_app.preproc.fmri.reference import count_dummies, most_typical, reference_volumes
from bids_app.preproc.fmri.run import single_band, slice_times
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Mask, Volume, apply_affine
from tests.preproc.fmri.phantom import PLACE, Head, motions

SPARSE = CoregisterSettings(border_points=3000, overlap_points=3000)


def first(bold: BoldSeries) -> Volume:
    return Volume(bold.volumes[..., 0], bold.grid)


def test_planted_motion_and_place_are_found(bold: BoldSeries, anat: AnatFit) -> None:
    fit = fit_run(bold, anat, RunSettings(sloppy=True))
    assert fit.notes == ()
    assert (fit.start_time_s, fit.n_dummies) == (0.95, 0)
    points = fit.brain.points_mm()[::20]
    planted = motions(14)
    offset = np.median(np.linalg.inv(planted) @ fit.motion, axis=0)
    away = [
        apply_affine(found @ np.linalg.inv(offset), points) - apply_affine(true, points)
        for found, true in zip(fit.motion, planted, strict=True)
    ]
    assert np.linalg.norm(away, axis=2).mean() < 0.06
    brain = anat.brain.points_mm()[::50]
    place = apply_affine(offset @ fit.t1w_to_reference, brain) - apply_affine(PLACE, brain)
    assert np.linalg.norm(place, axis=1).mean() < 0.5


def motion_error_mm(bold: BoldSeries, volumes: Floats, tissues: list[Floats]) -> float:
    inside = bold_brain(first(bold))
    found = fit_motion(volumes, first(bold), inside, MotionSettings(), tissues)
    points = bold.grid.points_mm(np.argwhere(inside)[::20].astype(float))
    away = [
        apply_affine(one, points) - apply_affine(true, points)
        for one, true in zip(found, motions(14), strict=True)
    ]
    return float(np.linalg.norm(away, axis=2).mean())


def test_a_tissue_that_gets_brighter_does_not_pass_for_motion(
    head: Head, anat: AnatFit, bold: BoldSeries
) -> None:
    parts = head.on(bold.grid, np.linalg.inv(anat.template_to_t1w) @ np.linalg.inv(PLACE))
    tissues = list(parts[:3].astype(np.float32))
    course = np.linspace(-0.1, 0.1, 14) ** 2 * 10
    volumes = bold.volumes * (1 + parts[2, ..., None] * course).astype(np.float32)
    still = motion_error_mm(bold, bold.volumes, tissues)
    assert motion_error_mm(bold, volumes, tissues) < 1.1 * still
    assert motion_error_mm(bold, volumes, []) > 1.5 * still


def test_a_coil_that_stays_in_place_does_not_pass_for_motion(bold: BoldSeries) -> None:
    slope = np.linspace(-1, 1, 43)[:, None, None] * np.linspace(0, 0.2, 14)
    volumes = (bold.volumes * (1 + slope)).astype(np.float32)
    still = motion_error_mm(bold, bold.volumes, [])
    assert motion_error_mm(bold, volumes, []) < 1.3 * still


def test_the_single_band_reference_decides_the_pose(bold: BoldSeries, anat: AnatFit) -> None:
    # Of twice the signal, in the pose of the tenth volume.
    sbref = Volume(2 * bold.volumes[..., 9], bold.grid)
    fit = fit_run(bold, anat, RunSettings(sloppy=True), sbref)
    assert np.array_equal(fit.reference.data, np.maximum(sbref.data, 0))
    points = fit.brain.points_mm()[::20]
    assert np.linalg.norm(apply_affine(fit.motion[9], points) - points, axis=1).mean() < 0.15
    planted = motions(14)
    there = apply_affine(planted[0] @ np.linalg.inv(planted[9]), points)
    found = apply_affine(fit.motion[0], points)
    assert np.linalg.norm(found - there, axis=1).mean() < 0.2


@pytest.mark.parametrize(
    ("sbref", "note"),
    [
        (
            Volume(np.ones((4, 5, 6)), Grid((4, 5, 6), np.eye(4))),
            r"on another grid \(\(4, 5, 6\)\)",
        ),
        (None, "is empty and was not used"),
    ],
)
def test_a_single_band_reference_that_is_no_use_is_noted(
    bold: BoldSeries, sbref: Volume | None, note: str
) -> None:
    given = sbref or Volume(np.zeros(bold.grid.shape), bold.grid)
    found, notes = single_band(given, bold)
    assert found is None
    assert re.search(note, notes[0])


def test_heads_that_do_not_belong_together_are_noted(bold: BoldSeries, anat: AnatFit) -> None:
    brain = bold_brain(first(bold))
    small = np.zeros_like(anat.brain.inside)
    small[25:32, 30:37, 25:32] = anat.brain.inside[25:32, 30:37, 25:32]
    _, notes = coregister(
        first(bold), brain, replace(anat, brain=Mask(anat.brain.grid, small)), SPARSE
    )
    assert re.match("BOLD to T1w: only .* of the brain in BOLD lies in the T1w brain", notes[0])


def test_motion_does_not_depend_on_threads(bold: BoldSeries) -> None:
    inside = bold_brain(first(bold))
    volumes = np.concatenate([bold.volumes, bold.volumes], axis=3)
    one = fit_motion(volumes, first(bold), inside, MotionSettings(n_threads=1))
    two = fit_motion(volumes, first(bold), inside, MotionSettings(n_threads=2))
    assert np.array_equal(one, two)


def test_an_empty_volume_stays_where_its_neighbour_is(bold: BoldSeries, anat: AnatFit) -> None:
    volumes = bold.volumes.copy()
    volumes[..., 6] = 0
    fit = fit_run(replace(bold, volumes=volumes), anat, RunSettings(sloppy=True))
    assert fit.notes == ("BOLD: 1 of 14 volumes are empty",)
    assert np.allclose(fit.motion[6], fit.motion[5])


def test_too_little_contrast_keeps_mutual_information(bold: BoldSeries, anat: AnatFit) -> None:
    brain = bold_brain(first(bold))
    flat = Volume(np.where(brain, np.float32(80), np.float32(5)), bold.grid)
    _, notes = coregister(flat, brain, anat, SPARSE)
    assert notes[0].startswith("BOLD to T1w: grey matter is ")
    assert notes[0].endswith("mutual information kept")


def test_too_little_border_keeps_mutual_information(bold: BoldSeries, anat: AnatFit) -> None:
    nothing = {name: np.zeros_like(part) for name, part in anat.tissues.items()}
    _, notes = coregister(
        first(bold), bold_brain(first(bold)), replace(anat, tissues=nothing), SPARSE
    )
    assert notes == ("BOLD to T1w: too little grey-white border; mutual information kept",)


def test_border_normals_point_to_grey_matter(anat: AnatFit) -> None:
    points, normals = border_points(anat, 500)
    assert 200 < len(points) <= 500
    assert np.allclose(np.linalg.norm(normals, axis=1), 1)
    grid = anat.t1w.grid
    ahead, behind = (
        anat.tissues["WM"][tuple(grid.voxels(points + sign * 3 * normals).round().astype(int).T)]
        for sign in (1, -1)
    )
    assert behind.mean() > 0.7
    assert ahead.mean() < 0.3


def test_a_border_outside_the_image_moves_nothing(bold: BoldSeries) -> None:
    points = np.random.default_rng(0).uniform(900, 950, (40, 3))
    normals = np.tile([0.0, 0.0, 1.0], (40, 1))
    found, contrast = fit_border(first(bold), (points, normals), np.eye(4), (2.0, 2.0))
    assert np.array_equal(found, np.eye(4))
    assert contrast == 0.0


def test_slice_timing_that_is_not_done_is_noted(bold: BoldSeries) -> None:
    unknown = replace(bold, slice_times_s=None)
    assert slice_times(unknown, 0, RunSettings()) == (
        None,
        0.0,
        ("slice timing: not corrected, slice times are unknown",),
    )
    notes = slice_times(bold, 10, RunSettings())[2]
    assert notes == ("slice timing: not corrected, only 4 volumes",)
    notes = slice_times(bold, 0, RunSettings(slice_timing=False))[2]
    assert notes == ("slice timing: not corrected, as asked",)


def test_values_that_are_not_finite_are_refused(bold: BoldSeries, anat: AnatFit) -> None:
    volumes = bold.volumes.copy()
    volumes[3, 3, 3, 4:6] = np.nan
    with pytest.raises(DataError, match="2 of 14 volumes hold values that are not finite"):
        fit_run(replace(bold, volumes=volumes), anat, RunSettings())


def test_an_empty_run_is_refused(bold: BoldSeries, anat: AnatFit) -> None:
    with pytest.raises(DataError, match="all 14 volumes are empty"):
        fit_run(replace(bold, volumes=np.zeros_like(bold.volumes)), anat, RunSettings())


def test_bright_volumes_at_the_start_are_counted() -> None:
    rng = np.random.default_rng(0)
    volumes = (500 + rng.standard_normal((6, 7, 8, 60))).astype(np.float32)
    inside = np.ones((6, 7, 8), dtype=bool)
    assert count_dummies(volumes, inside) == 0
    volumes[..., :3] *= np.array([1.4, 1.1, 1.03], dtype=np.float32)
    volumes[..., 20] *= 2
    assert count_dummies(volumes, inside) == 3


def test_dummies_are_left_out_of_the_reference() -> None:
    assert reference_volumes(170, 4)[0] == 4
    assert reference_volumes(170, 4)[-1] == 169
    assert len(reference_volumes(170, 4)) == 24
    assert reference_volumes(3, 3) == [2]


def test_the_volume_nearest_to_the_median_is_the_most_typical() -> None:
    rng = np.random.default_rng(0)
    volumes = rng.standard_normal((6, 7, 8, 9)) * np.array([3, 3, 3, 3, 3, 0.1, 3, 3, 3])
    assert most_typical(volumes, [1, 3, 5, 7]) == 5
