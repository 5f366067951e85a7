"""What both levels leave behind: every file by name, valid, and on the grid and time axis of the measured run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bids_app.files import nifti
from bids_app.files.sidecar import read_json
from bids_app.files.tables import read_tsv
from tests.app.conftest import QUICK, Place, app, assert_valid

pytestmark = pytest.mark.app

HERE = Path(__file__).parent
RUN = "sub-01_task-oddball_run-1"
SYNTH = f"sub-01/func/{RUN}_space-MNI152NLin2009aSym_res-3_desc-synth_bold"


def test_the_tree_is_the_committed_one(finished: Place) -> None:
    found = sorted(
        re.sub(r"/[-\d]+\.log$", "/RUN.log", path.relative_to(finished.out).as_posix())
        for path in finished.out.rglob("*")
        if path.is_file() and path.relative_to(finished.out).parts[0] != "work"
    )
    assert found == (HERE / "expected_tree.txt").read_text().split()


@pytest.mark.parametrize("what", ["bids", "out"])
def test_the_validator_finds_no_error(finished: Place, what: str) -> None:
    assert_valid(getattr(finished, what))


def test_synthesized_bold_is_on_the_grid_and_time_axis_of_the_measured_run(
    finished: Place,
) -> None:
    path = finished.out / f"{SYNTH}.nii.gz"
    about = read_json(finished.out / f"{SYNTH}.json")
    measured_path = path.with_name(path.name.replace("desc-synth", "desc-preproc"))
    measured = nifti.read_bold(measured_path, {})
    synthesized = nifti.read_bold(path, {})
    assert synthesized.grid.matches(measured.grid)
    assert synthesized.volumes.shape == measured.volumes.shape == (53, 63, 52, 50)
    assert synthesized.tr_s == measured.tr_s == 2
    assert about["Synthetic"] is True
    assert about["Baseline"] == "measured"
    assert (
        about["StartTime"]
        == read_json(measured_path.with_name(measured_path.name.replace(".nii.gz", ".json")))[
            "StartTime"
        ]
    )


def test_volumes_without_a_window_hold_the_baseline(finished: Place) -> None:
    about = read_json(finished.out / f"{SYNTH}.json")
    assert about["VolumesWithoutPrediction"] == list(range(15))
    volumes = nifti.read_bold(finished.out / f"{SYNTH}.nii.gz", {}).volumes
    assert np.ptp(volumes[..., :15], axis=3).max() == 0
    inside = volumes[..., 0] > 0
    assert (np.ptp(volumes[inside][:, 15:], axis=1) > 0).all()


def test_the_left_out_participant_is_not_among_those_trained_on(finished: Place) -> None:
    about = read_json(finished.out / f"{SYNTH}.json")
    assert about["Model"]["TrainedOn"] == [
        "sub-02_task-oddball_run-1",
        "sub-02_task-oddball_run-2",
    ]


def test_group_scores_hold_the_rows_that_any_model_is_compared_with(finished: Place) -> None:
    table = read_tsv(finished.out / "group_scores.tsv")
    assert set(table["row"]) == {
        "sources", "sources-constant-eeg", "zero", "training-mean", "participant-mean", "time-only", "events",
        "noise-free", "oracle",
    }  # fmt: skip
    assert {"group", "sub-01", "sub-02", RUN} <= set(table["on"])
    of_zero = [
        value
        for row, name, value in zip(table["row"], table["name"], table["value"], strict=True)
        if row == "zero" and name == "r"
    ]
    assert set(of_zero) == {"n/a"}
    of_group = {
        row: float(value)
        for row, name, value, on in zip(
            table["row"], table["name"], table["value"], table["on"], strict=True
        )
        if (name, on) == ("r", "group") and value != "n/a"
    }
    assert of_group["noise-free"] > of_group["oracle"] > of_group["sources"] > of_group["events"]


def test_the_raw_dataset_was_not_written_to(finished: Place) -> None:
    newest = max(path.stat().st_mtime for path in finished.bids.rglob("*"))
    first_output = min(path.stat().st_mtime for path in finished.out.rglob("*_T1w.nii.gz"))
    assert newest < first_output


def test_a_second_run_makes_nothing_again(copied: Place) -> None:
    assert app(copied.bids, copied.out, "participant", *QUICK).code == 0
    before = _times(copied.out)
    for level in ("participant", "group"):
        ended = app(copied.bids, copied.out, level, *QUICK)
        assert ended.code == 0, ended.said
    assert _times(copied.out) == before


def test_dry_run_prints_the_pairing_and_writes_nothing(finished: Place, tmp_path: Path) -> None:
    ended = app(finished.bids, tmp_path / "out", "participant", "--dry-run")
    assert ended.code == 0
    assert f"{RUN}_eeg.vhdr" in ended.said
    assert "50/50" in ended.said
    assert not (tmp_path / "out").exists()


def _times(out: Path) -> dict[str, int]:
    """When each image, table and recording was written, but for what tells of this call."""
    return {
        path.relative_to(out).as_posix(): path.stat().st_mtime_ns
        for path in out.rglob("*")
        if path.is_file() and path.suffix in {".gz", ".eeg", ".npy", ".safetensors", ".png"}
    }


def test_synthesized_images_say_what_they_are(finished: Place) -> None:
    about = read_json(finished.out / f"{SYNTH}.json")
    assert about["Synthetic"] is True
    assert about["NotForDiagnosis"] is True
    image: Any = nib.load(finished.out / f"{SYNTH}.nii.gz")
    told = image.header["descrip"].item().decode()
    assert told == "Synthetic: true; BOLD predicted from EEG (eeg2fmri); not for diagnosis"
    measured: Any = nib.load(
        finished.out / f"{SYNTH.replace('desc-synth_', 'desc-preproc_')}.nii.gz"
    )
    assert b"ynthetic" not in measured.header["descrip"].item()
    for page in finished.out.glob("*.html"):
        assert "Not for diagnosis." in page.read_text("utf-8")


def test_logs_hold_names_of_files_only(finished: Place) -> None:
    """No value of a participant: what the dataset tells of people does not appear."""
    for path in finished.out.rglob("*.log"):
        text = path.read_text("utf-8")
        for word in ("participants.tsv", "age", "sex", "handedness"):
            assert not re.search(rf"\b{word}\b", text), (path, word)
