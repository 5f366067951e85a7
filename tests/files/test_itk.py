from __future__ import annotations

from pathlib import Path

import pytest

from bids_app.errors import DataError, MissingInputError
from bids_app.files.itk import read_itk


def test_a_transform_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a_xfm.h5"
    with pytest.raises(MissingInputError, match=f"{path}: no such file"):
        read_itk(path)
    path.write_bytes(b"not HDF5")
    with pytest.raises(DataError, match=f"{path}: is not an ITK transform") as caught:
        read_itk(path)
    assert caught.value.hint == "fetch the file again"
