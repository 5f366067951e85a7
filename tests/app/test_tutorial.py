"""Every command of the tutorial runs, in order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.conftest import ROOT, Place

pytestmark = pytest.mark.app

MODULES = {"eeg2fmri": "bids_app", "eeg2fmri-simulate": "bids_app.simulate.cli"}


def test_the_commands_of_the_tutorial_run(finished: Place, tmp_path: Path) -> None:
    """What the fixture did before is found by content, so that this takes seconds."""
    for name, module in MODULES.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/bash\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    environ = os.environ | {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    text = (ROOT / "docs/tutorial.md").read_text("utf-8")
    commands = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    assert len(commands) == 5
    for number, block in enumerate(commands):
        if number == 2:
            shutil.copytree(finished.out, tmp_path / "out")
        done = subprocess.run(
            ["bash", "-euc", block],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}{done.stdout}{done.stderr}"
    assert (tmp_path / "out/group.html").is_file()
    assert list((tmp_path / "applied/sub-01/func").glob("*desc-synthinsample_bold.nii.gz"))
