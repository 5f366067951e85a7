"""How much memory training takes, told before it is taken."""

from __future__ import annotations

import logging

from torch import nn

from bids_app import resources
from bids_app.errors import TemporaryError
from bids_app.learn.settings import TrainSettings
from bids_app.learn.store import IN_MEMORY_BYTES
from bids_app.values.bundle import BoldSpec, EegSpec

log = logging.getLogger(__name__)

MB = 2**20
COPIES_OF_WEIGHTS = 5
"""Weights, gradients, two moments, and the best weights so far."""

COPIES_OF_BATCH = 6
"""EEG gathered twice, since the next batch is made ahead, and what is computed from it."""

LIBRARIES_MB = 600


def needed_mb(model: nn.Module, eeg: EegSpec, bold: BoldSpec, settings: TrainSettings) -> int:
    """Estimate the memory that training a network takes, apart from files that are mapped.

    Parameters
    ----------
    model : torch.nn.Module
        The network, on any device.
    eeg, bold : EegSpec, BoldSpec
        What it eats and gives.
    settings : TrainSettings
        How it is trained.
    """
    weights = sum(value.numel() for value in (*model.parameters(), *model.buffers()))
    sample = len(eeg.channels) * eeg.n_window + 2 * bold.n_voxels
    batch = -(-settings.batch // settings.accumulate) * sample
    n_bytes = 4 * (COPIES_OF_WEIGHTS * weights + COPIES_OF_BATCH * batch) + IN_MEMORY_BYTES
    return LIBRARIES_MB + n_bytes // MB


def state(name: str, needed: int) -> None:
    """Say how much memory a training takes.

    Parameters
    ----------
    name : str
        What is trained.
    needed : int
        From :func:`needed_mb`.

    Raises
    ------
    TemporaryError
        When there is not as much.
    """
    free = resources.memory_mb()
    log.info("%s: training takes about %d MB of memory; %s MB are free", name, needed, free)
    if free is not None and needed - LIBRARIES_MB > free:
        raise TemporaryError(
            f"{name}: training takes about {needed} MB of memory; {free} MB are free",
            hint="set [train] accumulate or a smaller batch, choose a smaller model, or --targets parcels",
        )
