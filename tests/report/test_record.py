from __future__ import annotations

import math
from typing import Any

import pytest

from bids_app.report import record


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (3, 3.0),
        (0.5, 0.5),
        (True, None),
        ("3", None),
        (None, None),
        (10**400, None),
        (math.inf, None),
    ],
)
def test_only_finite_numbers_are_numbers(found: Any, expected: float | None) -> None:
    assert record.number({"a": found}, "a") == expected


def test_gaps_and_odd_entries_read_as_empty() -> None:
    odd: dict[str, Any] = {"a": 3, "b": [{"x": 1}, 2], "c": None, "d": ["w", 5]}
    assert record.rows(odd, "a") == record.rows(odd, "z") == []
    assert record.rows(odd, "b") == [{"x": 1}]
    assert record.part(odd, "b") == {}
    assert record.words(odd, "d") == ["w", "5"]
    assert record.text(odd, "c") == record.text(odd, "z") == "not recorded"
    assert record.text(odd, "z", "none") == "none"
    assert record.count(odd, "a") == "3"
    assert record.count(odd, "c") == "n/a"


def test_nested_entries_are_found_and_listed_by_dotted_names() -> None:
    nested = {"a": {"b": {"c": 1.5}, "d": []}, "e": "é", "f": {}}
    assert record.at(nested, "a.b.c") == 1.5
    assert record.at(nested, "a.x.c") is None
    assert record.flat(nested) == [("a.b.c", "1.5"), ("a.d", "[]"), ("e", "é"), ("f", "{}")]
