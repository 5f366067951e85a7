"""Slice times from the order in which slices were acquired, for datasets that do not tell the times."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bids_app.errors import UsageError

ORDERS = ("ascending", "descending", "interleaved", "interleaved-even")
UNCORRECTED = "none"


def parse(order: str) -> tuple[str, int] | None:
    """Take a named order apart.

    Parameters
    ----------
    order : str
        Such as ``interleaved`` or ``ascending:mb-4``.

    Returns
    -------
    tuple of (str, int) or None
        One of :data:`ORDERS`, and how many slices are acquired at a time; None for what is no named order.

    Examples
    --------
    >>> parse("ascending:mb-4"), parse("times.txt")
    (('ascending', 4), None)
    """
    found = re.fullmatch(rf"({'|'.join(ORDERS)})(?::mb-([1-9]\d*))?", order, re.ASCII)
    return None if found is None else (found[1], int(found[2] or 1))


def acquired(name: str, n_slices: int) -> list[int]:
    """Slices in the order of their acquisition.

    Parameters
    ----------
    name : str
        One of :data:`ORDERS`.
    n_slices : int
        How many; with several at a time, how many shots.
    """
    up = list(range(n_slices))
    return {
        "ascending": up,
        "descending": up[::-1],
        "interleaved": up[::2] + up[1::2],
        "interleaved-even": up[1::2] + up[::2],
    }[name]


def times_of(sequence: Sequence[int], n_at_a_time: int, tr_s: float) -> list[float]:
    """When each slice was acquired, in seconds, if the slices fill the repetition time evenly.

    Parameters
    ----------
    sequence : sequence of int
        Slices in the order of their acquisition, those of the first band alone.
    n_at_a_time : int
        Bands: with 2, slice ``k`` and slice ``k + n/2`` are acquired together.
    tr_s : float
        Repetition time.
    """
    position = {index: shot for shot, index in enumerate(sequence)}
    one = [position[index] * tr_s / len(sequence) for index in range(len(sequence))]
    return one * n_at_a_time


def named_times(order: str, n_slices: int, tr_s: float) -> list[float] | None:
    """Slice times of a named order, one for each slice, in seconds; None for what is no named order.

    Raises
    ------
    UsageError
        When the slices do not divide into the bands.
    """
    found = parse(order)
    if found is None:
        return None
    name, n_at_a_time = found
    if n_slices % n_at_a_time:
        raise UsageError(
            f"--slice-order {order}: {n_slices} slices do not divide into {n_at_a_time} at a time",
            hint="give a file of slice times",
        )
    return times_of(acquired(name, n_slices // n_at_a_time), n_at_a_time, tr_s)


def listed_times(numbers: Sequence[float], n_slices: int, tr_s: float) -> list[float] | None:
    """Slice times from a list: of the times in seconds, or of slice numbers in the order of their acquisition.

    Parameters
    ----------
    numbers : sequence of float
        Whole numbers from 1 to the number of slices, or from 0 to one less, each once, are slice numbers.
    n_slices : int
        Slices of the image.
    tr_s : float
        Repetition time.

    Returns
    -------
    list of float or None
        One for each slice; None when the list has another length.
    """
    if len(numbers) != n_slices:
        return None
    for first in (0, 1):
        if sorted(numbers) == list(range(first, n_slices + first)):
            return times_of([int(number) - first for number in numbers], 1, tr_s)
    return list(numbers)
