"""The contract of this folder.

Each file holds one score of a run: ``UNIT``, a text; ``score(true, predicted)``, which takes
fractional signal change of shape (time, voxel) twice and gives one figure per voxel, shape
(voxel,), NaN where it is not defined; and ``overall(true, predicted)``, the same for the run as a
whole.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from bids_app.values import Floats

CONSTANT_SHARE = 1e-6
"""A series counts as constant below this share of its largest value: float32 rounding."""


class Metric(Protocol):
    """What a file of this folder holds."""

    UNIT: str

    def score(self, true: Floats, predicted: Floats) -> Floats:
        """Score of each voxel, shape (voxel,), of series of shape (time, voxel)."""
        ...

    def overall(self, true: Floats, predicted: Floats) -> float:
        """Score of a run whose series have shape (time, voxel)."""
        ...


def demeaned(rows: Floats) -> Floats:
    """Rows of shape (time, voxel) without their mean; exactly 0 for a voxel that is constant."""
    if rows.strides[0] == 0:  # one row, repeated by a view
        return np.zeros_like(rows)
    largest = np.maximum(rows.max(axis=0, initial=0), -rows.min(axis=0, initial=0))
    rest: Floats = rows - rows.mean(axis=0, dtype=float).astype(rows.dtype)
    spread = np.sqrt(sums_of_products(rest, rest) / max(len(rows), 1))
    rest[:, spread <= CONSTANT_SHARE * largest] = 0
    return rest


def sums_of_products(a: Floats, b: Floats) -> Floats:
    """Sum over time of the products of two arrays of shape (time, voxel); shape (voxel,)."""
    sums: Floats = np.einsum("tv,tv->v", a, b).astype(float)
    return sums


def mean_of_defined(values: Floats) -> float:
    """Average values of shape (voxel,) that are not NaN; NaN when all are."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else float("nan")
