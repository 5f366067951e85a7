"""Importing does nothing, and asking for help waits for nothing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    "numpy",
    "scipy",
    "mne",
    "nibabel",
    "torch",
    "pandas",
    "nilearn",
    "matplotlib",
    "SimpleITK",
    "bids",
    "sklearn",
}
LATE = {
    "SimpleITK",
    "bids",
    "deepbet",
    "matplotlib",
    "pandas",
    "scipy.signal",
    "scipy.stats",
    "sklearn",
}
# What these do when they are imported is theirs: caches of fonts, random numbers.
OTHERS = [*sorted(HEAVY), "deepbet", "h5py", "matplotlib.font_manager", "rich.console"]

IMPORT_ALL = """
import importlib, json, logging, os, pkgutil, random, sys, threading

EVENTS = "socket.connect socket.getaddrinfo subprocess.Popen os.mkdir os.rename os.remove".split()
seen = []

def watch(event, arguments):
    if event in EVENTS:
        seen.append([event, str(arguments[:2])])
    elif event == "open" and isinstance(arguments[0], str):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and arguments[0] != os.devnull:
            seen.append([event, arguments[0]])

def state():
    return {
        "environment": dict(os.environ),
        "handlers": [str(handler) for handler in logging.getLogger().handlers],
        "random": hash(random.getstate()),
        "threads": threading.active_count(),
        "folder": os.getcwd(),
    }

for name in OTHERS:
    importlib.import_module(name)
before = state()
sys.addaudithook(watch)
import bids_app
for module in pkgutil.walk_packages(bids_app.__path__, "bids_app."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
after = state()
print(json.dumps({"seen": seen, "changed": [key for key in before if before[key] != after[key]]}))
"""

HELP = """
import json, runpy, sys
sys.argv = ["run.py", *ARGUMENTS]
try:
    runpy.run_path("run.py", run_name="__main__")
except SystemExit as end:
    code = end.code
print()
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


@pytest.mark.slow
def test_importing_every_module_changes_nothing(tmp_path: Path) -> None:
    found = python(f"OTHERS = {OTHERS}" + IMPORT_ALL, tmp_path)
    assert found == {"seen": [], "changed": []}
    assert not list((tmp_path / "home").iterdir())


def test_help_loads_no_numeric_library(tmp_path: Path) -> None:
    code, loaded = python('ARGUMENTS = ["--help"]' + HELP, tmp_path)
    assert code in {0, None}
    assert HEAVY.intersection(loaded) == set()


def test_version_is_that_of_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "run.py", "--version"]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert answer.stdout.split()[-1] == (ROOT / "version").read_text().strip()


@pytest.mark.slow
def test_a_participant_that_is_refused_waits_for_no_library_that_it_does_not_need(
    tmp_path: Path,
) -> None:
    code = "import json, sys, bids_app.pipeline.story\nprint(json.dumps(sorted(sys.modules)))"
    loaded = set(python(code, tmp_path))
    assert loaded.isdisjoint(LATE)
    # Its matrix library is to be there before the number of its threads is limited, or it would not be.
    assert "scipy.linalg" in loaded


@pytest.mark.slow
def test_what_is_imported_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = {
        "bids_app": project["dependencies"],
        "tests": project["dependencies"] + extras["test"],
    }
    given = metadata.packages_distributions()
    for folder, wanted in asked.items():
        names = {re.split(r"[<>=]", each)[0].lower() for each in wanted}
        for module in imported(ROOT / folder) - sys.stdlib_module_names - {"bids_app", "tests"}:
            assert names & {name.lower() for name in given[module]}, f"{folder} imports {module}"


def imported(folder: Path) -> set[str]:
    """Name the packages that the files of a folder import."""
    trees = [ast.parse(path.read_text("utf-8")) for path in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = [name.name for node in nodes if isinstance(node, ast.Import) for name in node.names]
    members = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in plain + members}


def python(code: str, folder: Path) -> Any:
    """Run code in a fresh interpreter; give the JSON of its last line."""
    command = [sys.executable, "-X", "frozen_modules=off", "-c", code]
    answer = subprocess.run(
        command, cwd=ROOT, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def environment(folder: Path) -> dict[str, str]:
    """Make an environment with an empty home; matplotlib's cache of fonts has its own place."""
    for name in ("home", "caches"):
        (folder / name).mkdir()
    return {
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "home"),
        "MPLCONFIGDIR": str(folder / "caches"),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
