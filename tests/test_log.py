from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from bids_app import log

APP = logging.getLogger("bids_app")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Give the logger back as it was."""
    before = APP.handlers[:], APP.level, APP.propagate
    yield
    APP.handlers[:], APP.propagate = before[0], before[2]
    APP.setLevel(before[1])


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [
        (-1, {"warned"}),
        (0, {"warned"}),
        (1, {"warned", "told"}),
        (2, {"warned", "told", "detail"}),
        (7, {"warned", "told", "detail"}),
    ],
)
def test_verbosity_decides_what_is_shown(
    verbosity: int, shown: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    log.setup(verbosity)
    say("warned", "told", "detail")
    printed = capsys.readouterr()
    assert {line.rsplit(" ", 1)[-1] for line in printed.err.splitlines()} == shown
    assert not printed.out
    assert log.verbosity() == min(max(verbosity, 0), 2)


def test_setting_up_twice_does_not_say_everything_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.setup(1)
    log.setup(1)
    say("warned", "told", "detail")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_nothing_is_set_up_until_asked() -> None:
    APP.handlers.clear()
    assert log.verbosity() == 0


def test_a_log_file_gets_everything_until_it_is_closed(tmp_path: Path) -> None:
    log.setup(0)
    with log.also_in(tmp_path / "new") as path:
        say("warned", "told", "detail")
    say("afterwards", "told", "detail")
    with log.also_in(tmp_path / "new") as other:
        assert other != path
    lines = path.read_text("utf-8").splitlines()
    assert [line.rsplit(" ", 1)[-1] for line in lines] == ["warned", "told", "detail"]
    assert "bids_app.test WARNING: warned" in lines[0]
    assert log.verbosity() == 0


def say(warning: str, info: str, debug: str) -> None:
    logger = logging.getLogger("bids_app.test")
    logger.warning(warning)
    logger.info(info)
    logger.debug(debug)
