from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bids_app.errors import DataError, MissingInputError
from bids_app.files import sidecar

BOLD = "sub-01/ses-a/func/sub-01_ses-a_task-rest_run-01_bold.nii.gz"


def put(root: Path, name: str, **content: Any) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_an_object_comes_back_in_its_order(tmp_path: Path) -> None:
    content = {"z": 1, "a": {"µ": [1.5, None, True]}, "empty": {}}
    path = sidecar.write_json(tmp_path / "a.json", content)
    assert sidecar.read_json(path) == content
    assert list(sidecar.read_json(path)) == ["z", "a", "empty"]
    assert "µ" in path.read_text("utf-8")


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff{"a": 1}', encoding="utf-8")
    assert sidecar.read_json(path) == {"a": 1}


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        sidecar.write_json(tmp_path / "a.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: No such file"):
        sidecar.read_json(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not JSON: Expecting property name"),
        (b"", "is not JSON: Expecting value"),
        (b"\xff", "is not JSON: 'utf-8' codec can't decode"),
        (b"[" * 100_000, "is not JSON: .*recursion"),
        (b"[1]", "holds a list; expected an object"),
        (b"null", "holds a NoneType; expected an object"),
    ],
)
def test_what_is_no_object_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: {told}") as caught:
        sidecar.read_json(path)
    if "is not JSON" in told:
        assert caught.value.hint == "check the file with a JSON editor"


def test_a_file_that_is_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar, "LARGEST_JSON_BYTES", 5)
    path = sidecar.write_json(tmp_path / "a.json", {"a": 1})
    size = path.stat().st_size
    with pytest.raises(DataError, match=f"{path}: {size} bytes; expected a sidecar"):
        sidecar.read_json(path)


def test_the_deeper_and_the_longer_name_wins(tmp_path: Path) -> None:
    put(tmp_path, "bold.json", A="root", B="root", C="root", D="root", E="root")
    put(tmp_path, "task-rest_bold.json", B="task", C="task", D="task", E="task")
    put(tmp_path, "sub-01/sub-01_bold.json", C="subject", D="subject", E="subject")
    put(tmp_path, "sub-01/ses-a/sub-01_ses-a_bold.json", D="session", E="session")
    put(tmp_path, BOLD.replace(".nii.gz", ".json"), E="own")
    assert sidecar.inherited(tmp_path, tmp_path / BOLD) == {
        "A": "root",
        "B": "task",
        "C": "subject",
        "D": "session",
        "E": "own",
    }


@pytest.mark.parametrize(
    "name",
    [
        "task-other_bold.json",
        "task-rest_acq-x_bold.json",
        "task-rest_eeg.json",
        "task-rest_run-1_bold.json",
        ".task-rest_bold.json",
        "task_bold.json",
        "notbold.json",
        "sub-01/ses-b/func/sub-01_ses-b_task-rest_run-01_bold.json",
        "sub-01/ses-a/eeg/sub-01_ses-a_task-rest_run-01_bold.json",
        "derivatives/task-rest_bold.json",
    ],
)
def test_what_belongs_to_other_files_is_not_inherited(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, A="wrong")
    assert sidecar.inherited(tmp_path, tmp_path / BOLD) == {}


def test_a_broken_sidecar_is_told(tmp_path: Path) -> None:
    (tmp_path / "task-rest_bold.json").write_text("{")
    with pytest.raises(DataError, match=r"task-rest_bold\.json: is not JSON"):
        sidecar.inherited(tmp_path, tmp_path / BOLD)


def test_the_nearest_table_is_found(tmp_path: Path) -> None:
    eeg = tmp_path / "sub-01/ses-a/eeg/sub-01_ses-a_task-rest_run-01_eeg.vhdr"
    eeg.parent.mkdir(parents=True)

    def nearest(ending: str) -> str | None:
        found = sidecar.nearest(tmp_path, eeg, ending)
        return str(found.relative_to(tmp_path)) if found else None

    assert nearest("channels.tsv") is None
    names = [
        "task-rest_channels.tsv",
        "sub-01/sub-01_task-rest_channels.tsv",
        "sub-01/ses-a/eeg/sub-01_ses-a_channels.tsv",
        "sub-01/ses-a/eeg/sub-01_ses-a_task-rest_channels.tsv",
    ]
    for name in names:
        (tmp_path / name).touch()
        assert nearest("channels.tsv") == name
    for other in ("sub-01_ses-a_task-rest_run-02_channels.tsv", "sub-01_ses-a_bad_channels.tsv"):
        (eeg.parent / other).touch()
    assert nearest("channels.tsv") == names[-1]
    assert nearest("events.tsv") is None
