"""TSV tables."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Sequence
from pathlib import Path

from bids_app.errors import DataError, MissingInputError
from bids_app.files.whole import write_text

MISSING = "n/a"
QUOTES = "'\"‘’“”"


def read_tsv(path: Path) -> dict[str, list[str]]:
    """Read a table as columns of text.

    A byte order mark and Windows line ends are accepted, and so are columns that are parted by spaces, with quotes
    around names.

    Raises
    ------
    MissingInputError
        When the file cannot be read.
    DataError
        When a row has another number of cells than the header.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MissingInputError(f"{path}: cannot be read: {error}") from error
    rows = _rows([line.rstrip("\r") for line in text.split("\n") if line.strip()])
    if not rows:
        raise DataError(f"{path}: is empty; expected a table with a header")
    header, body = rows[0], rows[1:]
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {number} has {len(row)} cells; the header has {len(header)}",
                hint="cells are separated by single tabs",
            )
    return {
        name.strip(): [row[column].strip() for row in body] for column, name in enumerate(header)
    }


def _rows(lines: list[str]) -> list[list[str]]:
    if not lines or "\t" in lines[0]:
        return [line.split("\t") for line in lines]
    for gap in (r" {2,}", r" +"):
        rows = [re.split(gap, line.strip()) for line in lines]
        if len(rows[0]) > 1 and len({len(row) for row in rows}) == 1:
            return [[cell.strip(QUOTES) for cell in row] for row in rows]
    return [[line] for line in lines]


def write_tsv(path: Path, columns: dict[str, Sequence[object]]) -> Path:
    """Write a table; None and NaN become ``n/a``."""
    lines = ["\t".join(columns)]
    lines += [
        "\t".join(_cell(value) for value in row) for row in zip(*columns.values(), strict=True)
    ]
    return write_text(path, "\n".join(lines) + "\n")


def number(cell: str) -> float:
    """Read a cell as a number; NaN for ``n/a`` and for text."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _cell(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return re.sub(r"[\t\r\n]", " ", value) or MISSING
    if isinstance(value, numbers.Integral):
        return str(int(value))
    figure = float(value)  # type: ignore[arg-type]  # what is left is a number, of Python or numpy
    return MISSING if math.isnan(figure) else f"{figure:.6g}"
