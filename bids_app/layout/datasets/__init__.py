"""Public datasets that depart from BIDS: one file each, found by its name."""

from __future__ import annotations

from pathlib import Path

from bids_app import plugins
from bids_app.layout.datasets.base import Dataset

FOLDER = "layout/datasets"


def dataset_of(bids_dir: Path) -> Dataset:
    """Give the first file that knows a dataset; for all others, the rules of BIDS."""
    for name in plugins.names(FOLDER):
        found: Dataset = plugins.load(FOLDER, name).DATASET
        if found.applies(bids_dir):
            return found
    return Dataset()
