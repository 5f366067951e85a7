from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bids_app.config import RunConfig, read_config_file, settings
from bids_app.errors import MissingInputError, UsageError


@dataclass(frozen=True, slots=True)
class Example:
    """One field of each type that stages use."""

    low_hz: float = 0.5
    n_folds: int = 5
    whiten: bool = False
    kind: str = "a"
    leave_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing:
    """A stage without settings."""


def config(**tables: Any) -> RunConfig:
    return RunConfig(Path("in"), Path("out"), Path("work"), "participant", tables=tables)


def test_a_table_is_found_by_its_names() -> None:
    found = config(eeg={"band": {"low_hz": 1.0}})
    assert found.table("eeg", "band") == {"low_hz": 1.0}
    assert found.table("eeg", "notch") == {}
    assert found.table("fmri") == {}


def test_a_table_is_a_copy() -> None:
    found = config(eeg={"band": {"low_hz": 1.0}})
    found.table("eeg", "band")["low_hz"] = 2.0
    assert found.table("eeg", "band") == {"low_hz": 1.0}


def test_a_value_where_a_table_belongs_is_refused() -> None:
    with pytest.raises(UsageError, match=r"eeg\.band is 3; expected a table \[eeg\.band\]"):
        config(eeg={"band": 3}).table("eeg", "band")


def test_settings_take_what_is_written() -> None:
    table = {"low_hz": 1, "n_folds": 3, "whiten": True, "kind": "b", "leave_out": ["Cz", "Pz"]}
    assert settings(Example, table, "eeg.x") == Example(1, 3, True, "b", ("Cz", "Pz"))
    assert settings(Example, {}, "eeg.x") == Example()
    assert settings(Nothing, {}, "eeg.y") == Nothing()


def test_an_unknown_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"\[eeg\.x\] has no setting 'low_Hz'") as caught:
        settings(Example, {"low_Hz": 1.0}, "eeg.x")
    assert caught.value.hint == "did you mean 'low_hz'?"


def test_an_unknown_setting_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"\[eeg\.x\] has no setting 'zzz'") as caught:
        settings(Example, {"zzz": 1.0}, "eeg.x")
    assert caught.value.hint == "known: low_hz, n_folds, whiten, kind, leave_out"
    with pytest.raises(UsageError, match=r"\[eeg\.y\] has no setting 'zzz'") as caught:
        settings(Nothing, {"zzz": 1.0}, "eeg.y")
    assert caught.value.hint == "known: none"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("low_hz", "1", "float"),
        ("low_hz", True, "float"),
        ("n_folds", 2.5, "int"),
        ("n_folds", True, "int"),
        ("whiten", 1, "bool"),
        ("whiten", "yes", "bool"),
        ("kind", 2, "str"),
        ("leave_out", "Cz", "a list"),
        ("leave_out", [1], "a list"),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(Example, {name: value}, "eeg.x")
    assert str(caught.value).startswith(
        f"config file: [eeg.x] {name} is {value!r}; expected {expected}"
    )


def test_a_config_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[run]\nwindow_s = 20\n[eeg.channels]\nleave_out = ["µ"]\n', "utf-8")
    assert read_config_file(path) == {
        "run": {"window_s": 20},
        "eeg": {"channels": {"leave_out": ["µ"]}},
    }


def test_a_config_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: No such file"):
        read_config_file(path)


@pytest.mark.parametrize(
    "content",
    [b"low = = 3", b"\xff\xfe", b"x = " + b"[" * 100_000],
    ids=["syntax", "bytes", "deep"],
)
def test_a_config_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"{path}: is not TOML: .+"):
        read_config_file(path)
