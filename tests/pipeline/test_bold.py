from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.pipeline.bold import _cropped, single_band
from bids_app.values.space import Grid, Mask


def test_the_single_band_reference_is_the_one_of_the_run(tmp_path: Path) -> None:
    bold = tmp_path / "sub-01_task-rest_run-1_bold.nii.gz"
    assert single_band(bold) == []
    (tmp_path / "sub-01_task-rest_run-2_sbref.nii.gz").touch()
    assert single_band(bold) == []
    own = tmp_path / "sub-01_task-rest_run-1_sbref.nii.gz"
    own.touch()
    assert single_band(bold) == [own]


def test_a_run_is_not_its_own_reference(tmp_path: Path) -> None:
    bold = tmp_path / "sub-01_task-rest_bold.img"
    bold.touch()
    assert single_band(bold) == []


def test_a_field_of_view_that_cuts_the_brain_is_told() -> None:
    brain = np.zeros((6, 7, 10), dtype=bool)
    brain[1:5, 1:6] = True
    grid = Grid(brain.shape, np.diag([3.0, 3, 3, 1]))
    seen = brain.copy()
    seen[..., 9:] = False
    assert _cropped(Mask(grid, seen), brain) == ()
    seen[..., 7:] = False
    (told,) = _cropped(Mask(grid, seen), brain)
    assert told.startswith("BOLD covers 70% of the brain; the rest is 0")
