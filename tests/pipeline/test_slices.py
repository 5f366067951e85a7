"""Slice times that the user tells go to runs that have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.errors import DataError
from bids_app.files import nifti
from bids_app.pipeline.slices import told_metadata
from bids_app.values.entities import bids_file
from bids_app.values.pairing import Run
from bids_app.values.space import Grid

SHAPE = (4, 6, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    volumes = np.random.default_rng(0).random((*SHAPE, 5))
    return nifti.write_bold(
        tmp_path / "sub-01_task-rest_bold.nii.gz", volumes, Grid(SHAPE, np.eye(4)), 1.5
    )


def told(path: Path, config: RunConfig, order: str, **metadata: Any) -> Any:
    run = Run(bids_file(path), {"RepetitionTime": 1.5, **metadata})
    found, notes = told_metadata(run, replace(config, slice_order=order))
    return found.get("SliceTiming"), notes


def test_a_named_order(path: Path, config: RunConfig) -> None:
    times, notes = told(path, config, "descending")
    assert times == [1.0, 0.5, 0.0]
    assert notes == (
        "slice times are not in the dataset; they were taken from --slice-order descending",
    )


def test_slices_along_another_axis(path: Path, config: RunConfig) -> None:
    times, _ = told(path, config, "ascending:mb-3", SliceEncodingDirection="j")
    assert times == [0, 0.75] * 3


@pytest.mark.parametrize("order", ["", "none"])
def test_nothing_is_made_up(path: Path, config: RunConfig, order: str) -> None:
    assert told(path, config, order) == (None, ())


def test_what_the_dataset_tells_wins(path: Path, config: RunConfig) -> None:
    assert told(path, config, "ascending", SliceTiming=[0, 1, 0.5]) == ([0, 1, 0.5], ())


def test_a_file_of_times(path: Path, config: RunConfig, tmp_path: Path) -> None:
    listed = tmp_path / "slices.txt"
    listed.write_text("0.2 0 0.9")
    assert told(path, config, str(listed))[0] == [0.2, 0, 0.9]


def test_a_file_of_another_length_is_told(path: Path, config: RunConfig, tmp_path: Path) -> None:
    listed = tmp_path / "slices.txt"
    listed.write_text("1 2 3 4")
    with pytest.raises(DataError, match=f"{listed}: holds 4 slices; {path} has 3") as caught:
        told(path, config, str(listed))
    assert "one number a slice" in caught.value.hint
