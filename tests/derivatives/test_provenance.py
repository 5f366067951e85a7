from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bids_app.derivatives import provenance
from bids_app.derivatives.provenance import Stage, key
from bids_app.errors import MissingInputError


@dataclass(frozen=True)
class Settings:
    """Settings of a stage."""

    low_hz: float = 0.5
    names: tuple[str, ...] = ("Cz",)
    more: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Make two files to read."""
    found = [tmp_path / "in" / name for name in ("a.vhdr", "a.eeg")]
    found[0].parent.mkdir()
    for path in found:
        path.write_text(path.name)
    return found


def stage(folder: Path, key: str = "k") -> Stage:
    return Stage(folder / "work", folder / "out", "sub-01_task-rest_eeg", key)


def written(folder: Path) -> list[Path]:
    found = [folder / "out" / "sub-01" / name for name in ("b.nii.gz", "b.json")]
    found[0].parent.mkdir(parents=True, exist_ok=True)
    for path in found:
        path.write_text(path.name)
    return found


# ------------------------------------------------------------ keys


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (2**20 + 1))
    assert provenance.sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    for name, why in (("nothing", "No such file"), ("link", "Too many levels")):
        with pytest.raises(MissingInputError, match=f"{name}: cannot be read: {why}") as caught:
            provenance.sha256(tmp_path / name)
        assert "link may lead nowhere" in caught.value.hint


def test_the_same_inputs_and_settings_have_the_same_key(inputs: list[Path]) -> None:
    assert key("eeg", inputs, Settings()) == key("eeg", reversed(inputs), Settings())


@pytest.mark.parametrize(
    "change",
    [
        lambda inputs: key("bold", inputs, Settings()),
        lambda inputs: key("eeg", inputs[:1], Settings()),
        lambda inputs: key("eeg", inputs, Settings(low_hz=1.0)),
        lambda inputs: key("eeg", inputs, Settings(names=("Cz", "Pz"))),
        lambda inputs: key("eeg", inputs, Settings(more={"a": None})),
        lambda inputs: key("eeg", inputs, None),
    ],
)
def test_whatever_decides_the_result_changes_the_key(
    inputs: list[Path], change: Callable[[list[Path]], str]
) -> None:
    assert change(inputs) != key("eeg", inputs, Settings())


def test_another_content_or_version_changes_the_key(
    inputs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key("eeg", inputs, Settings())
    inputs[1].write_text("other")
    assert key("eeg", inputs, Settings()) != before
    inputs[1].write_text(inputs[1].name)
    assert key("eeg", inputs, Settings()) == before
    monkeypatch.setattr(provenance, "__version__", "other")
    assert key("eeg", inputs, Settings()) != before


def test_settings_become_plain() -> None:
    given = {"a": Settings(more={"b": Path("c")}), 3: [math.nan, 1.5, True, None, "d"]}
    assert provenance.plain(given) == {
        "a": {"low_hz": 0.5, "names": ["Cz"], "more": {"b": "c"}},
        "3": [None, 1.5, True, None, "d"],
    }
    json.dumps(provenance.plain(given), allow_nan=False)


# ------------------------------------------------------------ what is done


def test_a_finished_stage_is_not_done_again(tmp_path: Path) -> None:
    files, told = written(tmp_path), {"notes": ["said"], "figure": 0.5}
    assert stage(tmp_path).done() is None
    done = stage(tmp_path).record(files, told)
    again = stage(tmp_path).done()
    assert again is not None
    assert (again.files, again.told) == (done.files, done.told) == (files, told)


def test_another_key_is_another_result(tmp_path: Path) -> None:
    stage(tmp_path).record(written(tmp_path), {})
    assert stage(tmp_path, "other").done() is None


@pytest.mark.parametrize("harm", ["truncate", "remove", "touch up"])
def test_a_file_that_is_not_as_it_was_is_made_again(tmp_path: Path, harm: str) -> None:
    files = written(tmp_path)
    stage(tmp_path).record(files, {})
    if harm == "truncate":
        files[0].write_bytes(files[0].read_bytes()[:-1])
    elif harm == "remove":
        files[1].unlink()
    else:
        files[1].write_text("changed")
    assert stage(tmp_path).done() is None
    written(tmp_path)
    assert stage(tmp_path).done() is not None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"key": "k"}',
        '{"key": "k", "files": [], "told": {}}',
        '{"key": "k", "files": {"a": "b"}, "told": {}}',
        '{"key": "k", "files": {}, "told": 3}',
    ],
)
def test_a_broken_record_is_no_record(tmp_path: Path, content: str) -> None:
    path = stage(tmp_path).path
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert stage(tmp_path).done() is None


def test_a_work_folder_may_serve_an_output_that_was_moved(tmp_path: Path) -> None:
    stage(tmp_path).record(written(tmp_path), {})
    (tmp_path / "out").rename(tmp_path / "moved")
    assert stage(tmp_path).done() is None
    found = Stage(tmp_path / "work", tmp_path / "moved", "sub-01_task-rest_eeg", "k").done()
    assert found is not None
    assert found.files[0] == tmp_path / "moved" / "sub-01" / "b.nii.gz"
