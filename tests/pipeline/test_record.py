"""What is kept of what happened, and the exit code that follows from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bids_app.config import RunConfig
from bids_app.errors import DataError
from bids_app.files.sidecar import read_json
from bids_app.pipeline.failure import Failure, exit_code
from bids_app.pipeline.record import Record
from bids_app.values.outcome import Score


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("bids_app")
    before = (logger.propagate, list(logger.handlers), logger.level)
    yield
    logger.propagate, logger.handlers, logger.level = before


@pytest.mark.parametrize(
    ("n_done", "codes", "expected"),
    [(3, [], 0), (0, [], 0), (2, [65], 1), (0, [65], 65), (0, [66, 66], 66), (0, [65, 66], 1)],
)
def test_the_exit_code_tells_partial_success_from_failure(
    n_done: int, codes: list[int], expected: int
) -> None:
    failures = [Failure("run", "why", exit_code=code) for code in codes]
    assert exit_code(n_done, failures) == expected


def test_an_error_a_user_can_act_on_is_kept_with_its_hint(config: RunConfig) -> None:
    record = Record(config, "sub-01")
    with record.attempt("sub-01_task-rest BOLD"):
        raise DataError("7 slices; expected 8", hint="count again")
    (failure,) = record.failures
    assert (failure.what, failure.why) == ("sub-01_task-rest BOLD", "7 slices; expected 8")
    assert (failure.hint, failure.exit_code) == ("count again", 65)
    assert not record.folder.exists()


def test_a_bug_keeps_its_traceback_in_a_crash_file(config: RunConfig) -> None:
    record = Record(config, "sub-01")
    with record.attempt("sub-01_task-rest EEG"):
        raise ZeroDivisionError("division by zero")
    (crash,) = record.folder.glob("crash-*.txt")
    assert "Traceback" in crash.read_text()
    assert crash.name in record.failures[0].hint
    assert "what: sub-01_task-rest EEG" in crash.read_text()
    assert record.failures[0].exit_code == 1


def test_a_bug_stops_the_run_when_asked(config: RunConfig) -> None:
    record = Record(replace(config, stop_on_first_crash=True), "sub-01")
    with pytest.raises(ZeroDivisionError, match="by zero"), record.attempt("x"):
        raise ZeroDivisionError("division by zero")


def test_a_run_that_fails_later_is_no_longer_done(config: RunConfig) -> None:
    record = Record(config, "sub-01", n_done=2)
    record.append("pairings", {"run": "a", "status": "done"})
    record.append("pairings", {"run": "b", "status": "done"})
    record.fail_run("b", DataError("no window"))
    assert record.n_done == 1
    assert record.content["pairings"][1] == {"run": "b", "status": "failed", "reason": "no window"}


def test_the_record_on_disk_is_plain(config: RunConfig) -> None:
    record = Record(config, "group")
    record.note("once")
    record.note("once")
    record.scores([Score("r", float("nan"), "", "zero", "group", "participant")])
    found = read_json(record.save())
    assert found["notes"] == ["once"]
    assert found["scores"][0]["value"] is None
    assert found["verdict"] == ""
    assert found["settings"]["window_s"] == 10


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(5, "Input/output error", "a.nii"), 74, "Input/output error: 'a.nii'"),
        (OSError(28, "No space left on device"), 74, "No space left"),
        (MemoryError("3 GB"), 75, "memory ran out: 3 GB"),
        (OSError(2, "No such file or directory", "b"), 1, "FileNotFoundError"),
    ],
)
def test_a_computer_that_fails_is_no_bug(
    config: RunConfig, error: Exception, code: int, said: str
) -> None:
    record = Record(config, "sub-01")
    with record.attempt("x"):
        raise error
    (failure,) = record.failures
    assert failure.exit_code == code
    assert said in failure.why
    assert any(config.output_dir.glob("sub-01/log/crash-*")) is (code == 1)


def test_a_crash_file_that_cannot_be_written_hides_nothing(config: RunConfig) -> None:
    record = Record(config, "sub-01")
    config.output_dir.write_text("a file where the folder belongs")
    with record.attempt("x"):
        raise KeyError("planted")
    (failure,) = record.failures
    assert "KeyError: 'planted'" in failure.why
    assert "-vv shows more" in failure.hint
