"""A run in its own space and in that of the T1w, against what was planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.derivatives.names import Space
from bids_app.derivatives.write import Target
from bids_app.files import nifti
from bids_app.files.sidecar import read_json
from bids_app.pipeline.spaces import t1w_grid, write_in
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, Volume, apply_affine

BOLD = Grid(
    (16, 18, 14), np.array([[3.0, 0, 0, -22], [0, 3, 0, -25], [0, 0, 3.5, -23], [0, 0, 0, 1]])
)
T1W = Grid((40, 44, 38), np.diag([-1.2, 1.1, 1.3, 1]))
STEP_MM = np.array([0.6, -0.4, 0.5])
AWAY_MM = np.array([24.0, -25, -26])
N_VOLUMES = 5


def scene(points_mm: Floats) -> Floats:
    """Something smooth, in reference millimetres of shape (point, 3); shape (point,)."""
    x, y, z = points_mm.T
    return np.asarray(100 + 20 * np.sin(x / 9) + 15 * np.cos(y / 11) + 10 * np.sin(z / 10))


def on(grid: Grid, to_reference: Floats) -> Floats:
    points = grid.points_mm(np.argwhere(np.ones(grid.shape)).astype(float))
    return scene(apply_affine(to_reference, points)).reshape(grid.shape)


def moved(shift_mm: Floats) -> Floats:
    matrix = np.eye(4)
    matrix[:3, 3] = shift_mm
    return matrix


@pytest.fixture
def found() -> tuple[BoldSeries, RunFit, AnatFit]:
    """A head that shifts a little in each volume, 43 mm from its T1w."""
    motion = np.stack([moved(STEP_MM * index) for index in range(N_VOLUMES)])
    volumes = np.stack([on(BOLD, np.linalg.inv(one)) for one in motion], axis=3)
    series = BoldSeries(volumes.astype(np.float32), BOLD, 2.0)
    whole = np.ones(BOLD.shape, dtype=bool)
    reference = Volume(on(BOLD, np.eye(4)).astype(np.float32), BOLD)
    fit = RunFit(reference, Mask(BOLD, whole), motion, moved(AWAY_MM), None, 0.0)
    brain = np.zeros(T1W.shape, dtype=bool)
    brain[12:30, 12:30, 12:28] = True
    t1w = Volume(np.ones(T1W.shape, dtype=np.float32), T1W)
    return series, fit, AnatFit(t1w, Mask(T1W, brain), {}, np.eye(4), None)


@pytest.fixture
def where(tmp_path: Path) -> Target:
    who = Entities.of({"sub": "01", "ses": "a", "task": "rest"})
    return Target(tmp_path, who, Space("MNI152NLin2009aSym", "3"), ("bids:raw:bold.nii.gz",))


def test_motion_is_gone_in_both_spaces(
    found: tuple[BoldSeries, RunFit, AnatFit], where: Target
) -> None:
    written = write_in(("func", "T1w"), where, found, {"TaskName": "rest"}, 1)
    stem = "sub-01_ses-a_task-rest"
    images = {path.name: path for path in written if path.name.endswith(".nii.gz")}
    assert set(images) == {
        f"{stem}_desc-preproc_bold.nii.gz",
        f"{stem}_space-T1w_desc-preproc_bold.nii.gz",
        f"{stem}_space-T1w_boldref.nii.gz",
        f"{stem}_space-T1w_desc-brain_mask.nii.gz",
    }
    own = nifti.read_bold(images[f"{stem}_desc-preproc_bold.nii.gz"], {})
    core = (slice(3, -3),) * 3
    assert own.grid.matches(BOLD)
    assert np.ptp(own.volumes[core], axis=3).max() < 0.25
    assert np.ptp(found[0].volumes[core], axis=3).max() > 4
    there = nifti.read_bold(images[f"{stem}_space-T1w_desc-preproc_bold.nii.gz"], {})
    brain = nifti.read_mask(images[f"{stem}_space-T1w_desc-brain_mask.nii.gz"])
    expected = on(there.grid, moved(AWAY_MM))
    assert brain.n_voxels > 100
    assert there.volumes[brain.inside] == pytest.approx(
        np.repeat(expected[brain.inside][:, None], N_VOLUMES, axis=1), abs=0.6
    )
    about = read_json(
        images[f"{stem}_space-T1w_desc-preproc_bold.nii.gz"].with_name(
            f"{stem}_space-T1w_desc-preproc_bold.json"
        )
    )
    assert about["SpatialReference"] == "bids::sub-01/anat/sub-01_desc-preproc_T1w.nii.gz"


def test_nothing_is_written_that_was_not_asked_for(
    found: tuple[BoldSeries, RunFit, AnatFit], where: Target
) -> None:
    assert write_in((), where, found, {}, 1) == []
    assert write_in(("T1w",), replace(where, anatomy="epiref"), found, {}, 1) == []


def test_the_grid_covers_the_box_of_the_t1w() -> None:
    grid = t1w_grid(T1W, BOLD)
    assert grid.zooms_mm == pytest.approx(np.full(3, np.cbrt(3 * 3 * 3.5)))
    corner = T1W.points_mm(np.array([[-0.5, -0.5, -0.5]]))
    assert grid.points_mm(np.array([[-0.5, -0.5, -0.5]])) == pytest.approx(corner)
    far = T1W.voxels(grid.points_mm(np.array(grid.shape)[None] - 0.5))[0]
    assert (far >= np.array(T1W.shape) - 0.5 - 1e-9).all()
    assert (far < np.array(T1W.shape) - 0.5 + grid.zooms_mm / T1W.zooms_mm).all()
