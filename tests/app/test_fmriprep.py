"""Reusing fMRIPrep's output: its template is kept, its time axis too, and models are not carried across templates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bids_app.files import nifti
from bids_app.files.sidecar import read_json, write_json
from tests.app.conftest import QUICK, Place, app, assert_valid

pytestmark = pytest.mark.app

OURS = "space-MNI152NLin2009aSym_res-3"
THEIRS = "space-MNI152NLin2009cAsym_res-2"
KEPT = ("desc-preproc_bold", "desc-brain_mask", "label-GM_probseg", "label-WM_probseg")


@pytest.fixture
def theirs(finished: Place, tmp_path: Path) -> Path:
    """Make a tree as fMRIPrep leaves it, of what the built-in engine made."""
    root = tmp_path / "fmriprep"
    for path in sorted((finished.out / "sub-01").rglob("*")):
        kept = OURS in path.name and any(word in path.name for word in KEPT)
        if kept or "desc-confounds" in path.name:
            copy = root / path.relative_to(finished.out).with_name(path.name.replace(OURS, THEIRS))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    for path in root.rglob("*desc-preproc_bold.json"):
        write_json(path, read_json(path) | {"StartTime": 0.9, "SliceTimingCorrected": True})
    return root


def test_fmriprep_output_is_used_and_keeps_its_template(
    finished: Place, theirs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    who = ("--participant_label", "01", "-d", f"fmriprep={theirs}")
    ended = app(finished.bids, out, "participant", *who, *QUICK)
    assert ended.code == 0, ended.said
    space = "space-MNI152NLin2009cAsym_res-3"
    stem = f"sub-01/func/sub-01_task-oddball_run-1_{space}"
    about = read_json(out / f"{stem}_desc-synthwithin_bold.json")
    assert about["StartTime"] == 0.9
    assert about["Sources"][0].startswith("bids::sub-01/eeg/")
    sources = read_json(out / f"{stem}_desc-preproc_bold.json")["Sources"]
    assert sources == [
        f"bids:fmriprep:sub-01/func/sub-01_task-oddball_run-1_{THEIRS}_desc-preproc_bold.nii.gz"
    ]
    ours = finished.out / f"{stem.replace(space, OURS)}_desc-preproc_bold.nii.gz"
    taken = nifti.read_bold(out / f"{stem}_desc-preproc_bold.nii.gz", {})
    brain = nifti.read_mask(out / f"{stem}_desc-brain_mask.nii.gz").inside
    assert (taken.volumes[brain] == nifti.read_bold(ours, {}).volumes[brain]).all()
    assert not taken.volumes[~brain].any()
    assert read_json(out / "sub-01/log/record.json")["errors"] == []
    assert_valid(out)


def test_a_model_is_not_carried_to_another_template(
    finished: Place, theirs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [
        "-d",
        f"fmriprep={theirs}",
        "--model",
        finished.out / "models/sources",
    ]
    who = ("--participant_label", "01", "--run", "1")
    ended = app(finished.bids, out, "participant", *who, *words, *QUICK)
    assert ended.code != 0
    assert "is in MNI152NLin2009cAsym" in ended.said
    assert "the model predicts MNI152NLin2009aSym" in ended.said
    assert not list(out.rglob("*desc-synth*"))


def test_a_run_that_fmriprep_lacks_is_named(finished: Place, theirs: Path, tmp_path: Path) -> None:
    for path in theirs.rglob("*run-2*"):
        path.unlink()
    who = ("--participant_label", "01", "-d", f"fmriprep={theirs}")
    ended = app(finished.bids, tmp_path / "out", "participant", *who, *QUICK)
    assert ended.code == 1
    assert "has no preprocessed BOLD of sub-01_task-oddball_run-2" in ended.said
