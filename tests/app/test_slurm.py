"""The scripts of hpc/ on a real SLURM: an array of participants, then the group."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app import slurm
from tests.app.conftest import ROOT, Place

pytestmark = pytest.mark.app


def test_an_array_of_participants_and_then_the_group(finished: Place, tmp_path: Path) -> None:
    if why := slurm.lacking():
        pytest.skip(why)
    data, out = tmp_path / "bids", tmp_path / "out"
    shutil.copytree(finished.bids, data)
    shutil.copytree(finished.out, out)
    # What was done before is found again, so that the jobs take seconds; the reports are made anew.
    for page in out.glob("*.html"):
        page.unlink()
    (out / "group_scores.tsv").unlink()
    shutil.rmtree(out / "work/finished")
    # One that fails costs neither the others nor the group.
    (data / "sub-03/func").mkdir(parents=True)
    with slurm.cluster(tmp_path / "slurm") as environ:
        mine = {
            "BIDS": str(data),
            "OUT": str(out),
            "EEG2FMRI": f"{sys.executable} -m bids_app",
            "PYTHONPATH": str(ROOT),
            "OPTIONS": "--sloppy --skip-bids-validation --n-procs 1",
        }
        sent = subprocess.run(
            [str(ROOT / "hpc/submit"), "--mem=4G", "--cpus-per-task=1"],
            env=environ | mine,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert sent.returncode == 0, sent.stderr
        assert [line.split(":")[0] for line in sent.stdout.splitlines()] == [
            "participants",
            "group",
        ]
        slurm.wait(environ, 400)
    said = "\n".join(file.read_text() for file in sorted((out / "log").glob("slurm-*.out")))
    for name in ("sub-01.html", "sub-02.html", "group.html", "group_scores.tsv"):
        assert (out / name).is_file(), f"{name}\n{said}"
    assert "sub-03: has no BOLD and no EEG" in said
    assert len(list((out / "log").glob("slurm-eeg2fmri-*.out"))) == 4
