"""The runs of one participant, several at a time where processors and memory allow it."""

from __future__ import annotations

import multiprocessing
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import threadpoolctl

from bids_app import log as logs
from bids_app import resources
from bids_app.config import RunConfig
from bids_app.errors import AppError
from bids_app.pipeline import eeg, needs, pool
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.apply import model_tr_s
from bids_app.pipeline.bold import Engine
from bids_app.pipeline.record import Record
from bids_app.values.pairing import Pairing, Participant


def preprocess(engine: Engine, record: Record) -> None:
    """Preprocess BOLD and EEG of each run of a participant.

    What comes out does not depend on how many are worked on at the same time.

    Parameters
    ----------
    engine : Engine
        With the participant's anatomy.
    record : Record
        Is told what was done, run by run, in their order.
    """
    config, who = engine.config, engine.anatomy.who
    n_workers = at_a_time(config, who)
    # Sums over many numbers come out alike whatever the number of threads: libraries get one, steps use their own.
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        if n_workers > 1 and _has_anatomy(engine):
            _side_by_side(engine, record, n_workers)
            return
        for pairing in who.pairings:
            _preprocess(pairing, engine, record)


def _has_anatomy(engine: Engine) -> bool:
    """Make the anatomy on all processors, before any run asks for it; the runs tell why there is none."""
    with suppress(AppError):
        if "fmriprep" not in engine.config.derivatives:
            engine.anatomy.ensure()
        return True
    return False


def at_a_time(config: RunConfig, who: Participant) -> int:
    """Tell how many runs of a participant to work on at the same time.

    Participants come first: where several of them are worked on already, each takes its runs one after the other.
    """
    if multiprocessing.parent_process() is not None or config.n_procs == 1:
        return 1
    free = replace(config, omp_nthreads=1, mem_mb=config.mem_mb or resources.memory_mb())
    return pool.plan(free, len(who.pairings), needs.run_mb(who.label, config))[0]


def _side_by_side(engine: Engine, record: Record, n_workers: int) -> None:
    config, who = engine.config, engine.anatomy.who
    each = replace(config, n_procs=n_workers, omp_nthreads=1, mem_mb=None)
    numbers = tuple(str(number) for number in range(len(who.pairings)))
    found: dict[int, Record] = {}
    try:
        for number, one in pool.each(numbers, partial(_one, who), each, participant_mb=1):
            found[int(number)] = one
    finally:
        pool.limit_threads(config.omp_nthreads)
        for _, one in sorted(found.items()):
            _merge(record, one)


def _one(who: Participant, number: str, config: RunConfig) -> Record:
    """Preprocess one run in a worker."""
    record = Record(config, f"sub-{who.label}")
    # The main process has just made it.
    anatomy = Anatomy(who, replace(config, overwrite=False), record)
    with logs.also_in(record.folder), threadpoolctl.threadpool_limits(1, user_api="blas"):
        _preprocess(who.pairings[int(number)], Engine(config, anatomy), record)
    return record


def _merge(record: Record, one: Record) -> None:
    for table in ("pairings", "runs", "errors"):
        record.content.setdefault(table, []).extend(one.content.get(table, []))
    for note in one.content["notes"]:
        record.note(note)
    if "anatomy" in one.content:
        record.content.setdefault("anatomy", one.content["anatomy"])
    record.failures += one.failures
    record.n_done += one.n_done


def _preprocess(pairing: Pairing, engine: Engine, record: Record) -> None:
    """Preprocess the BOLD and the EEG of one run, each for itself."""
    config, name = engine.config, pairing.entities.stem
    told: dict[str, Any] = {"run": name, "notes": [], "figures": []}
    row = record.append("pairings", _pairing_row(pairing, config))
    record.append("runs", told)
    n_before = len(record.failures)
    if pairing.run is not None:
        with record.attempt(f"{name} BOLD"):
            _tell(told, engine.run(pairing.run, pairing.entities).told)
    if pairing.eeg is not None:
        with record.attempt(f"{name} EEG"):
            scan = eeg.scan_of(pairing, model_tr_s(config))
            row["n_volumes"] = scan.n_volumes
            done = eeg.clean(pairing, scan, config)
            row["clock"] = done.told["clock"]
            _tell(told, done.told)
    failed = record.failures[n_before:]
    if failed:
        row |= {"status": "failed", "reason": "; ".join(failure.why for failure in failed)}
    else:
        record.n_done += 1


def _pairing_row(pairing: Pairing, config: RunConfig) -> dict[str, Any]:
    status = "done" if pairing.run and pairing.eeg else "EEG only" if pairing.eeg else "BOLD only"
    return {
        "run": pairing.entities.stem,
        "eeg": config.told(pairing.eeg.path) if pairing.eeg else None,
        "bold": config.told(pairing.run.bold.path) if pairing.run else None,
        "rule": pairing.rule,
        "status": status,
        "reason": "",
        "clock": None,
    }


def _tell(told: dict[str, Any], more: dict[str, Any]) -> None:
    told["figures"] += more.get("figures", [])
    told["notes"] += more.get("notes", [])
    if more.get("eeg"):
        told["eeg"] = more["eeg"]
