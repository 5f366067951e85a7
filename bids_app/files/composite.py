"""Chains of affines and warps ↔ ITK's composite transforms in HDF5, which ANTs and fMRIPrep read and write.

ITK's points are LPS; what is in memory is RAS. Like all of ITK's transforms these pull: a point of the image that is
sampled on to goes to the point of the image that is sampled from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from bids_app.errors import DataError, MissingInputError
from bids_app.files.whole import whole
from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid

LPS = np.array([-1.0, -1.0, 1.0])
FLIP = np.diag([*LPS, 1.0])
GROUP = "TransformGroup"
KIND, FIGURES, FIXED = "TransformType", "TransformParameters", "TransformFixedParameters"
COMPOSITE = "CompositeTransform_double_3_3"
AFFINE = "AffineTransform_double_3_3"
WARP = "DisplacementFieldTransform_double_3_3"


def write_composite(path: Path, steps: Sequence[Floats | Warp]) -> Path:
    """Write a chain of transforms.

    Parameters
    ----------
    path : Path
        Ends with ``.h5``.
    steps : sequence of ndarray of shape (4, 4) or Warp
        In the order in which a point goes through them; RAS millimetres.
    """
    with whole(path) as partial, h5py.File(partial, "w") as opened:
        _write_text(opened, f"{GROUP}/0/{KIND}", COMPOSITE)
        # ITK goes through a composite from its last transform to its first.
        for number, step in enumerate(reversed(steps), start=1):
            where = f"{GROUP}/{number}"
            if isinstance(step, Warp):
                _write_text(opened, f"{where}/{KIND}", WARP)
                opened[f"{where}/{FIXED}"] = _placed(step.grid)
                figures = (step.displacement_mm * LPS).transpose(2, 1, 0, 3).ravel()
                opened.create_dataset(
                    f"{where}/{FIGURES}", data=figures.astype(np.float64),
                    chunks=True, shuffle=True, compression="gzip", compression_opts=1,
                )  # fmt: skip
            else:
                lps = FLIP @ step @ FLIP
                _write_text(opened, f"{where}/{KIND}", AFFINE)
                opened[f"{where}/{FIXED}"] = np.zeros(3)
                opened[f"{where}/{FIGURES}"] = np.r_[lps[:3, :3].ravel(), lps[:3, 3]]
    return path


def _write_text(opened: h5py.File, name: str, text: str) -> None:
    opened.create_dataset(name, data=[text], dtype=h5py.string_dtype("ascii"))


def _placed(grid: Grid) -> Floats:
    """Size, origin, spacing and directions of a field's grid, as ITK tells them."""
    directions = LPS[:, None] * grid.affine[:3, :3] / grid.zooms_mm
    placed: Floats = np.r_[grid.shape, LPS * grid.affine[:3, 3], grid.zooms_mm, directions.ravel()]
    return placed


def read_composite(path: Path) -> tuple[Floats | Warp, ...]:
    """Read a chain of transforms.

    Returns
    -------
    tuple of ndarray of shape (4, 4) or Warp
        In the order in which a point goes through them; RAS millimetres.

    Raises
    ------
    MissingInputError
        When the file is missing or cannot be read to its end.
    DataError
        When it holds something else.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: no such file")
    try:
        with h5py.File(path) as opened:
            group = opened[GROUP]
            found = [_read(group[str(number)]) for number in range(len(group))]
    except (OSError, KeyError, RuntimeError) as error:
        raise MissingInputError(
            f"{path}: cannot be read: {error}", hint="the file is truncated; make it again"
        ) from error
    kinds = [kind for kind, _, _ in found]
    if kinds[:1] != [COMPOSITE] or not {*kinds[1:]} <= {AFFINE, WARP}:
        raise DataError(
            f"{path}: holds {', '.join(kinds) or 'nothing'}; expected {COMPOSITE} of {AFFINE} and {WARP}"
        )
    steps = [_step(*parts) for parts in found[1:]]
    return tuple(reversed(steps))


def _read(group: h5py.Group) -> tuple[str, Floats, Floats]:
    kind = group[KIND][0].decode()
    if FIGURES not in group:
        return kind, np.empty(0), np.empty(0)
    return kind, np.asarray(group[FIXED]), np.asarray(group[FIGURES])


def _step(kind: str, fixed: Floats, figures: Floats) -> Floats | Warp:
    if kind == AFFINE:
        lps = np.eye(4)
        lps[:3, :3] = figures[:9].reshape(3, 3)
        lps[:3, 3] = figures[9:] + fixed - lps[:3, :3] @ fixed
        return np.asarray(FLIP @ lps @ FLIP)
    n_x, n_y, n_z = (int(length) for length in fixed[:3])
    affine = np.eye(4)
    affine[:3, :3] = LPS[:, None] * fixed[9:].reshape(3, 3) * fixed[6:9]
    affine[:3, 3] = LPS * fixed[3:6]
    field = figures.reshape(n_z, n_y, n_x, 3).transpose(2, 1, 0, 3) * LPS
    return Warp(Grid((n_x, n_y, n_z), affine), np.ascontiguousarray(field, dtype=np.float32))
