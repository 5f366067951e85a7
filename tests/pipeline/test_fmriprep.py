"""fMRIPrep as an engine: who it runs on, and with which filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.config import RunConfig
from bids_app.errors import UsageError
from bids_app.external.fmriprep import FmriprepCall
from bids_app.files.sidecar import read_json
from bids_app.pipeline import fmriprep


@pytest.fixture
def call(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A call with the engine, whose program does nothing, on two participants with an image each."""
    program = tmp_path / "bin" / "fmriprep"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    for label in ("01", "02"):
        path = config.bids_dir / f"sub-{label}" / "func" / f"sub-{label}_task-rest_bold.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_text(label)
    return fmriprep.engaged(replace(config, fmri_engine="fmriprep", level="participant"))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[FmriprepCall]:
    """What fMRIPrep is called with; each call leaves its participants' pages."""
    found: list[FmriprepCall] = []

    def run(call: FmriprepCall, program: Path) -> None:
        assert program.name == "fmriprep"
        found.append(call)
        for label in call.labels:
            (call.output_dir / f"sub-{label}.html").write_text("page")

    monkeypatch.setattr("bids_app.external.fmriprep.run", run)
    return found


def test_its_output_is_reused(call: RunConfig) -> None:
    assert call.derivatives == {"fmriprep": call.output_dir / "sourcedata" / "fmriprep"}


def test_without_its_engine_nothing_changes(config: RunConfig, calls: list[FmriprepCall]) -> None:
    assert fmriprep.engaged(config) is config
    fmriprep.ensure(config, ("01",))
    assert calls == []


def test_the_template_is_passed_on(call: RunConfig, calls: list[FmriprepCall]) -> None:
    fmriprep.ensure(call, ("01",))
    fmriprep.ensure(replace(call, template="MNI152NLin6Asym"), ("01",))
    assert [one.space for one in calls] == [
        "MNI152NLin2009cAsym:res-2",
        "MNI152NLin6Asym:res-2",
    ]
    assert "MNI152NLin6Asym:res-2" in calls[1].words(Path("fmriprep"))


def test_it_runs_on_those_it_has_not_done(call: RunConfig, calls: list[FmriprepCall]) -> None:
    fmriprep.ensure(call, ("01",))
    fmriprep.ensure(call, ("01", "02"))
    fmriprep.ensure(call, ("01", "02"))
    assert [one.labels for one in calls] == [("01",), ("02",)]
    next((call.bids_dir / "sub-01").rglob("*.nii.gz")).write_text("other data")
    fmriprep.ensure(replace(call, n_procs=3, mem_mb=9000), ("01", "02"))
    fmriprep.ensure(replace(call, overwrite=True), ("02",))
    fmriprep.ensure(replace(call, fmriprep_options="--fs-no-reconall --me-output-echos"), ("02",))
    assert [one.labels for one in calls[2:]] == [("01",), ("02",), ("02",)]
    assert calls[-1].options == ("--fs-no-reconall", "--me-output-echos")
    assert (calls[2].n_procs, calls[2].mem_mb) == (3, 9000)


def test_settings_are_passed_on(
    call: RunConfig, calls: list[FmriprepCall], tmp_path: Path
) -> None:
    asked = replace(
        call,
        fs_license_file=tmp_path / "l.txt",
        dummy_scans=4,
        random_seed=3,
        skip_bids_validation=True,
    )
    fmriprep.ensure(asked, ("02",))
    (one,) = calls
    assert (one.license_file, one.n_dummies, one.random_seed) == (tmp_path / "l.txt", 4, 3)
    assert one.skip_validation
    assert (one.bids_dir, one.work_dir) == (call.bids_dir, call.work_dir / "fmriprep")
    assert one.filter_file is None


def test_what_is_chosen_becomes_its_filter(call: RunConfig, calls: list[FmriprepCall]) -> None:
    asked = replace(
        call,
        session_labels=("pre",),
        task_ids=("rest", "eyes"),
        runs=("01",),
        filters={"bold": {"run": [2]}, "t1w": {"acquisition": None}, "eeg": {"task": "rest"}},
    )
    fmriprep.ensure(asked, ("01",))
    assert calls[0].filter_file is not None
    assert read_json(calls[0].filter_file) == {
        "bold": {"session": ["pre"], "task": ["rest", "eyes"], "run": [2]},
        "t1w": {"acquisition": None},
    }


def test_without_a_program_nothing_is_begun(
    config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EEG2FMRI_CONTAINER", "docker")
    with pytest.raises(UsageError, match="this container has no fMRIPrep"):
        fmriprep.engaged(replace(config, fmri_engine="fmriprep"))
    assert not config.output_dir.exists()
