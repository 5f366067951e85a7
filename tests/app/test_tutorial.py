"""Every command of the tutorials runs, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, Place, assert_valid

pytestmark = pytest.mark.app

MODULES = {"eeg2fmri": "bids_app", "eeg2fmri-simulate": "bids_app.simulate.cli"}


def programs(folder: Path, also: str = "") -> dict[str, str]:
    """Make the commands that the pages call, with options of the tests' own; give the environment to run them in."""
    folder.mkdir()
    for name, module in MODULES.items():
        program = folder / name
        words = also if module == "bids_app" else ""
        program.write_text(f'#!/bin/bash\nexec {sys.executable} -m {module} "$@" {words}\n')
        program.chmod(0o755)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def blocks(page: str) -> list[str]:
    """Commands of a page of the documentation."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL)


def do(block: str, folder: Path, environ: dict[str, str]) -> str:
    """Run commands in a folder; give what they said."""
    done = subprocess.run(
        ["bash", "-euc", block],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
    return done.stdout


def test_the_commands_of_the_tutorial_run(finished: Place, tmp_path: Path) -> None:
    """What the fixture did before is found by content, so that this takes seconds."""
    environ = programs(tmp_path / "bin")
    commands = blocks("tutorial.md")
    assert len(commands) == 5
    for number, block in enumerate(commands):
        if number == 2:
            shutil.copytree(finished.out, tmp_path / "out")
        do(block, tmp_path, environ)
    assert (tmp_path / "out/group.html").is_file()
    assert list((tmp_path / "applied/sub-01/func").glob("*desc-synthinsample_bold.nii.gz"))
    assert_valid(tmp_path / "applied")


def test_the_commands_for_ds000116_run_on_simulated_people(tmp_path: Path) -> None:
    environ = programs(tmp_path / "bin", "--sloppy --skip-bids-validation")
    simulated, seen, done, bipolar = blocks("ds000116.md")
    do(simulated, tmp_path, environ)
    assert "EEG_rereferenced.mat" in do(seen, tmp_path, environ)
    assert not (tmp_path / "out").exists()
    do(done, tmp_path, environ)
    assert len(list((tmp_path / "out").glob("sub-*/func/*desc-synth_bold.nii.gz"))) == 4
    do(bipolar, tmp_path, environ)
    cleaned = list((tmp_path / "out-noGA").glob("sub-01/eeg/*desc-preproc_eeg.json"))
    assert "bipolar" in cleaned[0].read_text("utf-8")
    for folder in ("ds000116/bids", "out", "out-noGA"):
        assert_valid(tmp_path / folder)
