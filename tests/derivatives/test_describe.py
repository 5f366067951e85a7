from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bids_app import __version__
from bids_app.derivatives import describe
from bids_app.errors import DataError
from bids_app.files.lock import locked
from bids_app.files.sidecar import read_json
from bids_app.files.tables import read_tsv, write_tsv

SOURCE = {
    "Name": "raw",
    "BIDSVersion": "1.8.0",
    "License": "CC0",
    "DatasetDOI": "doi:10.0/x",
    "GeneratedBy": [{"Name": "converter"}],
}


def described(folder: Path, source: dict[str, Any], **environ: str) -> dict[str, Any]:
    describe.describe(folder, {"raw": folder / "data"}, source, environ)
    return read_json(folder / "dataset_description.json")


def test_the_output_is_a_derivative_of_the_raw_dataset(tmp_path: Path) -> None:
    found = described(tmp_path, SOURCE)
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["BIDSVersion"])
    assert found["DatasetType"] == "derivative"
    assert [one["Name"] for one in found["GeneratedBy"]] == ["eeg2fmri", "converter"]
    assert found["GeneratedBy"][0]["Version"] == __version__
    assert "Container" not in found["GeneratedBy"][0]
    assert found["DatasetLinks"] == {"raw": (tmp_path / "data").as_uri()}
    assert found["SourceDatasets"] == [{"DOI": "doi:10.0/x"}]
    assert (found["License"], found["RawDataset"]["Name"]) == ("CC0", "raw")


def test_little_is_known_of_a_dataset_that_says_little(tmp_path: Path) -> None:
    found = described(tmp_path, {"GeneratedBy": None}, EEG2FMRI_CONTAINER="docker")
    assert not {"License", "SourceDatasets"} & found.keys()
    (generated,) = found["GeneratedBy"]
    assert generated["Container"] == {"Type": "docker", "Tag": __version__}


def test_the_identity_is_that_of_the_content() -> None:
    turned = dict(reversed(SOURCE.items()))
    assert describe.identity(SOURCE) == describe.identity(turned)
    assert describe.identity(SOURCE) != describe.identity(SOURCE | {"Name": "other"})


def test_what_the_validator_does_not_know_is_ignored(tmp_path: Path) -> None:
    described(tmp_path, SOURCE)
    ignored = (tmp_path / ".bidsignore").read_text().splitlines()
    assert {"*.html", "figures", "log", "models"} <= set(ignored)
    assert not [line for line in ignored if line.endswith("/")]
    assert "not for diagnosis" in (tmp_path / "README.md").read_text()


def test_labels_are_added_to_those_that_are_there(tmp_path: Path) -> None:
    describe.describe_labels(tmp_path, {"synthCnn": "by cnn", "brain": "old"})
    describe.describe_labels(tmp_path, {"brain": "Brain mask"})
    assert read_tsv(tmp_path / "descriptions.tsv") == {
        "desc_id": ["desc-brain", "desc-synthCnn"],
        "description": ["Brain mask", "by cnn"],
    }


def test_another_table_is_not_overwritten(tmp_path: Path) -> None:
    path = write_tsv(tmp_path / "descriptions.tsv", {"a": ["1"], "b": ["2"]})
    with pytest.raises(
        DataError, match=f"{path}: has columns a, b; expected desc_id and description"
    ) as caught:
        describe.describe_labels(tmp_path, {"brain": "Brain mask"})
    assert caught.value.hint == "remove the file; it is written again"
    assert read_tsv(path) == {"a": ["1"], "b": ["2"]}


def test_jobs_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    def job(number: int) -> None:
        describe.describe(tmp_path, {"raw": tmp_path}, SOURCE, {})
        with locked(tmp_path / "dataset_description.json"):
            describe.describe_labels(tmp_path, {f"own{number}": f"text {number}"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(job, range(16)))
    table = read_tsv(tmp_path / "descriptions.tsv")
    own = [name for name in table["desc_id"] if name.startswith("desc-own")]
    assert sorted(own) == sorted(f"desc-own{number}" for number in range(16))
    assert len(table["desc_id"]) == len(describe.DESCRIPTIONS) + 16
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "dataset_description.json",
        "descriptions.tsv",
        "dseg.tsv",
        ".bidsignore",
        "README.md",
    }
