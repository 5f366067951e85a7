"""Write the lock files: the newest versions that fit pyproject.toml, exact and complete.

Run by ``make lock`` with the Python that the lock is for. pip resolves once, with the CUDA build
of torch, from its metadata alone; the CPU lock is the same without what only that build brings.
Nothing is installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from pip._vendor.packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
# the release whose results and images have been checked
HELD = ["torch==2.13.0"]
# wanted by deepbet for its window and by num2words for its command line; the app has neither
LEFT_OUT = {"customtkinter", "darkdetect", "docopt"}
CUDA = re.compile(r"(nvidia|cuda)-|triton$")
HEAD = """\
# {what}
# Written by `make lock` for CPython {python} on Linux. Complete: install it with --no-deps.
"""


def main() -> int:
    """Resolve and write the three lock files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    app = project["dependencies"] + extras["validator"]
    found = resolve(app + HELD + extras["test"] + project_build())
    running = closure(app + project_build(), found)
    cpu = {name for name in running if not CUDA.match(name)}
    write("requirements-cpu.lock", "The app, computing on the CPU.", cpu, found)
    write("requirements-cuda.lock", "The app, computing on an NVIDIA GPU.", running, found)
    write(
        "requirements-test.lock",
        "What the tests need beside the app.",
        found.keys() - running,
        found,
    )
    return 0


def project_build() -> list[str]:
    """List what building the app needs, so that it is installed without a second look-up."""
    built_with: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"][
        "requires"
    ]
    return built_with


def resolve(wanted: list[str]) -> dict[str, dict[str, Any]]:
    """Let pip choose versions; give the metadata of each package by its normal name."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--ignore-installed",
        ]
        command += ["--prefer-binary", "--report", report.name, *wanted]
        subprocess.run(command, check=True)
        chosen = [item["metadata"] for item in json.load(report)["install"]]
    return {normal(item["name"]): item for item in chosen if normal(item["name"]) not in LEFT_OUT}


def closure(wanted: list[str], found: dict[str, dict[str, Any]]) -> set[str]:
    """Name everything that these requirements bring."""
    reached: set[tuple[str, str]] = set()
    to_see = [
        (normal(one.name), extra)
        for one in map(Requirement, wanted)
        for extra in {"", *one.extras}
    ]
    while to_see:
        name, extra = to_see.pop()
        if name not in found or (name, extra) in reached:
            continue
        reached.add((name, extra))
        for one in map(Requirement, found[name].get("requires_dist", [])):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                to_see += [(normal(one.name), each) for each in {"", *one.extras}]
    return {name for name, _ in reached}


def normal(name: str) -> str:
    """Spell a distribution's name as the index does."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write(file_name: str, what: str, names: set[str], found: dict[str, dict[str, Any]]) -> None:
    """Write one lock file, sorted by name."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    pins = [f"{name}=={found[name]['version'].split('+')[0]}\n" for name in sorted(names)]
    (ROOT / file_name).write_text(HEAD.format(what=what, python=python) + "".join(pins))


if __name__ == "__main__":
    sys.exit(main())
