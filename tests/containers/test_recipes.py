"""The image recipes say the same thing, and what they rely on is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.containers

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SINGULARITY = (ROOT / "Singularity.def").read_text()
LOCKS = {
    name: dict(
        line.split("==")
        for line in (ROOT / f"requirements-{name}.lock").read_text().splitlines()
        if not line.startswith("#")
    )
    for name in ("cpu", "cuda", "test")
}


def section(name: str) -> str:
    """Give the text of one section of Singularity.def."""
    found = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", SINGULARITY, re.DOTALL | re.MULTILINE)
    assert found, f"Singularity.def has no %{name}"
    return found[1]


def test_both_images_stand_on_the_same_base() -> None:
    docker = re.findall(r"^ARG BASE=(\S+)", DOCKERFILE, re.MULTILINE)
    apptainer = re.findall(r"^From: (\S+)", SINGULARITY, re.MULTILINE)
    assert docker == apptainer == ["python:3.11-slim-bookworm"]


def test_dockerfile_needs_no_newer_builder() -> None:
    assert not re.search(
        r"^# *syntax=|<<-?['\"]?\w|--link\b|--mount=|@sha256:", DOCKERFILE, re.MULTILINE
    )


def test_what_is_copied_is_sent_to_the_builder() -> None:
    sent = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    for name in re.findall(r"^\s+(\S+) /opt/source/", section("files"), re.MULTILINE):
        for variant in ("cpu", "cuda"):
            assert name.replace("{{ VARIANT }}", variant) in sent
    for name in sent:
        assert (ROOT / name).exists()


def test_entry_points_are_the_same_and_absolute() -> None:
    docker = re.findall(r'^ENTRYPOINT \["(/\S+)"\]$', DOCKERFILE, re.MULTILINE)
    apptainer = re.findall(r"exec (/\S+) \"\$@\"", section("runscript"))
    assert docker == apptainer
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert Path(docker[0]).name in scripts


def test_both_images_drop_the_same_files() -> None:
    def dropped(text: str) -> set[str]:
        loop = re.search(r"for name in ([a-z ]+);", text)
        assert loop
        return set(re.findall(r'"\$packages"/(\S+)', text)) | set(loop[1].split())

    assert dropped(DOCKERFILE) == dropped(section("post"))
    assert len(dropped(DOCKERFILE)) > 10


def test_both_images_set_the_same_environment() -> None:
    wanted = {"PYTHONNOUSERSITE=1", "PYTHONDONTWRITEBYTECODE=1", "MPLBACKEND=Agg", "LANG=C.UTF-8"}
    assert wanted <= set(DOCKERFILE.split())
    assert wanted <= set(section("environment").split())


@pytest.mark.parametrize("name", ["help", "labels", "test"])
def test_singularity_image_explains_and_tests_itself(name: str) -> None:
    assert section(name).strip()


def test_locks_differ_in_torch_only() -> None:
    cpu, cuda = LOCKS["cpu"], LOCKS["cuda"]
    assert cpu.items() <= cuda.items()
    assert all(re.match(r"(nvidia|cuda)-|triton$", name) for name in cuda.keys() - cpu.keys())
    assert cuda.keys() - cpu.keys()
    assert cpu["torch"] == "2.13.0"


def test_test_tools_do_not_change_the_app() -> None:
    assert not LOCKS["test"].keys() & LOCKS["cuda"].keys()


def test_locks_hold_what_the_app_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group, lock in (
        (project["dependencies"], {**LOCKS["cpu"]}),
        (project["optional-dependencies"]["test"], LOCKS["cpu"] | LOCKS["test"]),
    ):
        for wanted in group:
            name, least = wanted.split(">=")
            found = [int(part) for part in re.findall(r"\d+", lock[name.lower()])]
            assert found >= [int(part) for part in least.split(".")], wanted


def test_what_is_no_python_is_installed_too() -> None:
    package = ROOT / "bids_app"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    installed = {
        file for glob in settings["package-data"]["bids_app"] for file in package.glob(glob)
    }
    others = {
        file
        for file in package.rglob("*.*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    }
    assert others
    assert others <= installed
