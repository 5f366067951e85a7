"""Training one model on one fold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from bids_app import plugins
from bids_app.errors import DataError
from bids_app.learn import device as devices
from bids_app.learn import distributed, memory
from bids_app.learn.batches import chosen, targets_of
from bids_app.learn.descent import Descent
from bids_app.learn.reduced import codes_of, wrapped
from bids_app.learn.seed import generator, torch_seeded
from bids_app.learn.settings import TrainSettings
from bids_app.models._network import OUTPUT_GAIN, Network
from bids_app.models.base import ClosedForm
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples, Split

log = logging.getLogger(__name__)

VOLUMES_FOR_SPREAD = 20
"""Of each run; targets of a whole group may not fit into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A trained model.

    Attributes
    ----------
    model : torch.nn.Module
        On the device that it was trained on, in evaluation mode.
    architecture : str
        Its file in ``models/``.
    arguments : dict
        What it was built with.
    history : dict
        Losses by epoch, or what a closed form chose.
    """

    model: nn.Module
    architecture: str
    arguments: dict[str, Any]
    history: dict[str, Any]


def fit(
    architecture: str,
    eeg: EegSpec,
    bold: BoldSpec,
    samples: Sequence[Samples],
    split: Split,
    settings: TrainSettings | None = None,
) -> Fitted:
    """Train a model on one fold.

    Parameters
    ----------
    architecture : str
        Name of a file in ``models/``.
    eeg, bold : EegSpec, BoldSpec
        What it eats and gives.
    samples : sequence of Samples
        Scaled runs; the test set is not touched.
    split : Split
        What is for training and for inner validation.
    settings : TrainSettings, optional
        How to train.

    Raises
    ------
    DataError
        When the training set is empty.
    """
    settings = settings or TrainSettings()
    device = devices.choose(settings.device)
    train, valid = chosen(samples, split.train), chosen(samples, split.valid)
    if not train:
        raise DataError(f"{split.name}: no samples to learn from among {len(samples)} runs")
    seed = int(generator(settings.seed, architecture, split.name).integers(2**31))
    codes = codes_of(bold, train, seed) if bold.targets.count else None
    given = bold
    if codes is not None:
        train, valid, given = codes.of(train), codes.of(valid), bold.reduced
    with torch_seeded(seed), devices.deterministic(settings.deterministic):
        model = plugins.load("models", architecture).build(eeg, given, **settings.arguments)
        model = model.to(device)
        if isinstance(model, ClosedForm):
            history = model.fit(train, valid, seed=seed)
        else:
            needed_mb = memory.needed_mb(model, eeg, given, settings)
            memory.state(f"{architecture}, {split.name}", needed_mb)
            distributed.announce((architecture, eeg, bold, _referred(samples), split, settings))
            history = _descended(model, eeg, (train, valid), settings, seed)
    if codes is not None:
        model = wrapped(model, torch.from_numpy(codes.decode).to(device))
    size = f", {history['parameters']} parameters" if "parameters" in history else ""
    log.info("%s trained on %s: %d runs%s", architecture, split.name, len(train), size)
    return Fitted(model.eval(), architecture, dict(settings.arguments), history)


def _descended(
    model: nn.Module,
    eeg: EegSpec,
    sets: tuple[Sequence[Samples], Sequence[Samples]],
    settings: TrainSettings,
    seed: int,
) -> dict[str, Any]:
    """Train by gradient, with a training and a validation set."""
    if isinstance(model, Network):
        model.gain.fill_(_spread(sets[0]))
    history = Descent(model, eeg, settings, seed).run(*sets)
    return history | {"parameters": sum(value.numel() for value in model.parameters())}


def help_fit(job: tuple[Any, ...]) -> None:
    """Do this process's share of a training that the first process announced."""
    architecture, eeg, bold, samples, split, settings = job
    own = [
        replace(run, **{name: distributed.by_value(value) for name, value in arrays.items()})
        for run, arrays in samples
    ]
    fit(architecture, eeg, bold, own, split, settings)


def _spread(train: Sequence[Samples]) -> float:
    """Root-mean-square target, from some volumes of each run."""
    some = [targets_of(run)[:: 1 + len(run) // VOLUMES_FOR_SPREAD] for run in train]
    squares = [float(np.square(rows, dtype=np.float64).mean()) for rows in some]
    return float(np.sqrt(np.mean(squares))) or OUTPUT_GAIN


def _referred(samples: Sequence[Samples]) -> list[tuple[Samples, dict[str, Any]]]:
    """Runs without their large arrays, and where those are."""
    nothing = np.float32(0)
    return [
        (
            # Windows are checked against the recording, which is not there yet.
            replace(run, eeg=np.broadcast_to(nothing, run.eeg.shape), targets=None),
            {name: distributed.by_reference(getattr(run, name)) for name in ("eeg", "targets")},
        )
        for run in samples
    ]
