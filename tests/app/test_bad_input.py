"""Bad input ends in its own message and exit code, and the other participant still finishes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bids_app.files import eeg
from bids_app.files.sidecar import read_json
from tests.app.conftest import QUICK, Place, app

pytestmark = pytest.mark.app

RUN = "sub-02_task-oddball_run-1"
Spoil = Callable[[Path], None]


def truncate_bold(sub: Path) -> None:
    path = sub / f"func/{RUN}_bold.nii.gz"
    path.write_bytes(path.read_bytes()[:50_000])


def lose_sidecar(sub: Path) -> None:
    """A header that gives milliseconds as seconds, and no sidecar to say otherwise."""
    (sub / f"func/{RUN}_bold.json").unlink()
    path = sub / f"func/{RUN}_bold.nii.gz"
    image: Any = nib.load(path)
    broken = nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header)
    broken.header.set_zooms((*image.header.get_zooms()[:3], 2000.0))
    broken.header.set_xyzt_units("mm", "sec")
    nib.save(broken, path)


def blank_channel(sub: Path) -> None:
    path = sub / f"eeg/{RUN}_eeg.vhdr"
    recording = eeg.read(path)
    volts = recording.volts.copy()
    volts[2, 100:200] = np.nan
    eeg.write_brainvision(path, replace(recording, volts=volts))


def lose_markers(sub: Path) -> None:
    path = sub / f"eeg/{RUN}_eeg.vhdr"
    recording = eeg.read(path)
    eeg.write_brainvision(path, replace(recording, events=()))
    events = sub / f"eeg/{RUN}_events.tsv"
    events.unlink(missing_ok=True)


def shorten_eeg(sub: Path) -> None:
    """Twenty seconds into the scan, less than one window."""
    path = sub / f"eeg/{RUN}_eeg.vhdr"
    recording = eeg.read(path)
    onset_s = next(event.onset_s for event in recording.events if event.label.endswith("R128"))
    kept = round((onset_s + 20) * recording.rate_hz)
    markers = tuple(
        event for event in recording.events if event.onset_s * recording.rate_hz < kept
    )
    eeg.write_brainvision(
        path, replace(recording, volts=recording.volts[:, :kept], events=markers)
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate_bold, f"{RUN}_bold.nii.gz: cannot be read to its end"),
        (lose_sidecar, "repetition time (no sidecar gives RepetitionTime) is 2000"),
        (blank_channel, "channel AF3 holds 100 NaN or infinite samples"),
        (lose_markers, "no volume markers: nothing repeats every 2 s"),
        (shorten_eeg, "no volume has a whole window of 30 s"),
    ],
)
def test_one_bad_run_costs_neither_the_other_runs_nor_the_others(
    copied: Place, spoil: Spoil, message: str
) -> None:
    spoil(copied.bids / "sub-02")
    for name in ("sub-01", "sub-02"):
        (copied.out / f"{name}.html").unlink()
    ended = app(copied.bids, copied.out, "participant", *QUICK)
    assert ended.code == 1, ended.said
    assert message in ended.said
    record = read_json(copied.out / "sub-02/log/record.json")
    assert any(message in error["why"] for error in record["errors"])
    assert [row["status"] for row in record["pairings"]] == ["failed", "done"]
    assert message in (copied.out / "sub-02.html").read_text(encoding="utf-8").replace(
        "&#39;", "'"
    )
    assert read_json(copied.out / "sub-01/log/record.json")["errors"] == []


@pytest.mark.parametrize(
    ("spoil", "code"), [(truncate_bold, 66), (blank_channel, 65), (lose_markers, 65)]
)
def test_when_all_that_was_asked_for_fails_the_exit_code_says_why(
    copied: Place, spoil: Spoil, code: int
) -> None:
    spoil(copied.bids / "sub-02")
    only = ("--participant_label", "02", "--run", "1")
    assert app(copied.bids, copied.out, "participant", *only, *QUICK).code == code


def test_an_empty_dataset_is_no_dataset(tmp_path: Path) -> None:
    ended = app(tmp_path, tmp_path.parent / "out", "participant")
    assert ended.code == 16
    assert "dataset_description.json" in ended.said
    (tmp_path / "dataset_description.json").write_text(
        json.dumps({"Name": "x", "BIDSVersion": "1.8.0"})
    )
    ended = app(tmp_path, tmp_path.parent / "out", "participant")
    assert ended.code == 16
    assert "has no folder sub-<label>" in ended.said


def test_an_unknown_label_names_those_that_there_are(finished: Place, tmp_path: Path) -> None:
    ended = app(finished.bids, tmp_path / "out", "participant", "--participant_label", "01", "77")
    assert ended.code == 18
    assert "has no participant 77; it has 01, 02" in ended.said
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_written(finished: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = app(finished.bids, tmp_path / "file" / "out", "participant")
    assert ended.code == 73
    assert "cannot be written: Not a directory" in ended.said


def test_output_in_the_dataset_is_refused(finished: Place) -> None:
    ended = app(finished.bids, finished.bids, "participant")
    assert ended.code == 64
    assert "the input is never written to" in ended.said


def test_the_group_level_without_participants(tmp_path: Path, finished: Place) -> None:
    ended = app(finished.bids, tmp_path, "group")
    assert ended.code == 18
    assert "has no participant" in ended.said


def test_the_group_level_does_without_raw_data_and_work_folder(copied: Place) -> None:
    def told() -> list[str]:
        # What is true of a simulated dataset lies with its raw data.
        lines = (copied.out / "group_scores.tsv").read_text("utf-8").splitlines()
        return [line for line in lines if not {"noise-free", "oracle"} & {*line.split("\t")}]

    before = told()
    shutil.rmtree(copied.out / "work")
    shutil.rmtree(copied.bids)
    ended = app(copied.bids, copied.out, "group", *QUICK)
    assert ended.code == 0, ended.said
    assert told() == before
    assert any("sources" in line for line in before)
