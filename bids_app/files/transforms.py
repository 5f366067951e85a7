"""Affines ↔ disk, in ITK's conventions on disk and RAS millimetres in memory.

ITK's points are LPS: left and posterior grow where RAS shrinks. Both conventions pull, from the image that is sampled
on to the image that is sampled from, so that only the signs differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.errors import DataError, MissingInputError
from bids_app.files.whole import write_text
from bids_app.values import Floats

FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])
HEADER = "#Insight Transform File V1.0"
N_PARAMETERS, N_DIMENSIONS = 12, 3


def write_affines(path: Path, affines: Floats) -> Path:
    """Write affines as ITK text, one transform after the other.

    Parameters
    ----------
    path : Path
        Ends with ``.txt``.
    affines : ndarray of shape (time, 4, 4)
        RAS millimetres to RAS millimetres.
    """
    lines = [HEADER]
    for number, affine in enumerate(affines):
        lps = FLIP @ affine @ FLIP
        figures = " ".join(f"{value:.12g}" for value in [*lps[:3, :3].ravel(), *lps[:3, 3]])
        lines += [
            f"#Transform {number}",
            "Transform: MatrixOffsetTransformBase_double_3_3",
            f"Parameters: {figures}",
            "FixedParameters: 0 0 0",
        ]
    return write_text(path, "\n".join(lines) + "\n")


def read_affines(path: Path) -> Floats:
    """Read ITK text.

    Returns
    -------
    ndarray of shape (time, 4, 4)
        RAS millimetres to RAS millimetres.

    Raises
    ------
    MissingInputError
        When the file cannot be read.
    DataError
        When it holds no affine.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise MissingInputError(f"{path}: cannot be read: {error}") from error
    rows, centres = _figures(path, lines, "Parameters:"), _figures(path, lines, "FixedParameters:")
    if not rows or any(len(row) != N_PARAMETERS for row in rows):
        raise DataError(f"{path}: holds no affine of {N_PARAMETERS} parameters")
    if len(centres) != len(rows) or any(len(centre) != N_DIMENSIONS for centre in centres):
        raise DataError(
            f"{path}: holds {len(rows)} affines and {len(centres)} centres of rotation"
        )
    affines = np.tile(np.eye(4), (len(rows), 1, 1))
    for affine, row, centre in zip(affines, rows, centres, strict=True):
        affine[:3, :3] = row[:9].reshape(3, 3)
        affine[:3, 3] = row[9:] + centre - affine[:3, :3] @ centre
    return np.asarray(FLIP @ affines @ FLIP)


def _figures(path: Path, lines: list[str], key: str) -> list[Floats]:
    rows = [line.partition(":")[2].split() for line in lines if line.startswith(key)]
    try:
        return [np.asarray(row, dtype=np.float64) for row in rows]
    except ValueError as error:
        raise DataError(f"{path}: {key} {error}") from error
