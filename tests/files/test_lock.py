from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bids_app.errors import CannotCreateError, TemporaryError
from bids_app.files.lock import locked

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from bids_app.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def job(number: int) -> None:
        with locked(tmp_path / "new" / "a.json"):
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.002)
            inside.remove(number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(job, range(4)))
    assert most == [1] * 4
    assert list((tmp_path / "new").iterdir()) == []


def test_a_lock_that_is_held_is_told(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "a.json"):
            entered.set()
            leave.wait(10)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        assert entered.wait(10)
        with pytest.raises(TemporaryError) as caught, locked(tmp_path / "a.json", 0.1):
            pass
        leave.set()
    assert str(caught.value) == f"{tmp_path}/.a.json.lock: another job holds this lock"
    assert "remove the file and start again" in caught.value.hint


def test_the_lock_of_a_killed_process_is_taken_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a")], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert (tmp_path / ".a.lock").is_file()
    began = time.monotonic()
    with locked(tmp_path / "a", 5.0):
        assert time.monotonic() - began < 2
    assert not (tmp_path / ".a.lock").exists()


def test_a_lock_that_nobody_touches_is_taken_after_a_while(tmp_path: Path) -> None:
    with locked(tmp_path / "a", stale_s=0.6):
        held = (tmp_path / ".a.lock").read_text()
    elsewhere = held.replace(os.uname().nodename, "another-computer")
    assert elsewhere != held
    (tmp_path / ".a.lock").write_text(elsewhere)
    (tmp_path / ".a.lock").chmod(0o600)
    began = time.monotonic()
    with locked(tmp_path / "a", 5.0, stale_s=0.6):
        assert 0.5 < time.monotonic() - began < 3


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CannotCreateError, match=r"file/\.a\.lock: cannot be written: ") as caught,
        locked(tmp_path / "file" / "a"),
    ):
        pass
    assert "permissions" in caught.value.hint
