"""A small tree of preprocessed runs, made without preprocessing anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.files import eeg, nifti
from bids_app.files.sidecar import write_json
from bids_app.values.pairing import Clock
from bids_app.values.recording import Recording
from bids_app.values.space import Grid, Mask, Volume

SPACE = "space-MNI152NLin2009aSym_res-3"
SHAPE = (6, 7, 8)
N_VOLUMES = 40
RATE_HZ = 50.0


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """A call whose output folder is empty."""
    out = tmp_path / "out"
    return RunConfig(
        tmp_path / "bids", out, out / "work", "group", window_s=10, smoothing_fwhm_mm=0
    )


@pytest.fixture
def preprocessed(config: RunConfig) -> Callable[..., None]:
    """Write one preprocessed run: BOLD, masks, tissues and EEG."""

    def write(label: str, run: int = 1, **changes: Any) -> None:
        rng = np.random.default_rng([int(label), run])
        _write_images(config.output_dir, f"sub-{label}", run, rng, changes)
        _write_eeg(config.output_dir, f"sub-{label}", run, rng, changes)

    return write


def _write_images(
    root: Path, sub: str, run: int, rng: np.random.Generator, changes: dict[str, Any]
) -> None:
    shape = changes.get("shape", SHAPE)
    space = changes.get("space", SPACE)
    grid = Grid(shape, np.diag([3.0, 3, 3, 1]))
    inside = np.zeros(shape, bool)
    inside[slice(*changes.get("brain", (1, 5))), 1:6, 1:7] = True
    stem = root / sub / "func" / f"{sub}_task-rest_run-{run}_{space}"
    volumes = 100 + rng.normal(0, 1, (*shape, changes.get("n_volumes", N_VOLUMES)))
    about = {"RepetitionTime": changes.get("tr_s", 2.0), "StartTime": 0.5, "TaskName": "rest"}
    nifti.write_bold(
        Path(f"{stem}_desc-preproc_bold.nii.gz"), volumes, grid, about["RepetitionTime"]
    )
    write_json(Path(f"{stem}_desc-preproc_bold.json"), about)
    nifti.write_mask(Path(f"{stem}_desc-brain_mask.nii.gz"), Mask(grid, inside))
    nifti.write_volume(Path(f"{stem}_boldref.nii.gz"), Volume(volumes.mean(axis=3), grid))
    for tissue in ("GM", "WM"):
        share = np.where(inside, changes.get("share", 0.45), 0).astype(np.float32)
        path = root / sub / "anat" / f"{sub}_{space}_label-{tissue}_probseg.nii.gz"
        nifti.write_volume(path, Volume(share, grid))


def _write_eeg(
    root: Path, sub: str, run: int, rng: np.random.Generator, changes: dict[str, Any]
) -> None:
    names = changes.get("channels", ("Fz", "Cz", "Pz"))
    seconds = changes.get("eeg_s", N_VOLUMES * 2.0 + 4)
    volts = rng.normal(0, 1e-5, (len(names), int(seconds * RATE_HZ))).astype(np.float32)
    recording = Recording(
        volts, RATE_HZ, names, ("EEG",) * len(names), np.full((len(names), 3), np.nan)
    )
    path = root / sub / "eeg" / f"{sub}_task-rest_run-{run}_desc-preproc_eeg.vhdr"
    eeg.write_brainvision(path, recording)
    clock = Clock(3.0, n_found=N_VOLUMES, n_expected=N_VOLUMES, marker="R128", source="recording")
    write_json(
        path.with_suffix(".json"),
        {"TaskName": "rest", "VolumeClock": asdict(clock), "NumberOfVolumes": N_VOLUMES},
    )
