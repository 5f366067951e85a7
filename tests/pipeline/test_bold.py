from __future__ import annotations

from pathlib import Path

from bids_app.pipeline.bold import single_band


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
