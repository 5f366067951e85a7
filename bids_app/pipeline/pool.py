"""Participants, several at a time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import TypeVar

import threadpoolctl

from bids_app import log as logs
from bids_app.config import RunConfig
from bids_app.errors import TemporaryError

T = TypeVar("T")

PARTICIPANT_MB = 2500
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def plan(config: RunConfig, n_participants: int) -> tuple[int, int]:
    """Divide processors and memory.

    Parameters
    ----------
    config : RunConfig
        Processors and memory that may be used.
    n_participants : int
        How many there are to do.

    Returns
    -------
    n_workers, n_threads : int
        Participants at a time, and threads of each.
    """
    by_memory = max(1, config.mem_mb // PARTICIPANT_MB) if config.mem_mb else config.n_procs
    n_workers = max(1, min(config.n_procs, n_participants, by_memory))
    n_threads = (
        config.omp_nthreads if config.omp_nthreads > 1 else max(1, config.n_procs // n_workers)
    )
    return n_workers, n_threads


def each(
    labels: tuple[str, ...], work: Callable[[str, RunConfig], T], config: RunConfig
) -> Iterator[tuple[str, T]]:
    """Do some work for each participant, and give the results as they come.

    Raises
    ------
    TemporaryError
        When a worker was killed, as the system does when memory runs out. What is done stays done.
    """
    if not labels:
        return
    n_workers, n_threads = plan(config, len(labels))
    config = replace(config, omp_nthreads=n_threads)
    if n_workers == 1:
        limit_threads(n_threads)
        for label in labels:
            yield label, work(label, config)
        return
    context = multiprocessing.get_context("spawn")
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
    verbosity = logs.verbosity()
    with ProcessPoolExecutor(n_workers, context, _start, (n_threads, verbosity)) as pool:
        waiting = {pool.submit(work, label, config): label for label in labels}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise TemporaryError(
                "a worker process was killed, most likely for lack of memory",
                hint=f"start again with --mem-mb; each participant takes up to {PARTICIPANT_MB} MB",
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def limit_threads(n_threads: int) -> None:
    """Let this process compute on so many threads, in all libraries."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
    from bids_app.learn.device import use_threads  # noqa: PLC0415 (torch, in the worker only)

    use_threads(n_threads)
    # For libraries that are loaded already: they looked at the environment before it was set.
    threadpoolctl.threadpool_limits(n_threads)


def _start(n_threads: int, verbosity: int) -> None:
    """Prepare a worker: its share of threads, and the log."""
    limit_threads(n_threads)
    logs.setup(verbosity)
