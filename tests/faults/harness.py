"""What the fault tests share: a finished dataset, the real command with what it took, and trees to compare."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("--sloppy", "--skip-bids-validation", "-q")
VARIES = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:+]+|\d{8}-\d{6}[-\d]*|\d+\.\d+ s\b")


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code; negative for a signal.
    said : str
        Standard output and error.
    wall_s, cpu_s : float
        Time that it took.
    peak_mb : int
        Memory of its largest process.
    """

    code: int
    said: str
    wall_s: float
    cpu_s: float
    peak_mb: int


def command(*words: str | Path) -> list[str]:
    """Spell a call of the app."""
    return [sys.executable, "-m", "bids_app", *map(str, words)]


def environment() -> dict[str, str]:
    """Give the environment of the app under test: this project's code, one thread."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def start(*words: str | Path, **more: object) -> subprocess.Popen[str]:
    """Start the app in a process group of its own."""
    started: subprocess.Popen[str] = subprocess.Popen(
        command(*words),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **more,  # type: ignore[call-overload]  # preexec_fn only
    )
    return started


def run(*words: str | Path, timeout_s: float = 600.0, **more: object) -> Ended:
    """Run the app to its end, and measure what it took."""
    began = time.monotonic()
    process = start(*words, **more)
    assert process.stdout is not None
    with ends_at(process, timeout_s):
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(
        process.returncode,
        said,
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss // 1024,
    )


@contextmanager
def ends_at(process: subprocess.Popen[str], timeout_s: float) -> Iterator[None]:
    """Kill a process group that is still there after a while, so that a hang is a failure."""
    killer = subprocess.Popen(
        ["/bin/sh", "-c", f"sleep {timeout_s}; kill -9 -{process.pid}"], start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(killer.pid, signal.SIGKILL)
        killer.wait()


def finished(folder: Path) -> tuple[Path, Path]:
    """Simulate one participant with two runs, and run the participant level; kept for the next call.

    Returns
    -------
    data, out : Path
        The dataset and its output.
    """
    data, out, done = folder / "data", folder / "out", folder / "done"
    # What other code made would be made again in every try.
    newest = max(path.stat().st_mtime for path in (ROOT / "bids_app").rglob("*.py"))
    if not done.exists() or done.stat().st_mtime < newest:
        shutil.rmtree(folder, ignore_errors=True)
        simulate(data)
        ended = run(data, out, "participant", *QUICK)
        assert ended.code == 0, ended.said
        done.touch()
    return data, out


def simulate(data: Path) -> None:
    """Write the dataset."""
    size = ("--size", "tiny", "--participants", "1", "--runs", "2", "--seed", "3")
    subprocess.run(
        [sys.executable, "-m", "bids_app.simulate.cli", str(data), *size],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
    )
    shutil.rmtree(data / "sourcedata")


def digests(root: Path) -> dict[str, str]:
    """Hash each file of an output; dates, run numbers and durations in JSON and HTML do not count, nor do logs."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or path.suffix == ".log" or name.startswith("work/finished"):
            continue
        content = path.read_bytes()
        if path.suffix in {".json", ".html"}:
            content = VARIES.sub("", content.decode()).replace(str(root), "").encode()
            if path.suffix == ".json":
                content = without_command(content)
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def without_command(content: bytes) -> bytes:
    """Leave out of a record what the caller typed."""
    found = json.loads(content)
    if isinstance(found, dict):
        found.pop("command", None)
        found.pop("settings", None)
    return json.dumps(found).encode()


def tree_of(root: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file, to see that nothing was touched."""
    return {
        path.relative_to(root).as_posix(): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
    }


def limit_file_size(n_bytes: int) -> None:
    """Let no file grow beyond a size: the write fails there, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
