"""Transforms of other programs, of any kind that ITK knows; our own are in :mod:`bids_app.files.composite`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bids_app.errors import DataError, MissingInputError


def read_itk(path: Path) -> Any:
    """Read a transform, such as the ``.h5`` of fMRIPrep and ANTs; a SimpleITK.Transform.

    Raises
    ------
    MissingInputError
        When the file is missing.
    DataError
        When it is no ITK transform.
    """
    import SimpleITK as sitk  # noqa: PLC0415 (0.04 to 0.2 s, for the few runs that need it)

    if not path.is_file():
        raise MissingInputError(f"{path}: no such file")
    try:
        return sitk.ReadTransform(path)
    except (RuntimeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: is not an ITK transform: {str(error).strip().splitlines()[-1]}",
            hint="fetch the file again",
        ) from error
