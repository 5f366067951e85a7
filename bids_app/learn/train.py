"""The training loop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from bids_app import plugins
from bids_app.errors import DataError
from bids_app.learn import device as devices
from bids_app.learn.batches import batches, chosen
from bids_app.learn.seed import generator, torch_seeded
from bids_app.models.base import ClosedForm
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples, Split

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of training, table ``[train]``.

    Attributes
    ----------
    epochs : int
        Most passes through the training set.
    batch : int
        Samples in a step.
    learning_rate : float
        Of AdamW.
    weight_decay : float
        Of AdamW.
    patience : int
        Epochs without improvement of the inner validation loss after which training stops.
    shift : float
        Standard deviation of the random offset of each channel, in scaled units; in training only.
    noise : float
        Standard deviation of the noise added to the EEG, in scaled units; in training only.
    seed : int
        Seed of everything that is drawn.
    device : str
        See :func:`bids_app.learn.device.choose`.
    arguments : dict
        Settings of the architecture.
    """

    epochs: int = 30
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    patience: int = 5
    shift: float = 0.2
    noise: float = 1e-3
    seed: int = 0
    device: str = "auto"
    arguments: dict[str, Any] = field(default_factory=dict)


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
    with torch_seeded(seed):
        model = plugins.load("models", architecture).build(eeg, bold, **settings.arguments)
        model = model.to(device)
        if isinstance(model, ClosedForm):
            history = model.fit(train, valid, seed=seed)
        else:
            history = descend(model, train, valid, settings, seed)
    log.info("%s trained on %s: %d runs", architecture, split.name, len(train))
    return Fitted(model.eval(), architecture, dict(settings.arguments), history)


def descend(
    model: nn.Module,
    train: Sequence[Samples],
    valid: Sequence[Samples],
    settings: TrainSettings,
    seed: int,
) -> dict[str, Any]:
    """Train by gradient descent, in place; keep the weights that validate best."""
    device = next(model.parameters()).device
    fast = devices.compiled(model, device)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    losses: dict[str, list[float]] = {"train": [], "valid": []}
    best, best_epoch, kept = float("inf"), 0, _weights(model)
    progress = tqdm(range(settings.epochs), desc="training", disable=not sys.stderr.isatty())
    for epoch in progress:
        losses["train"].append(_epoch(fast, train, settings, rng, optimizer))
        losses["valid"].append(loss_of(model, valid or train, settings.batch))
        progress.set_postfix({name: f"{values[-1]:.3e}" for name, values in losses.items()})
        if losses["valid"][-1] < best:
            best, best_epoch, kept = losses["valid"][-1], epoch, _weights(model)
        elif epoch - best_epoch >= settings.patience:
            break
    model.load_state_dict(kept)
    return losses | {"best_epoch": best_epoch}


def _epoch(
    model: nn.Module,
    train: Sequence[Samples],
    settings: TrainSettings,
    rng: np.random.Generator,
    optimizer: torch.optim.Optimizer,
) -> float:
    """One pass through the training set; gives the mean loss."""
    model.train()
    device = next(model.parameters()).device
    total, count = torch.zeros((), device=device), 0
    for eeg, targets in batches(train, settings.batch, rng):
        true = devices.copy(targets, device)
        with devices.autocast(device):
            predicted = model(_augmented(devices.copy(eeg, device), settings))
        loss = nn.functional.mse_loss(predicted.float(), true)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(true)
        count += len(true)
    return float(total / count)


@torch.no_grad()
def loss_of(model: nn.Module, runs: Sequence[Samples], batch: int) -> float:
    """Mean squared error over all samples of some runs, without augmentation or dropout."""
    model.eval()
    device = next(model.parameters()).device
    total, count = torch.zeros((), device=device), 0
    for eeg, targets in batches(runs, batch):
        true = devices.copy(targets, device)
        with devices.autocast(device):
            predicted = model(devices.copy(eeg, device))
        total += (predicted.float() - true).square().mean(1).sum()
        count += len(true)
    return float(total / count)


def _augmented(eeg: Tensor, settings: TrainSettings) -> Tensor:
    """Windows of shape (batch, channel, time) with an offset for each channel, and noise."""
    offset = settings.shift * torch.randn_like(eeg[..., :1])
    return eeg + offset + settings.noise * torch.randn_like(eeg)


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
