"""The experiment's table, and what it says of the two ways of the transformer."""

from __future__ import annotations

from typing import Any

import pytest

from bids_app.report import experiment


def rows(free: float, shown: float, zero: float = 9e-4) -> dict[str, Any]:
    figures = {"zero": zero, "transformer": free, "transformer-teacher-forced": shown}
    return {
        "experiment": [
            {"split": "participant", "row": name, "mse": mse, "mse_low": mse / 2, "mse_high": 2 * mse, "skill": 0.1,
             "r": None, "published_mse": 4.976e-4 if "forced" in name else None}
            for name, mse in figures.items()
        ]
    }  # fmt: skip


def test_rows_come_with_intervals_and_published_figures() -> None:
    (part,) = experiment.of(rows(9.1e-4, 5e-4))
    assert [name for name, _ in part.rows] == ["transformer", "zero", "transformer teacher forced"]
    cells = dict(part.rows)["transformer teacher forced"]
    assert cells[:3] == ("5.00 × 10⁻⁴", "2.50 × 10⁻⁴ to 1.00 × 10⁻³", "4.98 × 10⁻⁴")
    assert cells[4:] == ("n/a", "n/a")
    assert len(cells) == len(experiment.COLUMNS) - 1
    assert "never saw this person" in part.meaning


@pytest.mark.parametrize(
    ("free", "shown", "words"),
    [
        (9.1e-4, 5e-4, "no better than predicting no change"),
        (7e-4, 5e-4, "when it is shown them, 50% is left"),
        (7e-4, 8e-4, "Here the true slices did not help it."),
    ],
)
def test_the_difference_is_told(free: float, shown: float, words: str) -> None:
    (part,) = experiment.of(rows(free, shown))
    assert words in part.says


def test_without_both_ways_nothing_is_said() -> None:
    record = rows(7e-4, 5e-4)
    record["experiment"] = record["experiment"][:2]
    (part,) = experiment.of(record)
    assert part.says == ""
    assert experiment.of({}) == ()


def test_the_table_can_be_read_in_a_terminal() -> None:
    (part,) = experiment.of(rows(7e-4, 5e-4))
    first, heading, *cells, says = experiment.lines(part)
    assert first.startswith("participant: The model never saw this person")
    assert says == part.says
    assert [line.split("  ")[0] for line in cells] == [name for name, _ in part.rows]
    column = heading.index("published MSE")
    assert [line[column:].startswith("4.98 × 10⁻⁴") for line in cells] == [False, False, True]
