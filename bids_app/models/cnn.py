"""Convolutions shared by the channels, their embeddings side by side, a network to voxels.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging". What
differs: the output is the mask unless the whole grid is asked for, sizes are settings, the default
is small enough for a CPU, and the convolutions add nothing around a window, so that neighbouring
windows can share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.models._network import FRONT_RATE_HZ, Network, Voxels, Wide
from bids_app.models.base import settings_of
from bids_app.values.bundle import BoldSpec, EegSpec


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes of the network.

    Attributes
    ----------
    front_rate_hz : float
        Faster EEG is averaged down to about this rate.
    filters : tuple of int
        Filters of each convolution.
    kernel : int
        Length of each convolution, in its own samples.
    stride : int
        Step of each convolution. Windows share their convolutions where the product of all
        steps divides the way from volume to volume: three steps of 5 at 250 Hz are 0.5 s.
    embedding : int
        Length of a channel's embedding.
    hidden : int
        Width of the layer between embeddings and voxels.
    dropout : float
        Share of the hidden layer that is left out in training.
    full_grid : bool
        Give weights to all voxels of the grid, as the paper does, and hand out those of the mask.
    """

    front_rate_hz: float = FRONT_RATE_HZ
    filters: tuple[int, ...] = (8, 16, 16)
    kernel: int = 9
    stride: int = 5
    embedding: int = 16
    hidden: int = 64
    dropout: float = 0.2
    full_grid: bool = False


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "filters": (16, 32, 32),
        "embedding": 18,
        "hidden": 192,
        "dropout": 0.0,
        "full_grid": True,
    }
}
"""``paper``: 33.7 million parameters at 34 electrodes, 30 s, 1000 Hz, and a grid of 53 x 63 x 52."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Cnn:
    """Build the network.

    Parameters
    ----------
    eeg : EegSpec
        Any number of channels, rate and window.
    bold : BoldSpec
        Any mask.
    **settings
        Fields of :class:`Settings`, and ``preset``.

    Raises
    ------
    UsageError
        When there is no such setting or preset, or when a window is too short for the filters.
    """
    return Cnn(eeg, bold, settings_of(Settings, "cnn", settings, PRESETS))


class Cnn(Network):
    """See the top of this file."""

    has_filters = True

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings.front_rate_hz)
        n_layers = len(settings.filters)
        self.stride = settings.stride**n_layers
        self.reach = 1 + sum((settings.kernel - 1) * settings.stride**k for k in range(n_layers))
        if self.n_pooled < self.reach:
            raise UsageError(
                f"cnn: a window of {eeg.window_s:g} s is {self.n_pooled} samples at the front; "
                f"{n_layers} convolutions of {settings.kernel} need {self.reach}",
                hint="choose a longer window, or fewer or shorter filters",
            )
        self.in_time = _convolutions(settings)
        n_features = settings.filters[-1] * ((self.n_pooled - self.reach) // self.stride + 1)
        self.embed = nn.Sequential(Wide(n_features, settings.embedding), nn.ReLU())
        self.to_hidden = nn.Sequential(
            nn.Linear(len(eeg.channels) * settings.embedding, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        self.to_voxels = Voxels(settings.hidden, bold, full_grid=settings.full_grid)

    def local(self, averages: Tensor) -> Tensor:
        """Features of shape (batch, filter, channel, feature) of averages, shape (batch, channel, pooled)."""
        features: Tensor = self.in_time(averages[:, None])
        return features

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel) of features of shape (batch, filter, channel, feature)."""
        x = self.embed(features.transpose(1, 2).flatten(2))  # (batch, channel, embedding)
        x = self.to_hidden(x.flatten(1))  # (batch, hidden)
        voxels: Tensor = self.gain * self.to_voxels(x)  # (batch, voxel)
        return voxels


def _convolutions(settings: Settings) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise((1, *settings.filters)):
        # Two dimensions with a kernel of one channel: shared by the channels without moving them
        # in memory.
        layers += [nn.Conv2d(n_in, n_out, (1, settings.kernel), (1, settings.stride)), nn.ReLU()]
    # Filters last in memory: three times as fast on a CPU.
    stack = nn.Sequential(*layers)
    for parameter in stack.parameters():
        if parameter.ndim == 4:  # noqa: PLR2004 (filters, not offsets)
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return stack
