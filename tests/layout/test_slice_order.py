"""Slice times from orders and lists."""

from __future__ import annotations

import pytest

from bids_app.errors import UsageError
from bids_app.layout.slice_order import ORDERS, acquired, listed_times, named_times, parse


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ascending", [0, 0.4, 0.8, 1.2, 1.6]),
        ("descending", [1.6, 1.2, 0.8, 0.4, 0]),
        ("interleaved", [0, 1.2, 0.4, 1.6, 0.8]),
        ("interleaved-even", [0.8, 0, 1.2, 0.4, 1.6]),
    ],
)
def test_an_order_gives_times(order: str, expected: list[float]) -> None:
    assert named_times(order, 5, 2.0) == pytest.approx(expected)


def test_bands_are_acquired_together() -> None:
    found = named_times("interleaved:mb-2", 6, 0.9)
    assert found == pytest.approx([0, 0.6, 0.3, 0, 0.6, 0.3])


@pytest.mark.parametrize("name", ORDERS)
def test_each_slice_is_acquired_once(name: str) -> None:
    assert sorted(acquired(name, 7)) == list(range(7))


@pytest.mark.parametrize("order", ["times.txt", "ascending:mb-0", "ascending:2", "random", ""])
def test_other_words_are_no_order(order: str) -> None:
    assert parse(order) is None
    assert named_times(order, 4, 1.0) is None


def test_slices_that_do_not_divide_are_refused() -> None:
    with pytest.raises(
        UsageError, match="ascending:mb-4: 7 slices do not divide into 4"
    ) as caught:
        named_times("ascending:mb-4", 7, 1.0)
    assert caught.value.hint == "give a file of slice times"


def test_a_list_of_slice_numbers_is_an_order() -> None:
    times = listed_times([2, 4, 1, 3], 4, 2.0)
    assert times == pytest.approx([1.0, 0, 1.5, 0.5])
    assert listed_times([1, 3, 0, 2], 4, 2.0) == times


def test_other_numbers_are_times() -> None:
    assert listed_times([0, 0.5, 1.0], 3, 2.0) == [0, 0.5, 1.0]
    assert listed_times([0, 0, 1], 3, 2.0) == [0, 0, 1]
    assert listed_times([0, 1], 3, 2.0) is None
