from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bids_app import __version__
from bids_app.simulate import cli


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["eeg2fmri-simulate", *arguments])
    return cli.main()


@pytest.mark.slow
def test_a_dataset_with_artefacts_and_another_rhythm_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new"
    options = "--participants 1 --runs 1 --size tiny --volumes 12 --tr 1.3 --task rest --networks 2 --artefacts"
    assert (
        run(monkeypatch, str(out), *options.split(), "--head", "stripped", "--schedule-only", "-v")
        == 0
    )
    printed = capsys.readouterr()
    assert printed.out.strip() == str(out)
    assert "sub-01_task-rest_run-1: simulating" in printed.err
    header = (out / "sub-01" / "eeg" / "sub-01_task-rest_run-1_eeg.vhdr").read_text("utf-8")
    assert "SamplingInterval=200" in header
    markers = (out / "sub-01" / "eeg" / "sub-01_task-rest_run-1_eeg.vmrk").read_text("utf-8")
    assert markers.count("Response,R128") == 12


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--task", "a b"], 64, "task is 'a b'"),
        (["--size", "huge"], 64, "'huge' is not one of"),
        (["--coupling", "2"], 64, "variance is 2; expected 0"),
    ],
)
def test_wrong_options_end_with_their_message_and_code(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    assert run(monkeypatch, str(tmp_path / "new"), *arguments) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_full_folder_ends_with_the_code_of_outputs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    assert run(monkeypatch, str(tmp_path)) == 73
    printed = capsys.readouterr().err
    assert "exists already" in printed
    assert "\n  name another folder" in printed


def test_version_and_help_come_without_the_numeric_libraries() -> None:
    code = (
        "import sys; from bids_app.simulate import cli; sys.argv = ['x', '--version']; cli.main(); "
        "sys.argv = ['x', '--help']; cli.main(); print([m for m in ('numpy', 'mne', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert __version__ in done.stdout
    assert "OUT_BIDS" in done.stdout
    assert done.stdout.strip().endswith("[]")
