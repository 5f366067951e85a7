"""What a record on disk says; a missing or odd entry leaves a gap on the page, not an error."""

from __future__ import annotations

import json
import math
from typing import Any

UNKNOWN = "not recorded"
Table = dict[str, Any]


def text(table: Table, key: str, otherwise: str = UNKNOWN) -> str:
    """Read an entry as text."""
    found = table.get(key)
    return otherwise if found is None or found == "" else str(found)


def finite(found: Any) -> float | None:
    """Take a value as a number; None when it is no number or not finite."""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def number(table: Table, key: str) -> float | None:
    """Read an entry as a number; None when it is missing, no number or not finite."""
    return finite(table.get(key))


def count(table: Table, key: str) -> str:
    """Read an entry as a count, for a cell of a table."""
    found = number(table, key)
    return "n/a" if found is None else f"{found:.0f}"


def part(table: Table, key: str) -> Table:
    """Read an entry as a table; an empty one when there is none."""
    found = table.get(key)
    return found if isinstance(found, dict) else {}


def rows(table: Table, key: str) -> list[Table]:
    """Read an entry as a list of tables."""
    found = table.get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def words(table: Table, key: str) -> list[str]:
    """Read an entry as a list of sentences."""
    found = table.get(key)
    return [str(word) for word in found] if isinstance(found, list) else []


def at(table: Table, dotted: str) -> Any:
    """Read an entry of nested tables, such as ``eeg.band.low_hz``; None when it is not there."""
    found: Any = table
    for key in dotted.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def flat(table: Table, above: str = "") -> list[tuple[str, str]]:
    """List the entries of nested tables with dotted names."""
    listed: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict) and value:
            listed += flat(value, f"{above}{key}.")
        else:
            shown = (
                value
                if isinstance(value, str)
                else json.dumps(value, ensure_ascii=False, default=str)
            )
            listed.append((f"{above}{key}", shown))
    return listed
