from __future__ import annotations

from pathlib import Path

import pytest

from bids_app.errors import DataError, MissingInputError
from bids_app.files.numbers import read_numbers


def test_blanks_commas_and_lines_separate(tmp_path: Path) -> None:
    path = tmp_path / "slice_order.txt"
    path.write_text("\ufeff1, 3\r\n2\t4.5\n")
    assert read_numbers(path) == [1, 3, 2, 4.5]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"1 two", "could not convert string to float: 'two'"), (b"\xff\xfe1", "is not text")],
)
def test_other_content_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "slice_order.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path}: {told}"):
        read_numbers(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=f"{tmp_path}/none: cannot be read: No such file"):
        read_numbers(tmp_path / "none")
