from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bids_app.errors import DeviceError, InvalidDatasetError, MissingInputError, NoMatchError
from bids_app.layout.check import check_dataset, choose_labels, labels, validate


@pytest.fixture
def bids_dir(tmp_path: Path) -> Path:
    """Make a dataset of two people, and what only looks like people."""
    for name in ("sub-02", "sub-01", "sub-", "sub-a_b", "subject-3", "derivatives/sub-04"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sub-05").touch()
    (tmp_path / "dataset_description.json").write_text('{"Name": "µ", "BIDSVersion": "1.10.0"}')
    return tmp_path


def test_people_are_folders_with_labels(bids_dir: Path) -> None:
    assert labels(bids_dir) == ("01", "02")
    assert check_dataset(bids_dir) == {"Name": "µ", "BIDSVersion": "1.10.0"}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=f"{tmp_path}/none: no such folder") as caught:
        check_dataset(tmp_path / "none")
    assert caught.value.hint == "is the dataset mounted?"


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), ("{", "is not JSON"), ("[]", "holds a list")],
)
def test_a_dataset_describes_itself(bids_dir: Path, content: str | None, told: str) -> None:
    description = bids_dir / "dataset_description.json"
    description.unlink()
    if content is not None:
        description.write_text(content)
    with pytest.raises(
        InvalidDatasetError, match=f"{bids_dir}: is not a BIDS dataset: {description}: {told}"
    ) as caught:
        check_dataset(bids_dir)
    assert "dataset_description.json with Name and BIDSVersion" in caught.value.hint


@pytest.mark.parametrize("version", ["v1.1.X", "1.0.2", ""])
def test_versions_of_other_times_are_no_reason_to_refuse(bids_dir: Path, version: str) -> None:
    description = bids_dir / "dataset_description.json"
    description.unlink()
    description.write_text(json.dumps({"Name": "rest", "BIDSVersion": version}))
    check_dataset(bids_dir)


def test_a_dataset_has_people(bids_dir: Path) -> None:
    for label in ("01", "02"):
        (bids_dir / f"sub-{label}").rmdir()
    with pytest.raises(
        InvalidDatasetError, match=f"{bids_dir}: has no folder sub-<label>"
    ) as caught:
        check_dataset(bids_dir)
    assert caught.value.hint == "point to the top of the dataset"


def test_people_are_chosen_by_label(tmp_path: Path) -> None:
    assert choose_labels(("01", "02"), (), tmp_path) == ("01", "02")
    assert choose_labels(("01", "02"), ("02",), tmp_path) == ("02",)


@pytest.mark.parametrize(
    ("known", "asked", "told"),
    [
        (("01", "02"), ("1", "02", "x"), "has no participant 1, x; it has 01, 02"),
        ((), ("1",), "has no participant 1; it has none"),
    ],
)
def test_unknown_people_are_told(
    tmp_path: Path, known: tuple[str, ...], asked: tuple[str, ...], told: str
) -> None:
    with pytest.raises(NoMatchError, match=f"{tmp_path}: {told}") as caught:
        choose_labels(known, asked, tmp_path)
    assert caught.value.hint == "labels are the folder names without sub-"


# ------------------------------------------------------------ the validator


def answer(monkeypatch: pytest.MonkeyPatch, stdout: str | Exception) -> None:
    """Stand in for the validator."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if isinstance(stdout, Exception):
            raise stdout
        return subprocess.CompletedProcess(command, 16, stdout, "")

    monkeypatch.setattr(shutil, "which", lambda *_, **__: "validator")
    monkeypatch.setattr(subprocess, "run", run)


def test_issues_of_the_chosen_people_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issues = [
        {"severity": "error", "code": "A", "location": "/sub-01/func/x.nii.gz"},
        {"severity": "error", "code": "A", "location": "/sub-02/func/x.nii.gz"},
        {"severity": "error", "code": "A", "location": "/sub-010/func/x.nii.gz"},
        {"severity": "warning", "code": "B", "location": "/README"},
        {"severity": "warning", "code": "B"},
        {"severity": "ignore", "code": "C", "location": "/sub-01/eeg/x.vhdr"},
    ]
    answer(monkeypatch, json.dumps({"issues": {"issues": issues}}))
    assert validate(tmp_path, ("01",)) == {
        "errors": 1,
        "warnings": 2,
        "codes": {"error: A": 1, "warning: B": 2, "ignore: C": 1},
    }


@pytest.mark.parametrize(
    ("stdout", "told"),
    [
        ("", "Expecting value"),
        ("[]", "list indices"),
        ('{"issues": {"issues": [{"code": "A"}]}}', "'severity'"),
        ('{"issues": {"issues": ["A"]}}', "string indices"),
        ("{}", "'issues'"),
        (OSError(8, "Exec format error"), "Exec format error"),
        (subprocess.TimeoutExpired("validator", 900), "timed out after 900 seconds"),
    ],
)
def test_a_validator_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stdout: str | Exception, told: str
) -> None:
    answer(monkeypatch, stdout)
    with pytest.raises(DeviceError) as caught:
        validate(tmp_path, ("01",))
    assert str(caught.value).startswith(f"bids-validator-deno failed on {tmp_path}: ")
    assert told in str(caught.value)
    assert caught.value.hint == "use --skip-bids-validation"


def test_without_a_validator_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert validate(tmp_path, ("01",)) is None
