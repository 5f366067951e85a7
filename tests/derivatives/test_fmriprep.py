"""Trees of fMRIPrep 20 to 25, with the names that its own tests of each version list."""

from __future__ import annotations

from pathlib import Path

import pytest

from bids_app.derivatives import fmriprep, reuse
from bids_app.derivatives.names import Space
from bids_app.errors import MissingInputError
from bids_app.files.sidecar import write_json
from bids_app.values.entities import Entities

MNI = "MNI152NLin2009cAsym"
ANAT = (
    "desc-brain_mask.nii.gz",
    "desc-preproc_T1w.nii.gz",
    "dseg.nii.gz",
    f"from-{MNI}_to-T1w_mode-image_xfm.h5",
    f"from-T1w_to-{MNI}_mode-image_xfm.h5",
    "label-CSF_probseg.nii.gz",
    "label-GM_probseg.nii.gz",
    "label-WM_probseg.nii.gz",
)
IN_MNI = (
    "desc-brain_mask.nii.gz",
    "dseg.nii.gz",
    "label-GM_probseg.nii.gz",
    "label-WM_probseg.nii.gz",
)
OTHERS = ("desc-aseg_dseg.nii.gz", "desc-aparcaseg_dseg.nii.gz")
# version: legacy layout, run label, suffix of confounds, resolution, further files of the run
VERSIONS = {
    "20.0.7": (True, "01", "regressors", "", ("AROMAnoiseICs.csv",)),
    "20.1.4": (True, "1", "regressors", "", ("desc-MELODIC_mixing.tsv",)),
    "20.2.7": (True, "1", "timeseries", "", ("from-scanner_to-T1w_mode-image_xfm.txt",)),
    "21.0.4": (True, "1", "timeseries", "_res-2", ("space-T1w_desc-preproc_bold.nii.gz",)),
    "22.1.1": (False, "01", "timeseries", "_res-2", ("space-T1w_desc-brain_mask.nii.gz",)),
    "23.2.3": (False, "01", "timeseries", "", ("desc-hmc_boldref.nii.gz",)),
    "24.1.1": (False, "01", "timeseries", "_res-2", ("desc-coreg_boldref.nii.gz",)),
    "25.2.5": (
        False,
        "01",
        "timeseries",
        "",
        ("desc-brain_mask.nii.gz", "desc-coreg_boldref.json"),
    ),
}


def tree(root: Path, version: str) -> Path:
    """Write the tree of a version; give the folder that a user would name."""
    legacy, run, suffix, res, more = VERSIONS[version]
    top = root / "fmriprep" if legacy else root
    stem = f"sub-01_task-rest_run-{run}"
    own = f"{stem}_space-{MNI}{res}"
    func = [f"{own}_{name}" for name in ("boldref.nii.gz", "desc-brain_mask.nii.gz")]
    func += [f"{own}_desc-preproc_bold.nii.gz", f"{stem}_desc-confounds_{suffix}.tsv"]
    func += [f"{own}_{name}" for name in OTHERS] + [f"{stem}_{name}" for name in more]
    anat = [f"sub-01_{name}" for name in (*ANAT, *OTHERS)]
    anat += [f"sub-01_space-{MNI}{res}_{name}" for name in IN_MNI]
    for folder, names in (("func", func), ("anat", anat), ("figures", ["sub-01_dseg.svg"])):
        (top / "sub-01" / folder).mkdir(parents=True)
        for name in names:
            (top / "sub-01" / folder / name).touch()
    told = {"Name": "fMRIPrep", "Version": version}
    about = {"PipelineDescription": told} if version < "20.2" else {"GeneratedBy": [told]}
    write_json(top / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.4.0", **about})
    if legacy:
        (root / "freesurfer" / "sub-01").mkdir(parents=True)
    return root


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_of_each_version_is_found(tmp_path: Path, version: str) -> None:
    root = fmriprep.home(tree(tmp_path, version))
    assert fmriprep.home(root) == root
    assert fmriprep.version(root) == version
    raw = Entities.of({"sub": "01", "task": "rest", "run": "1"})
    run = reuse.match(reuse.runs(root, "01", need=()), raw, root)
    res = VERSIONS[version][3]
    assert run.space == Space(MNI, "2" if res else None)
    assert run.bold is not None
    assert run.mask is not None
    assert run.mask.name == run.bold.name.replace("preproc_bold", "brain_mask")
    table = fmriprep.confounds(run.bold)
    assert table is not None
    assert table.name.endswith(f"_desc-confounds_{VERSIONS[version][2]}.tsv")
    found = fmriprep.tissues(root, run)
    assert (found.labels, found.to_template, found.note) == ({}, None, "")
    assert found.files["WM"].name == f"sub-01_space-{MNI}{res}_label-WM_probseg.nii.gz"


def without(root: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for path in root.rglob(pattern):
            path.unlink()
    return root


def test_a_segmentation_serves_where_probabilities_are_missing(tmp_path: Path) -> None:
    root = without(tree(tmp_path, "23.2.3"), f"anat/*space-{MNI}*_label-GM_probseg.nii.gz")
    (run,) = reuse.runs(root, "01", need=())
    found = fmriprep.tissues(root, run)
    assert {path.name for path in found.files.values()} == {f"sub-01_space-{MNI}_dseg.nii.gz"}
    assert found.labels == {"GM": 1, "WM": 2}
    assert "its segmentation was taken" in found.note


def test_tissues_of_the_t1w_serve_where_the_template_has_none(tmp_path: Path) -> None:
    root = without(tree(tmp_path, "24.1.1"), f"anat/*space-{MNI}*")
    (run,) = reuse.runs(root, "01", need=())
    found = fmriprep.tissues(root, run)
    assert found.files["GM"].name == "sub-01_label-GM_probseg.nii.gz"
    assert found.to_template is not None
    assert found.to_template.name == f"sub-01_from-T1w_to-{MNI}_mode-image_xfm.h5"
    assert found.labels == {}
    assert "brought there by its transform" in found.note


def test_without_any_tissue_that_is_told(tmp_path: Path) -> None:
    root = without(tree(tmp_path, "25.2.5"), f"anat/*space-{MNI}*", "*_xfm.h5")
    (run,) = reuse.runs(root, "01", need=())
    with pytest.raises(
        MissingInputError, match=f"has no tissues in space-{MNI}: no probseg"
    ) as caught:
        fmriprep.tissues(root, run)
    assert "--output-spaces" in caught.value.hint


def test_tissues_of_another_session_are_second(tmp_path: Path) -> None:
    for session in ("a", "b"):
        stem, own = f"sub-01_ses-{session}", f"space-{MNI}"
        for name in (
            *(f"anat/{stem}_{own}_label-{tissue}_probseg.nii.gz" for tissue in ("GM", "WM")),
            f"func/{stem}_task-rest_{own}_desc-preproc_bold.nii.gz",
            f"func/{stem}_task-rest_{own}_desc-brain_mask.nii.gz",
        ):
            path = tmp_path / "sub-01" / f"ses-{session}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    for run in reuse.runs(tmp_path, "01"):
        assert f"ses-{run.entities.get('ses')}" in run.tissues["GM"].name


def test_echoes_are_left_for_their_combination_and_acquisitions_are_kept_apart(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "sub-01" / "func"
    folder.mkdir(parents=True)
    for stem in ("acq-mb_run-1", "acq-mb_run-1_echo-1", "acq-mb_run-1_echo-2", "acq-sb_run-1"):
        for end in ("desc-preproc_bold", "desc-brain_mask"):
            (folder / f"sub-01_task-rest_{stem}_space-{MNI}_{end}.nii.gz").touch()
    found = reuse.runs(tmp_path, "01", need=())
    assert [run.name.removeprefix("sub-01_task-rest_") for run in found] == [
        "acq-mb_run-1",
        "acq-sb_run-1",
    ]
    raw = Entities.of({"sub": "01", "task": "rest", "acq": "sb", "run": "01"})
    assert reuse.match(found, raw, tmp_path) is found[1]


@pytest.mark.parametrize(
    ("metadata", "version", "expected"),
    [
        ({"StartTime": 0.7}, "20.2.7", 0.7),
        ({"StartTime": 0.7}, "", 0.7),
        ({}, "25.2.5", 0.0),
        ({}, "20.2.0", 0.0),
        ({}, "", 0.0),
        ({}, "20.1.4", 0.6),
        ({}, "20.0.7", 0.6),
    ],
)
def test_what_time_slices_stand_for(
    metadata: dict[str, float], version: str, expected: float
) -> None:
    raw = {"SliceTiming": [0.0, 0.2, 1.6]}
    found, notes = fmriprep.start_time_s(metadata, raw, version)
    assert found == expected
    assert bool(notes) == (expected == 0.6)
    assert fmriprep.start_time_s(metadata, {}, version)[0] == metadata.get("StartTime", 0)


@pytest.mark.parametrize("content", [None, {}, {"GeneratedBy": []}, {"GeneratedBy": ["x"]}])
def test_a_description_may_not_tell_the_version(
    tmp_path: Path, content: dict[str, list[str]] | None
) -> None:
    if content is not None:
        write_json(tmp_path / "dataset_description.json", content)
    assert fmriprep.version(tmp_path) == ""


def test_a_series_may_have_no_confounds(tmp_path: Path) -> None:
    assert fmriprep.confounds(tmp_path / "sub-01_task-rest_desc-preproc_bold.nii.gz") is None
