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


def test_a_transform_that_is_not_plain_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"#Insight Transform File V1.0\n#Transform 0\nTransform:\x80 Affine_3_3\n")
    with pytest.raises(DataError, match=r"a\.txt: is not an ITK transform: "):
        read_itk(path)
