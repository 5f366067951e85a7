"""The documentation's commands exist, its links lead somewhere, and its descriptor is that of the command line."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]  # one file is read with it

from bids_app.cli import command

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
SCRIPTS = sorted(
    path
    for path in (ROOT / "hpc").iterdir()
    if path.suffix in {".sbatch", ".sh", ""} and path.is_file()
)


def words_after(name: str, text: str) -> list[list[str]]:
    """Give the words of each line that calls a command."""
    found = []
    for line in text.splitlines():
        plain = line.strip().split("#")[0].split(" …")[0]
        if plain.startswith(f"{name} "):
            found.append(shlex.split(plain))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_options_of_commands_exist(page: Path) -> None:
    known = {name for param in command.params for name in param.opts}
    for words in words_after("eeg2fmri", page.read_text("utf-8")):
        asked = {word for word in words if re.match(r"--?[a-z]", word)}
        assert asked <= known, f"{page.name}: {asked - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation() -> None:
    listed = set(
        re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    )
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")}


def test_exit_codes_of_the_page_are_those_of_the_app() -> None:
    from bids_app import errors

    text = (ROOT / "docs/outputs.md").read_text("utf-8").split("## Exit codes")[1]
    told = {
        int(code)
        for row in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE)
        for code in row.split(",")
    }
    kinds = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.AppError)
    }
    assert kinds | {0} <= told


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    done = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def made() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("descriptor", ROOT / ".ci/descriptor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = module.descriptor()
    return found


def test_the_descriptor_is_that_of_the_command_line() -> None:
    on_disk = json.loads((ROOT / "hpc/nipoppy/descriptor.json").read_text("utf-8"))
    assert on_disk == made(), "run: make descriptor"
    ids = {item["id"] for item in on_disk["inputs"]}
    assert ids | {"help", "version"} >= {str(param.name) for param in command.params}
    flags = {item.get("command-line-flag") for item in on_disk["inputs"]} - {None}
    assert flags <= {name for param in command.params for name in param.opts}
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    assert on_disk["command-line"].startswith(
        "eeg2fmri " + " ".join(f"[{str(param.name).upper()}]" for param in arguments)
    )


def test_the_descriptor_is_valid() -> None:
    bosh = shutil.which("bosh") or shutil.which("bosh", path=str(ROOT / ".venv-docs/bin"))
    if bosh is None:
        pytest.skip("bosh is not installed; make docs installs it")
    done = subprocess.run(
        [bosh, "validate", str(ROOT / "hpc/nipoppy/descriptor.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_invocation_and_the_tracker_name_what_there_is() -> None:
    inputs = {item["id"]: item for item in made()["inputs"]}
    invocation = json.loads((ROOT / "hpc/nipoppy/invocation.json").read_text("utf-8"))
    assert invocation.keys() <= inputs.keys()
    assert {name for name, item in inputs.items() if not item["optional"]} <= invocation.keys()
    tracker = json.loads((ROOT / "hpc/nipoppy/tracker.json").read_text("utf-8"))
    tree = (ROOT / "tests/app/expected_tree.txt").read_text("utf-8").split()
    for wanted in tracker["PATHS"]:
        pattern = wanted.replace("[[NIPOPPY_BIDS_PARTICIPANT_ID]]", "sub-01").replace("/**/", "/")
        assert [name for name in tree if Path(name).match(pattern)], wanted


# Keys that BABS 0.5 reads; of those of the cluster, the ones that it knows for SLURM.
BABS = {
    "input_datasets", "bids_app_args", "singularity_args", "all_results_in_one_zip", "zip_foldernames",
    "cluster_resources", "script_preamble", "job_compute_space", "imported_files",
}  # fmt: skip
BABS_INPUT = {
    "origin_url", "path_in_babs", "is_zipped", "required_files", "unzipped_path_containing_subject_dirs",
}  # fmt: skip
BABS_SLURM = {
    "interpreting_shell", "customized_text", "number_of_cpus", "hard_memory_limit", "soft_memory_limit",
    "temporary_disk_space", "hard_runtime_limit",
}  # fmt: skip


def test_babs_knows_every_key_and_the_command_every_option() -> None:
    found = yaml.safe_load((ROOT / "hpc/babs.yaml").read_text("utf-8"))
    optional = {"imported_files", "singularity_args"}
    assert BABS - optional <= found.keys() <= BABS
    assert found["cluster_resources"].keys() <= BABS_SLURM
    (dataset,) = found["input_datasets"].values()
    assert {"origin_url", "path_in_babs", "is_zipped"} <= dataset.keys() <= BABS_INPUT
    given = dict(found["bids_app_args"])
    assert given.pop("$SUBJECT_SELECTION_FLAG") == "--participant-label"
    assert given.keys() <= {name for param in command.params for name in param.opts}
    ((folder, version),) = found["zip_foldernames"].items()
    assert folder == "eeg2fmri"
    assert version.replace("-", ".") == (ROOT / "version").read_text("utf-8").strip()


def test_nipoppy_knows_every_key_of_the_tracker() -> None:
    tracker = json.loads((ROOT / "hpc/nipoppy/tracker.json").read_text("utf-8"))
    assert {"PATHS"} <= tracker.keys() <= {"SCHEMA_VERSION", "PATHS", "PARTICIPANT_SESSION_DIR"}
    assert tracker["PATHS"]
    for path in (*tracker["PATHS"], tracker["PARTICIPANT_SESSION_DIR"]):
        assert not Path(path).is_absolute()
        assert set(re.findall(r"\[\[(\w+)\]\]", path)) == {"NIPOPPY_BIDS_PARTICIPANT_ID"}


FAKE_SBATCH = '#!/bin/bash\necho "$@" >>"$SENT"\necho $((40 + $(wc -l <"$SENT")))\n'


@pytest.mark.parametrize("first", ["", "1"])
def test_jobs_are_sent_in_order(tmp_path: Path, first: str) -> None:
    for label in ("01", "02", "ab"):
        (tmp_path / f"bids/sub-{label}").mkdir(parents=True)
    (tmp_path / "sbatch").write_text(FAKE_SBATCH)
    (tmp_path / "sbatch").chmod(0o755)
    environ = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SENT": str(tmp_path / "sent"),
        "BIDS": str(tmp_path / "bids"),
        "OUT": str(tmp_path / "out"),
        "FMRIPREP": str(tmp_path / "fmriprep") if first else "",
        "FMRIPREP_FIRST": first,
        "FMRIPREP_IMAGE": "fmriprep.sif",
        "FS_LICENSE": "license.txt",
    }
    done = subprocess.run(
        [str(ROOT / "hpc/submit"), "--partition=short"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sent = (tmp_path / "sent").read_text().splitlines()
    names = [Path(line.split()[-1]).name for line in sent]
    expected = ["fmriprep.sbatch"] * bool(first) + ["participant.sbatch", "group.sbatch"]
    assert names == expected
    assert all("--partition=short" in line for line in sent)
    assert all("--array=1-3" in line for line in sent[:-1])
    assert f"--dependency=afterany:{41 + bool(first)}" in sent[-1]
    assert ("--dependency=aftercorr:41" in sent[-2]) is bool(first)
