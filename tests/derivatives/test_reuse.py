from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.derivatives import reuse
from bids_app.derivatives.names import Space
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import DataError, MissingInputError
from bids_app.files import nifti
from bids_app.values.entities import Entities
from bids_app.values.space import Grid

OURS, THEIRS = "MNI152NLin2009aSym", "MNI152NLin2009cAsym"
RUN = "sub-01_task-rest_run-1"


def tree(root: Path, *names: str, **contents: Any) -> Path:
    """Make a derivative dataset of empty files; sidecars hold what is given."""
    for name in (*names, *contents):
        path = root / "sub-01" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(contents[name]) if name in contents else "")
    return root


def fmriprep(root: Path, space: str = THEIRS, res: str = "_res-2") -> Path:
    """Make what fMRIPrep leaves of one run."""
    own = f"{RUN}_space-{space}{res}"
    return tree(
        root,
        f"func/{own}_desc-preproc_bold.nii.gz",
        f"func/{own}_desc-brain_mask.nii.gz",
        f"func/{own}_boldref.nii.gz",
        f"func/{RUN}_desc-confounds_timeseries.tsv",
        f"func/{RUN}_desc-coreg_boldref.nii.gz",
        f"func/{RUN}_desc-brain_mask.nii.gz",
        *(f"anat/sub-01_space-{space}{res}_label-{name}_probseg.nii.gz" for name in ("GM", "WM")),
        "anat/sub-01_label-GM_probseg.nii.gz",
        "anat/sub-01_label-WM_probseg.nii.gz",
        "figures/sub-01_task-rest_desc-carpet_bold.svg",
        "log/not a bids name.toml",
        **{f"func/{own}_desc-preproc_bold.json": {"RepetitionTime": 2.16, "StartTime": 1.0}},
    )


def names(run: PreprocessedRun) -> list[str]:
    """Start of the names of its images, without the run's."""
    found = [run.bold, run.mask, run.tissues["GM"], run.tissues["WM"]]
    return [path.name.removeprefix(RUN).removeprefix("sub-01") for path in found if path]


@pytest.mark.parametrize("res", ["_res-2", ""])
def test_a_run_of_fmriprep_is_found(tmp_path: Path, res: str) -> None:
    (run,) = reuse.runs(fmriprep(tmp_path, res=res), "01")
    assert run.name == RUN
    assert run.space == Space(THEIRS, "2" if res else None)
    assert names(run) == [
        f"_space-{THEIRS}{res}_desc-preproc_bold.nii.gz",
        f"_space-{THEIRS}{res}_desc-brain_mask.nii.gz",
        f"_space-{THEIRS}{res}_label-GM_probseg.nii.gz",
        f"_space-{THEIRS}{res}_label-WM_probseg.nii.gz",
    ]
    assert run.metadata == {"RepetitionTime": 2.16, "StartTime": 1.0}
    assert (run.eeg, run.eeg_metadata) == (None, {})


def test_our_own_run_has_its_eeg(tmp_path: Path) -> None:
    root = fmriprep(tmp_path, OURS, "_res-3")
    tree(
        root,
        f"eeg/{RUN}_desc-preproc_eeg.vhdr",
        f"eeg/{RUN}_desc-preproc_eeg.eeg",
        "eeg/sub-01_task-rest_run-2_desc-preproc_eeg.vhdr",
        f"func/{RUN}_space-{OURS}_res-3_desc-synth_bold.nii.gz",
        **{f"eeg/{RUN}_desc-preproc_eeg.json": {"VolumeClock": {"offset_s": 3.0}}},
    )
    paired, alone = reuse.runs(root, "01")
    assert paired.eeg == root / "sub-01" / "eeg" / f"{RUN}_desc-preproc_eeg.vhdr"
    assert paired.eeg_metadata == {"VolumeClock": {"offset_s": 3.0}}
    assert paired.bold is not None
    assert (alone.name, alone.space, alone.bold) == ("sub-01_task-rest_run-2", None, None)
    assert alone.eeg is not None
    assert reuse.shape_of(alone) == ()


def test_eeg_is_found_whatever_the_padding(tmp_path: Path) -> None:
    root = fmriprep(tmp_path)
    tree(root, "eeg/sub-01_task-rest_run-001_desc-preproc_eeg.vhdr")
    (run,) = reuse.runs(root, "01")
    assert run.eeg is not None


def test_tissues_of_another_resolution_serve(tmp_path: Path) -> None:
    root = fmriprep(tmp_path, res="_res-2")
    for path in (root / "sub-01" / "anat").glob("*res-2*"):
        path.rename(path.with_name(path.name.replace("_res-2", "_res-1")))
    (run,) = reuse.runs(root, "01")
    assert "_res-1_label-GM" in run.tissues["GM"].name


def test_our_template_comes_first_and_another_can_be_asked_for(tmp_path: Path) -> None:
    root = fmriprep(fmriprep(tmp_path), OURS, "_res-3")
    spaces = [run.space.name for run in reuse.runs(root, "01") if run.space]
    assert spaces == [OURS]
    spaces = [run.space.name for run in reuse.runs(root, "01", THEIRS) if run.space]
    assert spaces == [THEIRS]
    spaces = [run.space.name for run in reuse.runs(root, "01", "MNI152NLin6Asym") if run.space]
    assert spaces == [OURS]
    other = fmriprep(tmp_path / "other", "OASIS30ANTs")
    assert [run.space.name for run in reuse.runs(other, "01") if run.space] == ["OASIS30ANTs"]


def test_of_several_resolutions_one_is_taken(tmp_path: Path) -> None:
    root = fmriprep(fmriprep(tmp_path, res="_res-2"), res="_res-1")
    (run,) = reuse.runs(root, "01")
    assert run.space == Space(THEIRS, "1")
    assert all("_res-1_" in name for name in names(run))


def test_someone_without_data_has_no_runs(tmp_path: Path) -> None:
    assert reuse.runs(tmp_path, "09") == []
    assert reuse.runs(tree(tmp_path, "func/sub-01_space-T1w_desc-preproc_bold.nii.gz"), "01") == []


def test_a_missing_mask_is_told(tmp_path: Path) -> None:
    root = fmriprep(tmp_path)
    (mask,) = (root / "sub-01" / "func").glob("*space*desc-brain_mask.nii.gz")
    mask.unlink()
    series = root / "sub-01" / "func" / f"{RUN}_space-{THEIRS}_res-2_desc-preproc_bold.nii.gz"
    with pytest.raises(MissingInputError, match=f"{series}: has no desc-brain_mask in the same"):
        reuse.runs(root, "01")


@pytest.mark.parametrize("tissue", ["GM", "WM"])
def test_a_missing_tissue_is_told(tmp_path: Path, tissue: str) -> None:
    root = fmriprep(tmp_path)
    (found,) = (root / "sub-01" / "anat").glob(f"*space*label-{tissue}_probseg.nii.gz")
    found.unlink()
    told = f"_bold.nii.gz: no label-{tissue}_probseg in space-{THEIRS} for this participant"
    with pytest.raises(MissingInputError, match=told) as caught:
        reuse.runs(root, "01")
    assert "--output-spaces" in caught.value.hint


def test_a_raw_run_finds_its_series(tmp_path: Path) -> None:
    found = reuse.runs(fmriprep(tmp_path), "01")
    raw = Entities.of({"sub": "01", "task": "rest", "run": "001", "acq": "mb4"})
    assert reuse.match(found, raw, tmp_path) is found[0]
    other = Entities.of({"sub": "01", "task": "rest", "run": "2"})
    told = f"{tmp_path}: has no preprocessed BOLD of sub-01_task-rest_run-2 in a template such as {THEIRS}"
    with pytest.raises(MissingInputError, match=told) as caught:
        reuse.match(found, other, tmp_path)
    assert "--output-spaces MNI152NLin2009cAsym" in caught.value.hint


def in_space(space: Space | None) -> PreprocessedRun:
    who = Entities.of({"sub": "01"})
    return PreprocessedRun(who, space, None, None, {}, {}, None, {})


def test_runs_of_one_space_agree() -> None:
    found = [in_space(Space(OURS, "3")), in_space(None), in_space(Space(OURS, "3"))]
    assert reuse.same_space(found) == Space(OURS, "3")


@pytest.mark.parametrize(
    ("spaces", "told"),
    [
        ([Space(OURS, "3"), Space(THEIRS, "2")], f"{OURS} res-3, {THEIRS} res-2; expected one"),
        ([Space(OURS, "3"), Space(OURS, "2")], f"{OURS} res-2, {OURS} res-3; expected one"),
        ([None], "several spaces: none; expected one"),
    ],
)
def test_runs_of_several_spaces_are_told(spaces: list[Space | None], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        reuse.same_space([in_space(space) for space in spaces])
    assert "with the same engine and resolution" in caught.value.hint


def test_people_are_folders(tmp_path: Path) -> None:
    for name in ("sub-02", "sub-01", "models", "logs"):
        (tmp_path / name).mkdir()
    (tmp_path / "sub-01.html").touch()
    assert reuse.participants(tmp_path) == ("01", "02")


def test_the_shape_is_read_from_the_header(tmp_path: Path) -> None:
    root = fmriprep(tmp_path)
    (run,) = reuse.runs(root, "01")
    assert run.bold is not None
    nifti.write_bold(run.bold, np.zeros((2, 3, 4, 5)), Grid((2, 3, 4), np.eye(4)), 2.0)
    assert reuse.shape_of(run) == (2, 3, 4, 5)
