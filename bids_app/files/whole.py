"""Files are written whole: under a temporary name in the same folder, then renamed.

What is renamed is on the disk before: after a loss of power there is the old file or the new one, not an empty one. A
signal waits until the write at hand has ended. The temporary name tells the process that writes, so that what a
killed one left can be told from what another job is writing.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from bids_app.errors import CannotCreateError
from bids_app.interrupt import finishing

FULL = "check free space and permissions of the output and work folders"
LEFT = re.compile(r"\.(?:partial|old)-(?P<computer>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}-")
PROBE_BYTES = 4096
FORGOTTEN_S = 2 * 24 * 3600.0


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path; rename it to ``path`` when the block ends well, remove it otherwise.

    The temporary name keeps the suffixes, as some writers choose the format by them.

    Raises
    ------
    CannotCreateError
        When the folder cannot be made or the file cannot be written.
    """
    partial = _beside(path, "partial")
    try:
        with finishing():
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            _sync(partial)
            partial.replace(path)
            _sync_folder(path.parent)
    except OSError as error:
        raise CannotCreateError(
            f"{path}: cannot be written: {error.strerror or error}", hint=FULL
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder; it takes the place of ``path`` when the block ends well.

    Raises
    ------
    CannotCreateError
        When the folder cannot be written.
    """
    partial, old = _beside(path, "partial"), _beside(path, "old")
    try:
        with finishing():
            partial.mkdir(parents=True)
            yield partial
            for made in partial.rglob("*"):
                _sync(made)
            _replace_folder(path, partial, old)
            _sync_folder(path.parent)
    except OSError as error:
        raise CannotCreateError(
            f"{path}: cannot be written: {error.strerror or error}", hint=FULL
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _replace_folder(path: Path, partial: Path, old: Path) -> None:
    if path.exists():
        path.replace(old)
    try:
        partial.replace(path)
    except OSError:
        if old.exists():
            old.replace(path)
        raise


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(
        f".{kind}-{_computer()}-{os.getpid()}-{secrets.token_hex(4)}-{path.name}"
    )


@cache
def _computer() -> str:
    """Tell where process numbers mean the same: this boot of this computer, and this container's processes."""
    told = os.uname().nodename
    with suppress(OSError):
        told += Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        told += str(Path("/proc/self/ns/pid").readlink())
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sync_folder(path: Path) -> None:
    # Not every file system can; the new name is there, and may only be forgotten with the power.
    with suppress(OSError):
        _sync(path)


def sweep(folder: Path) -> None:
    """Remove what killed processes left half written in a folder and below.

    Of another computer nobody knows which processes live: what it left goes after two days.
    """
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            found = LEFT.match(name)
            path = Path(top, name)
            if found and _is_left(path, found["computer"], int(found["pid"])):
                with suppress(OSError):
                    shutil.rmtree(path) if name in folders else path.unlink()
        folders[:] = [name for name in folders if not LEFT.match(name)]


def _is_left(path: Path, computer: str, pid: int) -> bool:
    if computer == _computer():
        return not Path(f"/proc/{pid}").exists()
    try:
        return time.time() - path.stat().st_mtime > FORGOTTEN_S
    except OSError:
        return False


def write_text(path: Path, text: str) -> Path:
    """Write a text file, UTF-8."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def check_folder(folder: Path) -> None:
    """Make a folder, and see that it can be written to and is not full.

    Raises
    ------
    CannotCreateError
        When it cannot.
    """
    # Two containers may give their processes the same number.
    probe = folder / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(bytes(PROBE_BYTES))
            _sync(probe)
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise CannotCreateError(
            f"{folder}: cannot be written: {error.strerror}",
            hint="is it mounted writable, and owned by the user of the container (-u $(id -u))?",
        ) from error
