"""A participant is done while nothing that it read or left has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.config import RunConfig
from bids_app.pipeline import pool
from bids_app.pipeline.finished import Finished

RAW = ("sub-01/func/sub-01_bold.nii.gz", "sub-02/func/sub-02_bold.nii.gz", "task_bold.json")
LEFT = ("sub-01/func/sub-01_desc-preproc_bold.nii.gz", "sub-01.html", "sub-01/sub-01_scans.tsv")
THEIRS = "sub-01/func/sub-01_space-x_desc-preproc_bold.nii.gz"


def put(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def call(config: RunConfig, tmp_path: Path) -> RunConfig:
    """A call that finished participant 01 with three runs."""
    for name in (*RAW, "sourcedata/eeg/01.vhdr"):
        put(config.bids_dir / name)
    for name in LEFT:
        put(config.output_dir / name)
    for name in (THEIRS, f"fmriprep/{THEIRS}"):
        put(tmp_path / "theirs" / name)
    put(tmp_path / "model" / "bundle.json")
    put(tmp_path / "eeg" / "sub001" / "run001.mat")
    found = replace(
        config,
        derivatives={"fmriprep": tmp_path / "theirs"},
        model=tmp_path / "model",
        eeg_dir=tmp_path / "eeg",
    )
    finished = Finished(found)
    assert finished.n_done("01") is None
    finished.keep("01", 3)
    return found


def test_a_finished_participant_is_remembered(call: RunConfig) -> None:
    finished = Finished(replace(call, n_procs=7, command="other", participant_labels=("01",)))
    assert finished.n_done("01") == 3
    assert finished.n_done("02") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda call: put(call.bids_dir / RAW[0], "xy"),
        lambda call: os.utime(call.bids_dir / RAW[0], (1, 1)),
        lambda call: put(call.bids_dir / "sub-01/eeg/sub-01_eeg.vhdr"),
        lambda call: (call.bids_dir / RAW[0]).unlink(),
        lambda call: put(call.bids_dir / RAW[2], "xy"),
        lambda call: put(call.bids_dir / "sourcedata/eeg/01.vhdr", "xy"),
        lambda call: put(call.derivatives["fmriprep"] / THEIRS, "xy"),
        lambda call: put(call.derivatives["fmriprep"] / "fmriprep" / THEIRS, "xy"),
        lambda call: put(call.model / "bundle.json", "xy"),
        lambda call: put(call.eeg_dir / "sub001" / "run002.mat"),
        lambda call: put(call.output_dir / LEFT[0], ""),
        lambda call: (call.output_dir / LEFT[1]).unlink(),
        lambda call: put(call.work_dir / "finished" / "sub-01.json", "{}"),
        lambda call: put(call.work_dir / "finished" / "sub-01.json", "not JSON"),
    ],
)
def test_whatever_changes_there_is_work(
    call: RunConfig, change: Callable[[RunConfig], None]
) -> None:
    change(call)
    assert Finished(call).n_done("01") is None


def test_what_others_do_is_not_the_participants(call: RunConfig) -> None:
    put(call.bids_dir / RAW[1], "another participant's")
    put(call.bids_dir / "derivatives" / "other" / "x.json")
    put(call.output_dir / LEFT[2], "scores of the group level")
    put(call.output_dir / "sub-01/func/sub-01_desc-synth_bold.nii.gz")
    (call.bids_dir / ".git").mkdir()
    put(call.bids_dir / ".git" / "index")
    assert Finished(call).n_done("01") == 3


@pytest.mark.parametrize(
    "asked", [{"smoothing_fwhm_mm": 5.0}, {"overwrite": True}, {"sloppy": True}]
)
def test_asked_for_otherwise_there_is_work(call: RunConfig, asked: dict[str, object]) -> None:
    assert Finished(replace(call, **asked)).n_done("01") is None  # type: ignore[arg-type]  # by name


def test_what_counts_is_the_input_before_the_work(call: RunConfig) -> None:
    finished = Finished(call)
    assert finished.n_done("01") == 3
    put(call.bids_dir / RAW[0], "changed during the work")
    finished.keep("01", 3)
    assert Finished(call).n_done("01") is None


def test_a_link_that_leads_nowhere_is_no_error(call: RunConfig) -> None:
    (call.bids_dir / "sub-01" / "anat").mkdir()
    (call.bids_dir / "sub-01" / "anat" / "sub-01_T1w.nii.gz").symlink_to("annex/nowhere")
    finished = Finished(call)
    assert finished.n_done("01") is None
    finished.keep("01", 2)
    assert Finished(call).n_done("01") == 2


def test_nobody_waits_for_nothing(call: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(pool, "limit_threads", asked.append)  # the real one imports torch
    assert list(pool.each((), lambda label, config: (label, config), call, 1000)) == []
    assert asked == []
    assert len(list(pool.each(("01",), lambda label, config: (label, config), call, 1000))) == 1
    assert asked == [1]
