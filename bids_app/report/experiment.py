"""The experiment's table, and what the two ways of the transformer mean."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.report import tables
from bids_app.report.record import Table, number, rows, text

FREE, SHOWN = "transformer", "transformer-teacher-forced"
COLUMNS = ("row", "MSE", "95 % interval", "published MSE", "skill", "r", "95 % interval")


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one way of testing.

    Attributes
    ----------
    split : str
        Its name.
    meaning : str
        What it is.
    rows : tuple of (str, tuple of str)
        Name, and a cell for each of the other columns.
    says : str
        What the two rows of the transformer mean; empty without them.
    """

    split: str
    meaning: str
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    says: str


def of(record: Table) -> tuple[Part, ...]:
    """Arrange the experiment of a group's record; nothing without one."""
    found = rows(record, "experiment")
    return tuple(
        _part(split, [row for row in found if text(row, "split") == split])
        for split in tables.unique(text(row, "split") for row in found)
    )


def lines(part: Part) -> list[str]:
    """Write a part as a table of plain text, for the terminal."""
    table = [COLUMNS, *((name, *cells) for name, cells in part.rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    rows_of_text = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
    return [f"{part.split}: {part.meaning}", *rows_of_text, *([part.says] if part.says else [])]


def _part(split: str, found: list[Table]) -> Part:
    by_mse = sorted(found, key=lambda row: number(row, "mse") or 0.0, reverse=True)
    by_name = {text(row, "row"): row for row in found}
    return Part(
        split,
        tables.meaning(split),
        tuple((tables.row_name(row), _cells(row)) for row in by_mse),
        _ways(by_name) if {FREE, SHOWN, "zero"} <= by_name.keys() else "",
    )


def _cells(row: Table) -> tuple[str, ...]:
    return (
        tables.written(number(row, "mse"), "mse"),
        _interval(row, "mse"),
        tables.written(known, "mse") if (known := number(row, "published_mse")) else "",
        tables.written(number(row, "skill"), "skill"),
        tables.written(number(row, "r"), "r"),
        _interval(row, "r"),
    )


def _interval(row: Table, name: str) -> str:
    low, high = number(row, f"{name}_low"), number(row, f"{name}_high")
    if low is None or high is None:
        return "n/a"
    return f"{tables.written(low, name)} to {tables.written(high, name)}"


def _ways(by_name: dict[str, Table]) -> str:
    free, shown, zero = (number(by_name[name], "mse") for name in (FREE, SHOWN, "zero"))
    if free is None or shown is None or zero is None:
        return ""
    figures = (
        f"Shown the true slices before each slice, the transformer has an MSE of {tables.written(shown, 'mse')}; "
        f"from the EEG alone, {tables.written(free, 'mse')}; predicting no change has {tables.written(zero, 'mse')}."
    )
    if shown >= free:
        return f"{figures} Here the true slices did not help it."
    gain = zero - free
    end = (
        "From the EEG alone it is no better than predicting no change."
        if gain <= 0
        else f"Of what it gains on predicting no change when it is shown them, {gain / (zero - shown):.0%} is left."
    )
    return (
        f"{figures} The difference is what neighbouring slices of a measured volume tell of each other, not what EEG "
        f"tells of BOLD. {end} Only the row “transformer” is a prediction; the published figure is of the other kind."
    )
