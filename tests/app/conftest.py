"""A small simulated dataset, and what the real commands made of it; shared by all tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--sloppy", "--skip-bids-validation", "-q")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str


def app(*words: str | Path) -> Ended:
    """Run the app as a user would, in another process."""
    return python("-m", "bids_app", *words)


def python(*words: str | Path) -> Ended:
    """Run Python in another process, from the project's folder."""
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def assert_valid(folder: Path) -> None:
    """Let the official validator judge a dataset; it comes with the test extra."""
    beside = str(Path(sys.executable).parent)
    program = shutil.which("bids-validator-deno", path=f"{os.environ['PATH']}:{beside}")
    assert program, "the test extra brings bids-validator-deno"
    done = subprocess.run(
        [program, str(folder), "--format", "json"], capture_output=True, text=True, check=False
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


@dataclass(frozen=True)
class Place:
    """A raw dataset, and an output folder."""

    bids: Path
    out: Path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Simulate two participants with two runs each, and run both levels."""
    folder = tmp_path_factory.mktemp("finished")
    place = Place(folder / "bids", folder / "out")
    size = ("--size", "tiny", "--participants", "2", "--runs", "2", "--seed", "3")
    made = python("-m", "bids_app.simulate.cli", place.bids, *size)
    assert made.code == 0, made.said
    for level in ("participant", "group"):
        ended = app(place.bids, place.out, level, *QUICK)
        assert ended.code == 0, ended.said
    return place


@pytest.fixture
def copied(finished: Place, tmp_path: Path) -> Place:
    """Give a copy of the finished dataset and output that a test may spoil."""
    place = Place(tmp_path / "bids", tmp_path / "out")
    shutil.copytree(finished.bids, place.bids, ignore=shutil.ignore_patterns("sourcedata"))
    shutil.copytree(finished.out, place.out)
    return place
