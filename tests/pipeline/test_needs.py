from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app import resources
from bids_app.config import RunConfig
from bids_app.errors import CannotCreateError, TemporaryError
from bids_app.files import nifti
from bids_app.pipeline import needs
from bids_app.values.space import Grid

MB = 2**20


@pytest.fixture
def raw(config: RunConfig) -> RunConfig:
    """Two participants: one with a small run, one with a recording of 100 MB and a broken image."""
    func = config.bids_dir / "sub-01/func"
    grid = Grid((5, 6, 7), np.eye(4))
    volumes = np.random.default_rng(0).normal(size=(5, 6, 7, 40)).astype(np.float32)
    nifti.write_bold(func / "sub-01_task-rest_bold.nii.gz", volumes, grid, 2.0)
    eeg = config.bids_dir / "sub-02/ses-1/eeg/sub-02_ses-1_task-rest_eeg.eeg"
    eeg.parent.mkdir(parents=True)
    with eeg.open("wb") as opened:
        opened.truncate(100 * MB)
    broken = config.bids_dir / "sub-02/func/sub-02_task-rest_bold.nii.gz"
    broken.parent.mkdir()
    broken.write_text("no image")
    return config


def test_the_largest_of_bold_and_eeg_counts(raw: RunConfig) -> None:
    n_voxels = needs.GRID_MM3 / 3**3
    bold_mb = (5 * 6 * 7 + n_voxels) * 40 * 4 * needs.BOLD_COPIES / MB
    assert needs.of("01", raw).memory_mb == pytest.approx(needs.LEAST_MB + bold_mb, abs=1)
    assert needs.of("02", raw).memory_mb == needs.LEAST_MB + 100 * 4 * needs.EEG_COPIES
    finer = replace(raw, resolution_mm=1.5)
    assert needs.of("01", finer).disk_mb == pytest.approx(
        8 * needs.of("01", raw).disk_mb, rel=0.02
    )


def test_a_run_takes_less_than_its_participant(raw: RunConfig) -> None:
    less = needs.LEAST_MB - needs.LEAST_OF_RUN_MB
    assert less > 0
    for label in ("01", "02"):
        assert needs.run_mb(label, raw) == needs.of(label, raw).memory_mb - less


def test_what_one_takes_must_fit_into_what_is_allowed(raw: RunConfig) -> None:
    assert needs.check(("01", "02"), replace(raw, mem_mb=3000)) == 2700
    with pytest.raises(TemporaryError) as caught:
        needs.check(("01", "02"), replace(raw, mem_mb=2000))
    assert str(caught.value) == "sub-02: takes about 2700 MB; --mem-mb is 2000"
    assert "--resolution" in caught.value.hint


def test_less_memory_than_it_takes_is_told(
    raw: RunConfig, monkeypatch: pytest.MonkeyPatch, warned: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(resources, "memory_mb", lambda: 900)
    assert needs.check(("02",), raw) == 2700
    assert warned() == ["sub-02 takes about 2700 MB; 900 MB may be used"]


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(logging.getLogger("bids_app"), "propagate", True)
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_disk_that_cannot_hold_one_participant_is_refused(
    raw: RunConfig, monkeypatch: pytest.MonkeyPatch, warned: Callable[[], list[str]]
) -> None:
    monkeypatch.setattr(resources, "disk_mb", lambda _: 100)
    with pytest.raises(CannotCreateError) as caught:
        needs.check(("01", "02"), raw)
    both = needs.of("01", raw).disk_mb + needs.of("02", raw).disk_mb
    assert (
        str(caught.value)
        == f"{raw.output_dir}: 100 MB are free; 2 participants take up to {both} MB"
    )
    assert "--work-dir" in caught.value.hint
    monkeypatch.setattr(resources, "disk_mb", lambda _: 450)
    needs.check(("01", "02"), raw)
    assert "450 MB are free; all participants may take" in warned()[0]


def test_there_is_room_in_an_empty_dataset(config: RunConfig) -> None:
    (config.bids_dir / "sub-01").mkdir(parents=True)
    assert needs.of("01", config) == needs.Needs(needs.LEAST_MB, 0)
    assert Path(config.output_dir).exists() is False
