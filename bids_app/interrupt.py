"""Signals that ask the app to stop: the write at hand is finished first, and the next call goes on from there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# SIGUSR1 is what SLURM sends ahead of the time limit with --signal=USR1@SECONDS.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


class Interrupted(BaseException):
    """A signal asked this process to stop. Not an :class:`Exception`, so that nobody takes it for a failed run.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell reports of a process that the signal ended."""
        return 128 + self.number

    def __str__(self) -> str:
        return signal.Signals(self.number).name


class _Stop:
    """What has arrived in this process, and how many writes must end before it counts."""

    arrived: int | None = None
    writes: int = 0


def listen(numbers: tuple[signal.Signals, ...] = SIGNALS) -> None:
    """Turn signals into :class:`Interrupted`, raised in the main thread; one that is ignored stays so."""
    _Stop.arrived, _Stop.writes = None, 0
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrive)


@contextmanager
def finishing() -> Iterator[None]:
    """Let the block end before a signal stops the main thread; other threads are never stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Stop.writes += 1
    try:
        yield
    finally:
        _Stop.writes -= 1
        if _Stop.writes == 0 and _Stop.arrived is not None:
            raise Interrupted(_Stop.arrived)


def _arrive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (what Python calls it with)
    first = _Stop.arrived is None
    _Stop.arrived = number if first else _Stop.arrived
    # Once only: a second signal must not break what the first one set going.
    if first and _Stop.writes == 0:
        raise Interrupted(number)
