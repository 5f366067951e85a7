from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.errors import DataError, MissingInputError
from bids_app.files import tables


def test_a_table_comes_back(tmp_path: Path) -> None:
    columns: dict[str, Sequence[object]] = {
        "name": ["Cz", "a b", "", None],
        "figure": [1.5, 1e-7, math.nan, np.float32(0.1)],
        "count": [1, 1234567, np.int64(7654321), 0],
        "flag": [True, False, None, True],
    }
    path = tables.write_tsv(tmp_path / "a.tsv", columns)
    assert tables.read_tsv(path) == {
        "name": ["Cz", "a b", "n/a", "n/a"],
        "figure": ["1.5", "1e-07", "n/a", "0.1"],
        "count": ["1", "1234567", "7654321", "0"],
        "flag": ["true", "false", "n/a", "true"],
    }


def test_figures_have_six_digits(tmp_path: Path) -> None:
    path = tables.write_tsv(tmp_path / "a.tsv", {"x": [math.pi * 1e5]})
    assert path.read_bytes() == b"x\n314159\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_other_systems_are_read(tmp_path: Path, line_end: str, mark: str) -> None:
    path = tmp_path / "a.tsv"
    lines = ["onset\ttrial_type ", "0.5\tgo", "", '1.5\t"no', "2.5\ta\u2028b", ""]
    path.write_bytes((mark + line_end.join(lines)).encode())
    assert tables.read_tsv(path) == {
        "onset": ["0.5", "1.5", "2.5"],
        "trial_type": ["go", '"no', "a\u2028b"],
    }


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.integers(-(10**5), 10**5)), min_size=1
    )
)
def test_text_stays_in_its_cell(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("cells") / "a.tsv"
    texts, numbers = [text for text, _ in rows], [number for _, number in rows]
    found = tables.read_tsv(tables.write_tsv(path, {"number": numbers, "text": texts}))
    assert found["number"] == [str(number) for number in numbers]
    expected = [text.replace("\t", " ").replace("\n", " ").replace("\r", " ") for text in texts]
    assert found["text"] == [text.strip() if text else "n/a" for text in expected]


def test_long_cells_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"a\tb\n{'x' * 200_000}\t1\n")
    assert tables.read_tsv(path)["b"] == ["1"]


def test_a_row_of_another_length_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\n1\t2\n1 2\n")
    with pytest.raises(DataError, match=f"{path}: line 3 has 1 cells; the header has 2") as caught:
        tables.read_tsv(path)
    assert caught.value.hint == "cells are separated by single tabs"


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_table_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"{path}: is empty; expected a table"):
        tables.read_tsv(path)


def test_a_table_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: .*No such file"):
        tables.read_tsv(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MissingInputError, match=f"{path}: cannot be read: .*codec can't decode"):
        tables.read_tsv(path)


def test_cells_are_read_as_numbers() -> None:
    assert tables.number("1.5e-3") == 0.0015
    assert math.isnan(tables.number("n/a"))
    assert math.isnan(tables.number("go"))


SPACED = "name   type   units\n'Fp1'   EEG   microV\n'ECG’   ECG   microV\n"


def test_columns_may_be_parted_by_spaces(tmp_path: Path) -> None:
    path = tmp_path / "channels.tsv"
    for text in (SPACED, SPACED.replace("   ", " "), SPACED.replace("\n", "\r\n").rstrip()):
        path.write_text(text, "utf-8")
        assert tables.read_tsv(path) == {
            "name": ["Fp1", "ECG"],
            "type": ["EEG", "ECG"],
            "units": ["microV", "microV"],
        }


def test_words_of_a_single_column_stay_together(tmp_path: Path) -> None:
    path = tmp_path / "notes.tsv"
    path.write_text("what was seen\na 'cat'\n\n")
    assert tables.read_tsv(path) == {"what was seen": ["a 'cat'"]}
