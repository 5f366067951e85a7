"""Participants, several at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import threadpoolctl

from bids_app import interrupt
from bids_app import log as logs
from bids_app.config import RunConfig
from bids_app.errors import TemporaryError

T = TypeVar("T")

LONGEST_STOP_S = 20.0
SIGNAL_S = 0.5
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def plan(config: RunConfig, n_participants: int, participant_mb: int) -> tuple[int, int]:
    """Divide processors and memory.

    Parameters
    ----------
    config : RunConfig
        Processors that may be used, and memory in ``mem_mb``.
    n_participants : int
        How many there are to do.
    participant_mb : int
        Memory that one of them takes, in megabytes.

    Returns
    -------
    n_workers, n_threads : int
        Participants at a time, and threads of each.
    """
    by_memory = max(1, config.mem_mb // participant_mb) if config.mem_mb else config.n_procs
    n_workers = max(1, min(config.n_procs, n_participants, by_memory))
    n_threads = (
        config.omp_nthreads if config.omp_nthreads > 1 else max(1, config.n_procs // n_workers)
    )
    return n_workers, n_threads


def each(
    labels: tuple[str, ...],
    work: Callable[[str, RunConfig], T],
    config: RunConfig,
    participant_mb: int,
) -> Iterator[tuple[str, T]]:
    """Do some work for each participant, and give the results as they come.

    Parameters
    ----------
    labels : tuple of str
        Participants.
    work : callable
        Takes a label and the call.
    config : RunConfig
        The call; ``mem_mb`` is what all of them may take together.
    participant_mb : int
        Memory that one of them takes, in megabytes.

    Raises
    ------
    TemporaryError
        When a worker was killed, as the system does when memory runs out. What is done stays done.
    """
    if not labels:  # nothing is imported for nobody
        return
    n_workers, n_threads = plan(config, len(labels), participant_mb)
    config = replace(config, omp_nthreads=n_threads)
    if n_workers > 1:
        yield from _in_workers(labels, partial(_call, work, config=config), n_workers)
        return
    limit_threads(n_threads)
    for label in labels:
        yield label, work(label, config)


def _call(work: Callable[[str, RunConfig], T], label: str, *, config: RunConfig) -> T:
    return work(label, config)


def _in_workers(
    labels: tuple[str, ...], work: partial[T], n_workers: int
) -> Iterator[tuple[str, T]]:
    """Keep so many processes at work.

    Each has a pipe of its own, which the system closes when the process ends, however it ends. (The pool of the
    standard library may wait for ever for a worker that died while another was being started.)
    """
    config: RunConfig = work.keywords["config"]
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(config.omp_nthreads)))
    left = deque(labels)
    busy = {_begin(config.omp_nthreads): left.popleft() for _ in range(n_workers)}
    try:
        for pipe, label in busy.items():
            _give(pipe, work, label)
        while busy:
            for pipe in [pipe for pipe in wait(list(busy)) if isinstance(pipe, Connection)]:
                label, result = busy.pop(pipe), _received(pipe)
                if left:
                    busy[pipe] = left.popleft()
                    _give(pipe, work, busy[pipe])
                else:
                    pipe.close()
                yield label, result
    finally:
        for pipe in busy:
            pipe.close()
        _end_children(at_work=bool(busy))


def _begin(n_threads: int) -> Connection:
    """Start a worker; give the main process's end of its pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (theirs, n_threads, logs.verbosity())
    context.Process(target=_serve, args=arguments, daemon=True).start()
    theirs.close()
    return ours


def _give(pipe: Connection, work: Callable[[str], Any], label: str) -> None:
    # Of a worker that is dead its end of the pipe will tell.
    with suppress(BrokenPipeError):
        pipe.send((work, label))


def _received(pipe: Connection) -> Any:
    try:
        result = pipe.recv()
    except (EOFError, OSError) as error:
        # What ended the worker may be on its way to this process too, and then is the reason.
        time.sleep(SIGNAL_S)
        raise TemporaryError(
            "a worker process was killed, most likely for lack of memory",
            hint="start again with --mem-mb, or with fewer participants at a time (--n-procs)",
        ) from error
    if isinstance(result, Exception):
        raise result
    return result


def _end_children(*, at_work: bool) -> None:
    """Let workers finish the write at hand, and end those that do not; without work they end by themselves."""
    children = multiprocessing.active_children()
    until = time.monotonic() + LONGEST_STOP_S
    for child in children if at_work else ():
        child.terminate()
    for child in children:
        child.join(max(0.0, until - time.monotonic()))
        if child.is_alive():
            child.kill()


def limit_threads(n_threads: int) -> None:
    """Let this process compute on so many threads, in all libraries."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
    from bids_app.learn.device import use_threads  # noqa: PLC0415 (torch, in the worker only)

    use_threads(n_threads)
    # For libraries that are loaded already: they looked at the environment before it was set.
    threadpoolctl.threadpool_limits(n_threads)


def _serve(pipe: Connection, n_threads: int, verbosity: int) -> None:
    """Do in a worker what comes through its pipe, until the pipe is closed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # They reach the whole group of processes; the main one passes on what concerns the workers.
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    interrupt.listen((signal.SIGTERM,))
    try:
        limit_threads(n_threads)
        logs.setup(verbosity)
        while True:
            work, label = pipe.recv()
            pipe.send(_result(work, label))
    except EOFError:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except interrupt.Interrupted as stop:
        os._exit(stop.exit_code)


def _result(work: Callable[[str], Any], label: str) -> Any:
    try:
        return work(label)
    except Exception as error:  # noqa: BLE001 (raised in the main process)
        error.add_note("".join(traceback.format_exception(error)))
        return error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        # Killed: nobody waits for a result, and nobody else would end this process.
        os._exit(TemporaryError.exit_code)
