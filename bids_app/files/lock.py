"""Locks between jobs, on any computers that share a folder.

A lock is a file that is created where none was, which also NFS does for one job only. It names its owner and is touched
every few seconds. That of a dead process on this computer is taken at once; that of another computer when it has not
been touched for a while by the clock of the one who waits, so that clocks need not agree.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from bids_app.errors import CannotCreateError, TemporaryError

log = logging.getLogger(__name__)

STALE_S = 90.0
SHORT_S = 180.0
POLL_S = 0.2


@contextmanager
def locked(path: Path, timeout_s: float = SHORT_S, *, stale_s: float = STALE_S) -> Iterator[None]:
    """Hold a lock for the length of the block.

    Parameters
    ----------
    path : Path
        What is locked; the lock lies beside it, as ``.NAME.lock``.
    timeout_s : float
        How long to wait for another job; for ever when negative.
    stale_s : float
        How long the lock of another computer may go untouched; the same for all jobs.

    Raises
    ------
    TemporaryError
        When another job holds it all the time.
    CannotCreateError
        When it cannot be made.
    """
    file = path.with_name(f".{path.name}.lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lease = filelock.SoftFileLease(
            file, lease_duration=stale_s, timeout=timeout_s, thread_local=False
        )
        _acquire(lease, file)
    except OSError as error:
        raise CannotCreateError(
            f"{file}: cannot be written: {error.strerror or error}",
            hint="check free space and permissions of the output folder",
        ) from error
    try:
        yield
    finally:
        lease.release()


def _acquire(lease: filelock.SoftFileLease, file: Path) -> None:
    try:
        lease.acquire(timeout=2 * POLL_S, poll_interval=POLL_S)
        return
    except filelock.Timeout:
        log.info("%s: another job works here; waiting for it", file)
    try:
        lease.acquire(poll_interval=POLL_S)
    except filelock.Timeout as error:
        raise TemporaryError(
            f"{file}: another job holds this lock",
            hint="when no other job is running, remove the file and start again",
        ) from error
