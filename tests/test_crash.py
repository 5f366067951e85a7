from __future__ import annotations

from pathlib import Path

import pytest

from bids_app import crash
from bids_app.errors import BugError, DataError


def test_a_bug_is_told_in_a_file_with_what_is_around_it(tmp_path: Path) -> None:
    with (
        pytest.raises(BugError, match="ZeroDivisionError: planted") as caught,
        crash.told_in(tmp_path / "log", "eeg2fmri a b group"),
    ):
        raise ZeroDivisionError("planted")
    (file,) = (tmp_path / "log").iterdir()
    assert str(file) in caught.value.hint
    assert caught.value.exit_code == 70
    text = file.read_text()
    for told in (
        "command: eeg2fmri a b group",
        "numpy 2",
        "peak memory: ",
        "Traceback",
        "planted",
    ):
        assert told in text


def test_what_a_user_can_act_on_is_no_bug(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="planted"), crash.told_in(tmp_path, "x"):
        raise DataError("planted")
    assert not list(tmp_path.iterdir())


def test_a_bug_stays_what_it_is_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyError, match="planted"), crash.told_in(tmp_path / "file", "x"):
        raise KeyError("planted")
