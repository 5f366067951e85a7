"""Train one small model, alone or beside other processes, and write its weights down; run by a test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from bids_app.learn import distributed
from bids_app.learn.settings import TrainSettings
from bids_app.learn.train import fit, help_fit
from bids_app.samples.split import by_participant
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

EEG = EegSpec(("Fz", "Cz", "Pz"), 64.0, 10.0)
GRID = Grid((3, 4, 5), np.diag([3.0, 3.0, 3.0, 1.0]))
BOLD = BoldSpec(Mask(GRID, np.ones(GRID.shape, bool)), "MNI152NLin2009aSym", "3", 2.0, 0.0, 6.0)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "cnn": {"filters": [3, 4], "stride": 4, "embedding": 6, "hidden": 8, "dropout": 0.0},
    "transformer": {"width": 8, "heads": 2, "feedforward": 8, "dropout": 0.0},
}


def run_of(label: str, folder: Path) -> Samples:
    """Make a run whose EEG is a memory map."""
    rng = np.random.default_rng(int(label))
    path = folder / f"{label}.npy"
    np.save(path, rng.standard_normal((3, 64 * 2 * 45)).astype(np.float32))
    volumes = np.arange(5, 42)
    return Samples(
        f"sub-{label}_run-1",
        label,
        np.load(path, mmap_mode="r"),
        64.0,
        640,
        stops=volumes * 128,
        volumes=volumes,
        n_volumes=45,
        targets=(0.01 * rng.standard_normal((37, 60))).astype(np.float32),
        channels=EEG.channels,
    )


def train(folder: Path, name: str) -> None:
    """Train on what the folder holds, and write the weights into it."""
    samples = [run_of(label, folder) for label in ("1", "2", "3")]
    split = by_participant(samples, np.random.default_rng(0))[0]
    for architecture, arguments in ARGUMENTS.items():
        settings = TrainSettings(
            epochs=2, batch=10, neighbours=3, learning_rate=0.01, device="cpu", arguments=arguments
        )
        fitted = fit(architecture, EEG, BOLD, samples, split, settings)
        weights = {key: value.contiguous() for key, value in fitted.model.state_dict().items()}
        save_file(weights, folder / f"{name}_{architecture}.safetensors")


if __name__ == "__main__":
    where, what = Path(sys.argv[1]), sys.argv[2]
    if distributed.wanted():
        with distributed.joined(help_fit, "cpu") as first:
            if first:
                train(where, what)
    else:
        train(where, what)
