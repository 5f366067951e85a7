"""The calls of fMRIPrep, shown by programs that take its place."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.errors import DeviceError, UsageError
from bids_app.external import fmriprep
from bids_app.external.fmriprep import SPACE, FmriprepCall

Install = Callable[..., Path]


@pytest.fixture
def call(tmp_path: Path) -> FmriprepCall:
    return FmriprepCall(tmp_path / "bids", tmp_path / "out", tmp_path / "work", ("01", "02"))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put programs on an empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str = "", code: int = 0) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\nexit {code}\n")
        path.chmod(0o755)
        return path

    return put


def test_its_own_program_comes_first(install: Install) -> None:
    wrapper = install("fmriprep-docker")
    assert fmriprep.program(None) == wrapper
    native = install("fmriprep")
    assert fmriprep.program("docker") == native


@pytest.mark.usefixtures("install")
def test_without_it_the_way_to_it_is_told() -> None:
    with pytest.raises(
        UsageError, match="neither fmriprep nor fmriprep-docker is on the PATH"
    ) as caught:
        fmriprep.program(None)
    assert 'pip install "eeg2fmri[fmriprep]"' in caught.value.hint
    assert "-d fmriprep=PATH" in caught.value.hint


@pytest.mark.usefixtures("install")
def test_in_a_container_there_are_two_steps() -> None:
    with pytest.raises(UsageError, match="this container has no fMRIPrep") as caught:
        fmriprep.program("docker")
    first, second = caught.value.hint.split("2. ")
    assert f"nipreps/fmriprep /data /out participant --output-spaces {SPACE}" in first
    assert "-d fmriprep=" in second


def test_the_least_call(call: FmriprepCall) -> None:
    top = call.bids_dir.parent
    assert call.words(Path("/x/fmriprep")) == [
        *("/x/fmriprep", f"{top}/bids", f"{top}/out", "participant"),
        *("--participant-label", "01", "02", "-w", f"{top}/work", "--nthreads", "1"),
        *("--random-seed", "0", "--output-spaces", SPACE, "--notrack"),
    ]


def test_what_is_asked_for_is_passed_on(call: FmriprepCall, tmp_path: Path) -> None:
    asked = replace(
        call,
        license_file=tmp_path / "license.txt",
        filter_file=tmp_path / "filter.json",
        n_procs=8,
        omp_nthreads=4,
        mem_mb=16000,
        random_seed=7,
        n_dummies=0,
        skip_validation=True,
        sloppy=True,
        options=("--fs-no-reconall", "--output-spaces", "MNI152NLin6Asym"),
    )
    said = " ".join(asked.words(Path("fmriprep")))
    for words in (
        f"--fs-license-file {tmp_path}/license.txt",
        f"--bids-filter-file {tmp_path}/filter.json",
        "--nthreads 8 --omp-nthreads 4 --mem_mb 16000 --random-seed 7 --dummy-scans 0",
        "--skip-bids-validation --sloppy",
        "--fs-no-reconall --output-spaces MNI152NLin6Asym",
    ):
        assert words in said
    assert SPACE not in said


def test_the_wrapper_needs_no_terminal_and_leaves_files_of_the_user(call: FmriprepCall) -> None:
    assert "--no-tty" not in call.words(Path("fmriprep"))
    words = call.words(Path("/x/fmriprep-docker"))
    assert words[words.index("--no-tty") :][:3] == [
        *("--no-tty", "--user", f"{os.getuid()}:{os.getgid()}")
    ]


def test_what_it_says_is_passed_on(
    call: FmriprepCall, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    path = install(
        "fmriprep", 'echo "hello $4 $6"\necho broken >&2\nread answer || echo no answer'
    )
    with caplog.at_level(logging.INFO, "bids_app"):
        fmriprep.run(call, path)
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith(f"{path} {call.bids_dir} {call.output_dir} participant")
    assert said[1:] == [
        "fmriprep: hello --participant-label 02",
        "fmriprep: broken",
        "fmriprep: no answer",
    ]
    assert call.output_dir.is_dir()
    assert call.work_dir.is_dir()


def test_its_failure_is_told_with_its_last_words(call: FmriprepCall, install: Install) -> None:
    path = install("fmriprep", "for n in 1 2; do echo line $n; done", 126)
    with pytest.raises(
        DeviceError, match=r"fmriprep ended with exit code 126.*\nline 1\nline 2$"
    ) as caught:
        fmriprep.run(call, path)
    assert f"what is whole in {call.output_dir}" in caught.value.hint


def test_a_program_that_cannot_be_started_is_told(call: FmriprepCall, install: Install) -> None:
    path = install("fmriprep")
    path.write_bytes(b"\x7fELF")
    with pytest.raises(
        DeviceError, match=f"{path}: cannot be started: Exec format error"
    ) as caught:
        fmriprep.run(call, path)
    assert caught.value.hint == "check its installation"
