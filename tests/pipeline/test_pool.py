"""Participants side by side: shares, workers that die, and workers whose main process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.config import RunConfig
from bids_app.errors import TemporaryError
from bids_app.pipeline import pool

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("n_procs", "mem_mb", "omp", "n_people", "expected"),
    [
        (8, None, 1, 3, (3, 2)),
        (8, None, 1, 20, (8, 1)),
        (8, 6000, 1, 20, (2, 4)),
        (8, 100, 1, 20, (1, 8)),
        (8, None, 3, 2, (2, 3)),
        (1, None, 1, 5, (1, 1)),
    ],
)
def test_processors_and_memory_are_divided(
    config: RunConfig,
    n_procs: int,
    mem_mb: int | None,
    omp: int,
    n_people: int,
    expected: tuple[int, int],
) -> None:
    asked = replace(config, n_procs=n_procs, mem_mb=mem_mb, omp_nthreads=omp)
    assert pool.plan(asked, n_people, 2500) == expected


def test_one_at_a_time_needs_no_other_process(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "limit_threads", lambda _: None)
    done = list(pool.each(("01", "02"), lambda label, _: (label, os.getpid()), config, 100))
    assert done == [(label, (label, os.getpid())) for label in ("01", "02")]


DIE = """
import os, signal, sys, time
from dataclasses import replace
from pathlib import Path
from bids_app import interrupt
from bids_app.config import RunConfig
from bids_app.errors import AppError, DataError
from bids_app.pipeline import pool
pool.limit_threads = lambda n: None

def work(label, config):
    if sys.argv[1] == "work":
        if label == "04":
            raise DataError(f"{label} is broken", hint="mend it")
        return label * 2
    Path(sys.argv[2], f"pid-{label}").write_text(str(os.getpid()))
    if sys.argv[1] == "kill" and label == "01":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

if __name__ == "__main__":
    interrupt.listen()
    here = Path(sys.argv[2])
    config = RunConfig(here, here, here, "participant", n_procs=2)
    try:
        for done in pool.each(("01", "02", "03", "04")[:4 if sys.argv[1] == "work" else 2], work, config, 100):
            print(*done)
    except AppError as error:
        print(error, "|", error.hint)
        sys.exit(error.exit_code)
    except interrupt.Interrupted as stop:
        sys.exit(stop.exit_code)
"""


def began(folder: Path) -> list[int]:
    """Wait until both workers work."""
    for _ in range(600):
        files = sorted(folder.glob("pid-*"))
        if len(files) == 2 and all(path.read_text() for path in files):
            return [int(path.read_text()) for path in files]
        time.sleep(0.05)
    raise AssertionError("the workers never began")


def gone(number: int) -> bool:
    for _ in range(200):
        stat = Path(f"/proc/{number}/stat")
        try:
            if stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "die.py"
    # The workers of the real pool end with their parent; only the numeric libraries are left out here.
    path.write_text(DIE)
    return path


def start(script: Path, what: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), what, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_results_and_errors_come_back(script: Path, tmp_path: Path) -> None:
    with start(script, "work", tmp_path) as main:
        said, _ = main.communicate(timeout=60)
    assert main.returncode == 65
    *done, last = said.splitlines()
    assert last == "04 is broken | mend it"
    # Those that were under way when the error came are not waited for.
    assert len(done) >= 2
    assert set(done) <= {"01 0101", "02 0202", "03 0303"}


def test_a_worker_that_is_killed_is_fatal_and_never_a_hang(script: Path, tmp_path: Path) -> None:
    with start(script, "kill", tmp_path) as main:
        said, _ = main.communicate(timeout=60)
    assert main.returncode == TemporaryError.exit_code
    assert "a worker process was killed" in said
    assert "--mem-mb, or with fewer participants at a time" in said
    assert all(gone(int(path.read_text())) for path in tmp_path.glob("pid-*"))


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)],
)
def test_workers_do_not_outlive_the_main_process(
    script: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with start(script, "sleep", tmp_path) as main:
        workers = began(tmp_path)
        main.send_signal(number)
        main.communicate(timeout=60)
    assert main.returncode == code
    assert all(gone(worker) for worker in workers)
