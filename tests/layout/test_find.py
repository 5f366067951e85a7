from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bids_app.config import RunConfig
from bids_app.errors import InvalidDatasetError
from bids_app.layout.pair import find
from bids_app.layout.scan import scan

FUNC = "sub-01/func/sub-01_task-rest_run-1_bold.nii.gz"
EEG = "sub-01/eeg/sub-01_task-rest_run-1_eeg.vhdr"
T1W = "sub-01/anat/sub-01_T1w.nii.gz"


def tree(root: Path, *names: str, **contents: Any) -> Path:
    """Make a dataset of empty files; sidecars hold what is given."""
    contents["dataset_description.json"] = {"Name": "x", "BIDSVersion": "1.10.0"}
    for name in (*names, *contents):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(contents[name]) if name in contents else "")
    return root


def config(root: Path, **more: Any) -> RunConfig:
    return RunConfig(root, root.parent / "out", root.parent / "work", "participant", **more)


def paired(root: Path, label: str = "01", **more: Any) -> list[tuple[str, str, str, str]]:
    """Run, EEG, BOLD and rule of each pairing."""
    return [
        (
            found.entities.stem,
            found.eeg.path.name if found.eeg else "",
            found.run.bold.path.name if found.run else "",
            found.rule,
        )
        for found in find(config(root, **more), label).pairings
    ]


# ------------------------------------------------------------ pairing


def test_the_same_entities_belong_together(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC, EEG, T1W)
    found = find(config(root), "01")
    (pairing,) = found.pairings
    assert pairing.entities.stem == "sub-01_task-rest_run-1"
    assert pairing.run is not None
    assert pairing.eeg is not None
    assert (pairing.run.bold.path, pairing.eeg.path) == (root / FUNC, root / EEG)
    assert pairing.rule == "same entities"
    assert found.t1w is not None
    assert found.t1w.path == root / T1W
    assert (found.label, found.unpaired, found.notes) == ("01", (), ())


def test_padding_of_run_numbers_does_not_matter(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "data",
        "sub-01/func/sub-01_task-rest_run-1_bold.nii.gz",
        "sub-01/eeg/sub-01_task-rest_run-001_eeg.set",
        "sub-01/func/sub-01_task-rest_run-10_bold.nii",
        "sub-01/eeg/sub-01_task-rest_run-10_eeg.EDF",
    )
    assert paired(root) == [
        (
            "sub-01_task-rest_run-1",
            "sub-01_task-rest_run-001_eeg.set",
            "sub-01_task-rest_run-1_bold.nii.gz",
            "same entities, run numbers padded differently",
        ),
        (
            "sub-01_task-rest_run-10",
            "sub-01_task-rest_run-10_eeg.EDF",
            "sub-01_task-rest_run-10_bold.nii",
            "same entities",
        ),
    ]


def test_what_has_no_partner_stands_alone(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "data",
        "sub-01/func/sub-01_task-a_bold.nii.gz",
        "sub-01/eeg/sub-01_task-b_eeg.vhdr",
        "sub-01/eeg/sub-01_task-a_run-1_eeg.vhdr",
        "sub-01/eeg/sub-01_task-a_run-2_eeg.vhdr",
    )
    assert paired(root) == [
        ("sub-01_task-a", "", "sub-01_task-a_bold.nii.gz", "BOLD without EEG"),
        ("sub-01_task-a_run-1", "sub-01_task-a_run-1_eeg.vhdr", "", "EEG without BOLD"),
        ("sub-01_task-a_run-2", "sub-01_task-a_run-2_eeg.vhdr", "", "EEG without BOLD"),
        ("sub-01_task-b", "sub-01_task-b_eeg.vhdr", "", "EEG without BOLD"),
    ]


def test_entities_of_one_modality_do_not_part_a_pair(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "data",
        "sub-01/func/sub-01_task-rest_acq-mb4_dir-AP_run-1_bold.nii.gz",
        "sub-01/func/sub-01_task-rest_acq-mb8_dir-AP_run-1_bold.nii.gz",
        EEG,
    )
    found = find(config(root), "01")
    (pairing,) = found.pairings
    assert pairing.entities.stem == "sub-01_task-rest_acq-mb4_dir-AP_run-1"
    assert pairing.eeg is not None
    (left,) = found.unpaired
    assert left.file.name == "sub-01_task-rest_acq-mb8_dir-AP_run-1_bold.nii.gz"
    assert left.reason == (
        "sub-01_task-rest_acq-mb4_dir-AP_run-1_bold.nii.gz is the same BOLD run and was taken; "
        "choose with --bids-filter-file"
    )
    filters = {"bold": {"acquisition": "mb8"}}
    assert paired(root, filters=filters)[0][2] == left.file.name


def test_one_of_two_formats_of_the_same_eeg_is_taken(tmp_path: Path) -> None:
    other = EEG.replace(".vhdr", ".edf")
    root = tree(tmp_path / "data", FUNC, EEG, other)
    found = find(config(root), "01")
    assert [item.eeg.path for item in found.pairings if item.eeg] == [root / EEG]
    assert [item.file for item in found.unpaired] == [root / other]
    assert found.unpaired[0].reason == (
        "the same recording in another format was taken: sub-01_task-rest_run-1_eeg.vhdr; "
        "choose with --bids-filter-file"
    )
    filters = {"eeg": {"extension": ".edf"}}
    assert paired(root, filters=filters)[0][1].endswith(".edf")


def test_sessions_are_kept_apart(tmp_path: Path) -> None:
    names = [
        f"sub-01/ses-{session}/{folder}/sub-01_ses-{session}_task-rest_{ending}"
        for session in ("b", "a")
        for folder, ending in (("func", "bold.nii.gz"), ("eeg", "eeg.vhdr"))
    ]
    root = tree(tmp_path / "data", *names, T1W)
    assert [row[0] for row in paired(root)] == ["sub-01_ses-a_task-rest", "sub-01_ses-b_task-rest"]
    assert [row[0] for row in paired(root, session_labels=("b",))] == ["sub-01_ses-b_task-rest"]
    found = find(config(root, session_labels=("b",)), "01")
    assert found.t1w is not None
    assert found.t1w.path == root / T1W


def test_sidecars_are_inherited_by_both(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "data",
        FUNC,
        EEG,
        **{
            "task-rest_bold.json": {"RepetitionTime": 2.16, "TaskName": "rest"},
            FUNC.replace(".nii.gz", ".json"): {"RepetitionTime": 1.28},
            "sub-01/sub-01_eeg.json": {"PowerLineFrequency": 50},
        },
    )
    (pairing,) = find(config(root), "01").pairings
    assert pairing.run is not None
    assert pairing.run.metadata == {"RepetitionTime": 1.28, "TaskName": "rest"}
    assert pairing.eeg_metadata == {"PowerLineFrequency": 50}


def test_the_anatomy_of_a_session_with_bold_is_taken_before_others(tmp_path: Path) -> None:
    anatomies = [f"sub-01/ses-{name}/anat/sub-01_ses-{name}_T1w.nii.gz" for name in "abc"]
    func = "sub-01/ses-b/func/sub-01_ses-b_task-rest_bold.nii.gz"
    root = tree(tmp_path / "data", *anatomies, func)
    found = find(config(root), "01")
    assert found.t1w is not None
    assert found.t1w.path == root / anatomies[1]
    assert found.notes == (
        "of 3 T1w images the first by name of a session with BOLD was taken: sub-01_ses-b_T1w.nii.gz",
    )
    assert {item.file for item in found.unpaired} == {root / anatomies[0], root / anatomies[2]}


def test_the_first_of_several_anatomies_is_taken_and_told(tmp_path: Path) -> None:
    other = "sub-01/anat/sub-01_acq-b_T1w.nii.gz"
    root = tree(tmp_path / "data", T1W, other, FUNC)
    found = find(config(root), "01")
    assert found.t1w is not None
    assert found.t1w.path == root / T1W
    assert found.notes == ("of 2 T1w images the first by name was taken: sub-01_T1w.nii.gz",)
    assert [(item.file, item.reason) for item in found.unpaired] == [
        (root / other, "sub-01_T1w.nii.gz was taken as the anatomy")
    ]
    found = find(config(root, filters={"t1w": {"acq": "b"}}), "01")
    assert found.t1w is not None
    assert (found.t1w.path, found.unpaired, found.notes) == (root / other, (), ())


def test_someone_without_data_has_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", "sub-01/sub-01_scans.tsv")
    found = find(config(root), "01")
    assert (found.t1w, found.pairings, found.unpaired) == (None, (), ())


# ------------------------------------------------------------ what is left out, and told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "sub-01/func/sub-01_rest_bold.nii.gz",
            "sub-01_rest_bold.nii.gz: 'rest' is not an entity; expected key-label",
        ),
        (
            "sub-01/eeg/EEG data_old_eeg.vhdr",
            "EEG data_old_eeg.vhdr: 'EEG data' is not an entity; expected key-label",
        ),
        (
            "sub-01/func/sub-02_task-rest_bold.nii.gz",
            "lies in sub-01, but its name does not say so",
        ),
        ("sub-01/func/task-rest_bold.nii.gz", "lies in sub-01, but its name does not say so"),
    ],
)
def test_names_that_are_not_bids_are_told(tmp_path: Path, name: str, reason: str) -> None:
    root = tree(tmp_path / "data", FUNC, name)
    found = find(config(root), "01")
    assert [item.entities.stem for item in found.pairings] == ["sub-01_task-rest_run-1"]
    assert [(item.file, item.reason) for item in found.unpaired] == [(root / name, reason)]


@pytest.mark.parametrize(
    "name",
    [
        "sub-01/func/._sub-01_task-rest_run-2_bold.nii.gz",
        "sub-01/.git/sub-01_task-rest_run-2_bold.nii.gz",
        "sub-01/func/sub-01_task-rest_run-2_sbref.nii.gz",
        "sub-01/func/sub-01_task-rest_run-2_bold.json",
        "sub-01/eeg/sub-01_task-rest_run-2_eeg.vmrk",
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-02/func/sub-02_task-rest_run-2_bold.nii.gz",
        "sub-010/func/sub-010_task-rest_run-2_bold.nii.gz",
        "sub-01+/func/sub-01+_task-rest_run-2_bold.nii.gz",
        "derivatives/x/sub-01/func/sub-01_task-rest_run-2_bold.nii.gz",
        "sourcedata/sub-01/func/sub-01_task-rest_run-2_bold.nii.gz",
        "code/sub-01/func/sub-01_task-rest_run-2_bold.nii.gz",
    ],
)
def test_what_is_not_this_persons_raw_data_is_not_seen(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path / "data", FUNC, name)
    found = find(config(root), "01")
    assert [item.entities.stem for item in found.pairings] == ["sub-01_task-rest_run-1"]
    assert found.unpaired == ()


def test_labels_with_a_plus_are_labels(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC, "sub-01+/func/sub-01+_task-rest_bold.nii.gz")
    assert [row[0] for row in paired(root, "01+")] == ["sub-01+_task-rest"]


def test_the_place_of_the_dataset_does_not_matter(tmp_path: Path) -> None:
    root = tree(tmp_path / "derivatives" / "sub-02 (copy)" / ".data", FUNC, EEG)
    assert len(paired(root)) == 1


def test_links_are_followed(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC)
    (tmp_path / "store").mkdir()
    (root / EEG).parent.mkdir()
    (root / EEG).symlink_to(tmp_path / "store" / "MD5E-s1--0.vhdr")
    (tmp_path / "store" / "MD5E-s1--0.vhdr").touch()
    (tmp_path / "link").symlink_to(root)
    (found,) = find(config(tmp_path / "link"), "01").pairings
    assert found.rule == "same entities"
    assert found.eeg is not None
    assert found.eeg.path == tmp_path / "link" / EEG


def test_nothing_is_written_into_the_dataset(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC, EEG, T1W)

    def state() -> list[tuple[str, int, int]]:
        return sorted(
            (str(path), path.stat().st_mtime_ns, path.stat().st_size)
            for path in (root, *root.rglob("*"))
        )

    before = state()
    find(config(root), "01")
    assert state() == before
    assert list(tmp_path.iterdir()) == [root]


def test_other_people_are_not_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [f"sub-{label:04}/func/sub-{label:04}_task-a_bold.nii.gz" for label in range(1000)]
    root = tree(tmp_path / "data", FUNC, EEG, *others, "derivatives/x/sub-01/func/a")
    opened: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def count(path: Any = ".") -> Any:
            opened.append(os.path.relpath(path, root))
            return real(path)

        monkeypatch.setattr(os, name, count)

    watch("scandir")
    watch("listdir")
    assert len(paired(root)) == 1
    assert {"sub-01/func", "sub-01/eeg"} <= set(opened)
    assert not [
        name for name in opened if name.startswith(("sub-0", "deriv")) and "-01" not in name
    ]
    assert len(opened) < 30


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise OSError(5, "Input/output error", str(path))

    (tmp_path / "sub-01").mkdir()
    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(
        InvalidDatasetError, match=rf"{tmp_path}/sub-01: cannot be listed: Input/output"
    ) as caught:
        scan(config(tmp_path), "01")
    assert "permissions" in caught.value.hint


def test_a_folder_that_is_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "sub-01/func").symlink_to("func")
    with pytest.raises(InvalidDatasetError, match="sub-01/func: cannot be listed: a link that"):
        scan(config(tmp_path), "01")


def test_other_links_are_no_reason_to_refuse(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC)
    (tmp_path / "notes").write_text("x")
    (root / "sub-01/README").symlink_to(tmp_path / "notes")
    (root / "sub-01/CHANGES").symlink_to("not-fetched")
    assert [file.path.name for file in scan(config(root), "01")[0]["bold"]] == [Path(FUNC).name]


def test_a_folder_with_the_name_of_an_image_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "sub-01/func/sub-01_task-rest_bold.nii.gz"
    folder.mkdir(parents=True)
    assert [file.path for file in scan(config(tmp_path), "01")[0]["bold"]] == [folder]


def test_folders_that_are_links_are_followed_once(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", FUNC)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "sub-01_task-rest_run-1_eeg.vhdr").write_text("x")
    (root / "sub-01" / "eeg").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "again").symlink_to(root / "sub-01")
    assert [row[3] for row in paired(root)] == ["same entities"]
    assert find(config(root), "01").unpaired == ()


# ------------------------------------------------------------ filters

NAMES = [
    f"sub-01/{folder}/sub-01_task-{task}{run}_{ending}"
    for task in ("rest", "nback")
    for run in ("", "_run-01", "_run-02")
    for folder, ending in (("func", "bold.nii.gz"), ("eeg", "eeg.vhdr"))
]


@pytest.fixture
def filtered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for a dataset of two tasks with and without run numbers that was indexed."""
    found = sorted(tmp_path / name for name in NAMES)
    monkeypatch.setattr("bids_app.layout.scan._files", lambda *_: found)
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "stems"),
    [
        ({"task": "rest", "run": 1}, ["rest_run-01"]),
        ({"task": "rest", "run": "01"}, ["rest_run-01"]),
        ({"task": "rest", "run": [1, 2]}, ["rest_run-01", "rest_run-02"]),
        ({"task": "rest", "run": "²"}, []),
        ({"run": None}, ["nback", "rest"]),
        ({"task": "nback", "run": "*"}, ["nback_run-01", "nback_run-02"]),
        ({"session": None, "task": ["nback"], "run": None}, ["nback"]),
        ({"subject": "01", "task": "other"}, []),
        ({"subject": "02"}, []),
        ({"acquisition": None, "task": "rest", "run": 2}, ["rest_run-02"]),
        ({"datatype": "func", "suffix": "bold", "task": "rest", "run": 1}, ["rest_run-01"]),
        ({"extension": ".nii", "task": "rest"}, []),
        ({"part": "*"}, []),
        ({"part": None, "task": "rest", "run": 2}, ["rest_run-02"]),
    ],
)
def test_filters_choose_bold(filtered: Path, wanted: dict[str, Any], stems: list[str]) -> None:
    files, unpaired = scan(config(filtered, filters={"bold": wanted}), "01")
    assert [file.entities.stem for file in files["bold"]] == [
        f"sub-01_task-{stem}" for stem in stems
    ]
    assert len(files["eeg"]) == 6
    assert unpaired == []


@pytest.mark.parametrize(
    ("more", "stems"),
    [
        ({"task_ids": ("rest",), "runs": ("2",)}, ["rest_run-02"]),
        ({"runs": ("001",)}, ["nback_run-01", "rest_run-01"]),
        ({"task_ids": ("other",)}, []),
        ({"session_labels": ("a",)}, []),
    ],
)
def test_labels_choose_both(filtered: Path, more: dict[str, Any], stems: list[str]) -> None:
    found = paired(filtered, **more)
    assert [row[0] for row in found] == [f"sub-01_task-{stem}" for stem in stems]
    assert all(row[3] == "same entities" for row in found)


def test_a_filter_wins_over_the_labels(filtered: Path) -> None:
    found = paired(filtered, task_ids=("rest",), runs=("1",), filters={"bold": {"run": 2}})
    assert [(row[0], row[3]) for row in found] == [
        ("sub-01_task-rest_run-01", "EEG without BOLD"),
        ("sub-01_task-rest_run-02", "BOLD without EEG"),
    ]
