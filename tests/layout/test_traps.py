"""What real datasets hold beside their data, and where they put them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bids_app.config import RunConfig
from bids_app.errors import MissingInputError
from bids_app.layout.check import check_dataset, labels
from bids_app.layout.datasets import dataset_of
from bids_app.layout.pair import find
from bids_app.values.pairing import Participant

BOLD = "sub-01/func/sub-01_task-rest_run-1_bold.nii.gz"


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def found(root: Path, label: str = "01", **more: Any) -> Participant:
    given = RunConfig(root, root.parent / "out", root.parent / "work", "participant", **more)
    return find(given, label)


def eeg_of(who: Participant) -> list[str]:
    return [pairing.eeg.path.name for pairing in who.pairings if pairing.eeg and pairing.run]


@pytest.mark.parametrize(
    "name",
    [
        "sub-01/EEG/sub-01_task-rest_run-1_eeg.vhdr",
        "sub-01/EEG/EEG_data_sub-01_run-01.mat",
        "sub-01/eeg/sub-01_task-rest_run-001_eeg.bdf",
        "sub-01/eeg/sub-01_task-rest_run-01_eeg.mat",
    ],
)
def test_recordings_are_found_where_people_put_them(tmp_path: Path, name: str) -> None:
    who = found(tree(tmp_path / "data", BOLD, name))
    assert eeg_of(who) == [Path(name).name]
    assert who.unpaired == ()


def test_a_recording_whose_name_says_nothing_is_told(tmp_path: Path) -> None:
    who = found(tree(tmp_path / "data", BOLD, "sub-01/EEG/export.mat"))
    (left,) = who.unpaired
    assert left.reason == (
        "export.mat: its name does not say participant and task or run; expected "
        "sub-<label>_task-<label>_eeg.mat"
    )


@pytest.mark.parametrize("folder", ["rejected", "Rejected", "bad"])
def test_what_was_put_aside_is_left_out_and_told(tmp_path: Path, folder: str) -> None:
    name = f"sub-01/eeg/{folder}/sub-01_task-rest_run-1_eeg.vhdr"
    who = found(tree(tmp_path / "data", BOLD, name))
    assert eeg_of(who) == []
    assert [item.reason for item in who.unpaired] == [f"lies in a folder {folder.casefold()!r}"]


@pytest.mark.parametrize(
    "name",
    [
        "sub-01/eeg/._sub-01_task-rest_run-1_eeg.vhdr",
        "sub-01/eeg/.nfs000000000000a1.vhdr",
        "sub-01/eeg/.DS_Store",
        "sub-01/eeg/.Rhistory",
        "sub-01/func/._sub-01_task-rest_run-1_bold.nii.gz",
    ],
)
def test_stray_files_of_machines_are_not_seen(tmp_path: Path, name: str) -> None:
    who = found(tree(tmp_path / "data", BOLD, name))
    assert [pairing.rule for pairing in who.pairings] == ["BOLD without EEG"]
    assert who.unpaired == ()


@pytest.mark.parametrize("kind", ["T1map", "UNIT1", "inplaneT1"])
def test_anatomy_that_is_no_t1w_image_is_left_out_and_told(tmp_path: Path, kind: str) -> None:
    image = f"sub-01/anat/sub-01_{kind}.nii.gz"
    root = tree(tmp_path / "data", BOLD, image, image.replace("nii.gz", "json"))
    who = found(root)
    assert who.t1w is None
    assert [(left.file, left.reason) for left in who.unpaired] == [
        (root / image, "is not a T1w image, and there is none")
    ]
    assert found(tree(root, "sub-01/anat/sub-01_T1w.nii.gz")).unpaired == ()


def test_what_the_dataset_hides_from_validators_is_found(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", BOLD, "sub-01/EEG/sub-01_task-rest_run-1_eeg.vhdr")
    (root / ".bidsignore").write_text('{"ignore": ["**/EEG/"]}')  # JSON, as ds002725 has it
    assert eeg_of(found(root)) == ["sub-01_task-rest_run-1_eeg.vhdr"]


@pytest.mark.parametrize("label", ["xp101", "00002", "001", "a1B"])
def test_labels_of_participants_are_text(tmp_path: Path, label: str) -> None:
    stem = f"sub-{label}/{{}}/sub-{label}_task-rest_run-00"
    names = (f"{stem.format('func')}_bold.nii", f"{stem.format('eeg')}_eeg.set")
    root = tree(tmp_path / "data", *names)
    assert labels(root) == (label,)
    assert eeg_of(found(root, label)) == [f"sub-{label}_task-rest_run-00_eeg.set"]


def test_a_second_bids_tree_may_hold_the_eeg(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", BOLD)
    second = tree(tmp_path / "eeg", "sub-01/eeg/sub-01_task-rest_run-1_eeg.vhdr")
    (second / "task-rest_eeg.json").write_text('{"PowerLineFrequency": 60}')
    (pairing,) = found(root, eeg_dir=second).pairings
    assert pairing.eeg is not None
    assert pairing.eeg.path.is_relative_to(second)
    assert pairing.eeg_metadata == {"PowerLineFrequency": 60}
    (tmp_path / "none").mkdir()
    who = found(root, eeg_dir=tmp_path / "none")
    assert who.notes == (f"sub-01: {tmp_path}/none holds no EEG of this participant",)


# ------------------------------------------------------------ ds000116

TASK = "auditoryoddballwithbuttonresponsetotargetstimuli"


@pytest.fixture
def oddball(tmp_path: Path) -> Path:
    """Make the BIDS tree of participant 4 of ds000116, with one run."""
    root = tree(tmp_path / "bids", f"sub-04/func/sub-04_task-{TASK}_run-02_bold.nii.gz")
    for task in (TASK, TASK.replace("auditory", "visual")):
        (root / f"task-{task}_bold.json").write_text('{"RepetitionTime": 2.0}')
    return root


LEGACY = "sub004/EEG/task001_run002/EEG_rereferenced.mat"


@pytest.mark.parametrize("around", ["", "ds116_sub004/", "openfmri/ds116_sub004/"])
def test_the_openfmri_tree_is_found_at_any_depth(oddball: Path, around: str) -> None:
    root = tree(oddball, f"sourcedata/{around}{LEGACY}")
    who = found(root, "04")
    (pairing,) = who.pairings
    assert pairing.rule == "ds000116: sub004 task001_run002 is the auditory task, run 2"
    assert pairing.facts.start_s == 0.0
    assert "sub-04 is kept, but others leave this participant out" in who.notes[0]


def test_without_its_eeg_the_message_says_what_to_fetch(oddball: Path, tmp_path: Path) -> None:
    who = found(oddball, "04")
    assert [pairing.rule for pairing in who.pairings] == ["BOLD without EEG"]
    told = who.notes[-1]
    assert "download ds116_sub004.tgz from https://legacy.openfmri.org/dataset/ds000116/" in told
    assert "--eeg-dir" in told
    assert "sourcedata" in told
    other = tree(tmp_path / "legacy", LEGACY.replace("sub004", "sub005"))
    assert found(oddball, "04", eeg_dir=other).notes[-1].startswith("sub-04: ")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match=r"--eeg-dir .*/empty: has no EEG") as caught:
        found(oddball, "04", eeg_dir=tmp_path / "empty")
    assert "ds116_sub004.tgz" in caught.value.hint


@pytest.mark.parametrize(
    "name", ["task003_run001/EEG_raw.mat", "task001/EEG_raw.mat", "task001_run002/EEG_old.mat"]
)
def test_what_is_not_known_of_ds000116_is_told(oddball: Path, name: str) -> None:
    root = tree(oddball, f"sourcedata/sub004/EEG/{name}", f"sourcedata/{LEGACY}")
    (left,) = found(root, "04").unpaired
    assert left.file.as_posix().endswith(name)
    assert (
        "is no recording that ds000116 is known to have; expected a folder task001" in left.reason
    )


# ------------------------------------------------------------ NODDI as published


def test_noddi_needs_no_preparation(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "noddi",
        "fMRI/32/3_nw_mepi_rest_with_cross.nii.gz",
        "fMRI/32/2_t1_mpr_sag.nii.gz",
        "fMRI/43/5_nw_mepi_rest_with_cross.nii",
        "EEG1/32/raw/20130410320002.vhdr",
        "EEG1/32/export/20130410320002_Segmentation_bin.vhdr",
        "EEG2/43/export/a.vhdr",
        "EEG2/43/export/b.vhdr",
    )
    assert dataset_of(root).variants == ("cleaned", "raw")
    assert check_dataset(root)["Name"] == "EEG, fMRI and NODDI at rest"
    assert labels(root) == ("32", "43")
    who = found(root, "32")
    (pairing,) = who.pairings
    assert pairing.run is not None
    assert pairing.eeg is not None
    assert pairing.entities.stem == "sub-32_task-rest"
    assert pairing.rule == "NODDI: cleaned EEG in 32/export"
    assert pairing.facts.marker == "Scan Start"
    assert (pairing.run.metadata, pairing.eeg_metadata) == ({}, {})
    assert who.t1w is not None
    assert who.t1w.path.name == "2_t1_mpr_sag.nii.gz"
    assert "the cleaned form of the same recording was taken" in who.unpaired[0].reason
    other = found(root, "43")
    assert [item.rule for item in other.pairings] == ["BOLD without EEG"]
    assert {item.reason for item in other.unpaired} == {
        "one cleaned recording was expected, found a.vhdr, b.vhdr"
    }
