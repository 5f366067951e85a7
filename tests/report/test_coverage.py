"""What the group's page says of intervals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bids_app.report import coverage, page

Lay = Callable[[dict[str, Any]], Path]


def test_the_page_sets_what_intervals_held_beside_what_they_promise(
    group_record: dict[str, Any], output: Lay
) -> None:
    html = page.group_page(output(group_record)).read_text()
    assert "What intervals hold" in html
    assert coverage.of(group_record) == [
        ("ridge", "50 %", "51.3 %", "48.8 % to 52.7 %"),
        ("ridge", "95 %", "94.9 %", "92.1 % to 96.1 %"),
    ]
    assert "is 4.213, better than the 4.660 of intervals that know no EEG" in html
    assert "better than the 4.330 of the same predictions with one standard deviation" in html
    assert "37 % of the voxels" in html
    assert "Predictive standard deviations were learned" in html


@pytest.mark.parametrize(("score", "told"), [(0.05, "5.000"), (0.0432999, "4.330")])
def test_a_score_that_is_worse_or_looks_the_same_is_said_to_be_no_better(
    group_record: dict[str, Any], score: float, told: str
) -> None:
    group_record["intervals"][0]["score"] = score
    (said,) = coverage.sentences(group_record)
    assert f"is {told}, " in said
    assert "no better than the 4.330" in said


def test_models_that_tell_no_spread_bring_no_table(
    group_record: dict[str, Any], output: Lay
) -> None:
    del group_record["intervals"]
    html = page.group_page(output(group_record)).read_text()
    assert "What intervals hold" not in html
    assert "Predictive standard deviations" not in html
