"""Where a trained model comes from, as its bundle tells."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from bids_app import __version__
from bids_app.config import RunConfig
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.pipeline import prepare
from bids_app.pipeline.apply import dataset_identity
from bids_app.pipeline.record import Record


def origin(
    runs: Mapping[str, PreprocessedRun], labels: Sequence[str], config: RunConfig
) -> dict[str, Any]:
    """Tell whose data a model is made of, and by which versions.

    Parameters
    ----------
    runs : dict of str to PreprocessedRun
        By name.
    labels : sequence of str
        Their participants.
    config : RunConfig
        The call.
    """
    dataset = dataset_identity(config.output_dir)
    people = [
        {
            "dataset": dataset,
            "label": label,
            "contents": sorted(
                prepare.eeg_hash(run) for run in runs.values() if run.entities.participant == label
            ),
        }
        for label in labels
    ]
    versions = {
        "eeg2fmri": __version__,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "numpy": np.__version__,
    }
    return {
        "participants": people,
        "runs": sorted(runs),
        "seed": config.random_seed,
        "denoising": config.denoise,
        "scaling": "median and quartile spread of each channel, per participant",
        "versions": versions,
    }


def scores_of(architecture: str, record: Record) -> dict[str, float]:
    """Scores of left-out people, for whoever gets the model without the report."""
    return {
        score["name"]: score["value"]
        for score in record.content["scores"]
        if (score["row"], score["on"]) == (architecture, "group") and np.isfinite(score["value"])
    }
