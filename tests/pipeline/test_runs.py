"""Runs of one participant side by side: how many, and what the record says of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bids_app import resources
from bids_app.config import RunConfig
from bids_app.errors import MissingInputError, TemporaryError
from bids_app.pipeline import needs, pool, runs
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.bold import Engine
from bids_app.pipeline.record import Record
from bids_app.values.entities import Entities, bids_file
from bids_app.values.pairing import Pairing, Participant, Run

Each = Callable[..., Iterator[tuple[str, Record]]]


@pytest.fixture
def config(config: RunConfig) -> RunConfig:
    derivatives = {"fmriprep": config.bids_dir / "nothing"}
    return replace(config, derivatives=derivatives, n_procs=4, omp_nthreads=4, level="participant")


@pytest.fixture
def who(config: RunConfig) -> Participant:
    """Three runs: the second has BOLD that fMRIPrep left nothing of, the others have nothing to do."""
    every = [Entities.of({"sub": "01", "task": "rest", "run": str(run)}) for run in (1, 2, 3)]
    bold = config.bids_dir / "sub-01/func/sub-01_task-rest_run-2_bold.nii.gz"
    bold.parent.mkdir(parents=True)
    bold.touch()
    pairings = [Pairing(entities, None, None) for entities in every]
    pairings[1] = replace(pairings[1], run=Run(bids_file(bold), {"RepetitionTime": 2.0}))
    return Participant("01", None, tuple(pairings))


def told(config: RunConfig, who: Participant) -> Record:
    record = Record(config, "sub-01")
    runs.preprocess(Engine(config, Anatomy(who, config, record)), record)
    return record


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """Do the work in this process, the last run first; the calls that workers got."""
    seen: list[RunConfig] = []

    def each(
        labels: tuple[str, ...], work: Callable[..., Record], config: RunConfig, **_: int
    ) -> Iterator[tuple[str, Record]]:
        seen.append(config)
        for label in reversed(labels):
            yield label, work(label, config)

    monkeypatch.setattr(pool, "each", each)
    monkeypatch.setattr(pool, "limit_threads", lambda _: None)
    return seen


@pytest.mark.parametrize(
    ("n_procs", "mem_mb", "expected"), [(4, None, 3), (2, None, 2), (1, None, 1), (4, 1700, 2)]
)
def test_processors_runs_and_memory_decide_how_many(
    config: RunConfig,
    who: Participant,
    monkeypatch: pytest.MonkeyPatch,
    n_procs: int,
    mem_mb: int | None,
    expected: int,
) -> None:
    monkeypatch.setattr(resources, "memory_mb", lambda: 10_000)
    monkeypatch.setattr(needs, "run_mb", lambda *_: 800)
    asked = replace(config, n_procs=n_procs, mem_mb=mem_mb)
    assert runs.at_a_time(asked, who) == expected


def test_free_memory_counts_where_nobody_says(
    config: RunConfig, who: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "memory_mb", lambda: 2500)
    monkeypatch.setattr(needs, "run_mb", lambda *_: 1200)
    assert runs.at_a_time(config, who) == 2


def test_a_worker_takes_runs_one_after_the_other(
    config: RunConfig, who: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: multiprocessing)
    assert runs.at_a_time(config, who) == 1


def test_the_record_is_the_same_however_many_at_a_time(
    config: RunConfig, who: Participant, backwards: list[RunConfig]
) -> None:
    parallel, serial = told(config, who), told(replace(config, n_procs=1), who)
    assert len(backwards) == 1
    assert (backwards[0].n_procs, backwards[0].omp_nthreads, backwards[0].mem_mb) == (3, 1, None)
    rows = parallel.content["pairings"]
    assert [row["run"] for row in rows] == [f"sub-01_task-rest_run-{run}" for run in (1, 2, 3)]
    assert [row["status"] for row in rows] == ["BOLD only", "failed", "BOLD only"]
    for table in ("pairings", "runs", "errors", "notes", "anatomy"):
        assert parallel.content[table] == serial.content[table]
    assert parallel.failures == serial.failures
    assert len(parallel.failures) == 1
    assert parallel.n_done == serial.n_done == 2


def test_what_was_done_before_a_worker_died_is_told(
    config: RunConfig, who: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each(
        labels: tuple[str, ...], work: Callable[..., Record], config: RunConfig, **_: int
    ) -> Iterator[tuple[str, Record]]:
        yield labels[0], work(labels[0], config)
        raise TemporaryError("a worker process was killed")

    monkeypatch.setattr(pool, "each", each)
    monkeypatch.setattr(pool, "limit_threads", lambda _: None)
    record = Record(config, "sub-01")
    with pytest.raises(TemporaryError, match="a worker process was killed"):
        runs.preprocess(Engine(config, Anatomy(who, config, record)), record)
    assert [row["run"] for row in record.content["pairings"]] == ["sub-01_task-rest_run-1"]


def test_runs_without_an_anatomy_say_so_one_after_the_other(
    config: RunConfig,
    who: Participant,
    backwards: list[RunConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ensure(_: Anatomy) -> None:
        raise MissingInputError("no image to find the template from")

    monkeypatch.setattr(Anatomy, "ensure", ensure)
    record = told(replace(config, derivatives={}), who)
    assert not backwards
    assert [failure.why for failure in record.failures] == ["no image to find the template from"]


@pytest.mark.usefixtures("backwards")
def test_logs_of_workers_lie_beside_the_record(config: RunConfig, who: Participant) -> None:
    record = told(config, who)
    found = "".join(path.read_text() for path in Path(record.folder).glob("*.log"))
    assert record.failures[0].why in found
