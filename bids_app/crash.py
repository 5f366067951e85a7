"""Crash files: what went wrong, and around it what somebody who repairs it will ask for."""

from __future__ import annotations

import os
import platform
import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bids_app import __version__
from bids_app.errors import AppError, BugError

LIBRARIES = ("numpy", "scipy", "torch", "mne", "nibabel", "nilearn", "SimpleITK")


def write(folder: Path, what: str, command: str, error: BaseException) -> Path:
    """Write a crash file.

    Parameters
    ----------
    folder : Path
        Where to; made when it is not there.
    what : str
        What was being done.
    command : str
        The command line.
    error : BaseException
        What happened, with its traceback.
    """
    now = datetime.now(UTC)
    path = folder / f"crash-{now:%Y%m%d-%H%M%S-%f}-{os.getpid()}.txt"
    folder.mkdir(parents=True, exist_ok=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = {
        "what": what,
        "command": command,
        "time": now.isoformat(timespec="seconds"),
        "app": f"eeg2fmri {__version__}",
        "python": sys.version.replace("\n", " "),
        "system": platform.platform(),
        "libraries": ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        "peak memory": f"{peak_mb} MB",
    }
    head = "".join(f"{name}: {value}\n" for name, value in told.items())
    path.write_text(f"{head}\n{''.join(traceback.format_exception(error))}", encoding="utf-8")
    return path


@contextmanager
def told_in(folder: Path, command: str) -> Iterator[None]:
    """Tell of a bug in the block in a crash file; one that cannot be written leaves the bug as it is.

    Nothing is written before the run has made its output folder, in which ``folder`` lies.

    Raises
    ------
    BugError
        In place of the bug.
    """
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        if not folder.parent.is_dir():
            raise
        try:
            path = write(folder, "the run as a whole", command, error)
        except OSError:
            raise error from None
        raise BugError(
            f"{type(error).__name__}: {error}",
            hint=f"this is a bug: please report it with {path}",
        ) from error


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
