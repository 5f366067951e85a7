"""Convolutions shared by the channels, their embeddings side by side, a network to voxels.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging". What
differs: the output is the mask unless the whole grid is asked for, sizes are settings, and the
default is small enough for a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.models.base import settings_of
from bids_app.values.bundle import BoldSpec, EegSpec

OUTPUT_GAIN = 0.01
"""BOLD changes by about 1 %: ordinary initial weights then give outputs of the right size."""

FRONT_RATE_HZ = 250.0
"""Faster EEG is averaged down to about this rate, as the paper does."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Sizes of the network.

    Attributes
    ----------
    filters : tuple of int
        Filters of each convolution.
    kernel : int
        Length of each convolution, in its own samples.
    stride : int
        Step of each convolution.
    embedding : int
        Length of a channel's embedding.
    hidden : int
        Width of the layer between embeddings and voxels.
    dropout : float
        Share of the hidden layer that is left out in training.
    full_grid : bool
        Give weights to all voxels of the grid, as the paper does, and hand out those of the mask.
    """

    filters: tuple[int, ...] = (8, 16, 16)
    kernel: int = 9
    stride: int = 4
    embedding: int = 16
    hidden: int = 64
    dropout: float = 0.2
    full_grid: bool = False


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "filters": (16, 32, 32),
        "kernel": 9,
        "stride": 4,
        "embedding": 18,
        "hidden": 192,
        "dropout": 0.0,
        "full_grid": True,
    }
}
"""Named sizes.

``paper`` has 33.7 million parameters for 34 electrodes, 30 s at 1000 Hz and a grid of 53 x 63 x
52.
"""


def build(eeg: EegSpec, bold: BoldSpec, *, preset: str = "", **settings: Any) -> Cnn:
    """Build the network.

    Parameters
    ----------
    eeg : EegSpec
        Any number of channels, rate and window.
    bold : BoldSpec
        Any mask.
    preset : str, default=""
        Named sizes to start from.
    **settings
        Fields of :class:`Settings`.

    Raises
    ------
    UsageError
        When there is no such setting or preset.
    """
    if preset and preset not in PRESETS:
        raise UsageError(f"cnn has no preset {preset!r}", hint=f"known: {', '.join(PRESETS)}")
    return Cnn(eeg, bold, settings_of(Settings, "cnn", PRESETS.get(preset, {}) | settings))


class Cnn(nn.Module):
    """See the top of this file."""

    inside: Tensor | None

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__()
        front = max(1, round(eeg.rate_hz / FRONT_RATE_HZ))
        self.front = nn.AvgPool2d((1, front))
        self.in_time = _convolutions(settings)
        n_features = settings.filters[-1] * _n_after(eeg.n_window // front, settings)
        self.embed = nn.Sequential(nn.Linear(n_features, settings.embedding), nn.ReLU())
        self.to_hidden = nn.Sequential(
            nn.Linear(len(eeg.channels) * settings.embedding, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        n_outputs = bold.mask.inside.size if settings.full_grid else bold.n_voxels
        self.to_voxels = nn.Linear(settings.hidden, n_outputs)
        inside = torch.from_numpy(np.flatnonzero(bold.mask.inside))
        self.register_buffer("inside", inside if settings.full_grid else None, persistent=False)

    def forward(self, eeg: Tensor) -> Tensor:
        """Predict voxels of shape (batch, voxel) from EEG of shape (batch, channel, time)."""
        x: Tensor = self.in_time(self.front(eeg[:, None]))  # (batch, filter, channel, time)
        x = self.embed(x.transpose(1, 2).flatten(2))  # (batch, channel, embedding)
        x = self.to_hidden(x.flatten(1))  # (batch, hidden)
        x = OUTPUT_GAIN * self.to_voxels(x)  # (batch, voxel or grid)
        return x if self.inside is None else x[:, self.inside]  # (batch, voxel)


def _convolutions(settings: Settings) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise((1, *settings.filters)):
        # Two dimensions with a kernel of one channel: shared by the channels without moving them
        # in memory.
        size, step = (1, settings.kernel), (1, settings.stride)
        layers += [nn.Conv2d(n_in, n_out, size, step, (0, settings.kernel // 2)), nn.ReLU()]
    # Filters last in memory: three times as fast on a CPU.
    stack = nn.Sequential(*layers)
    for parameter in stack.parameters():
        if parameter.ndim == 4:  # noqa: PLR2004 (filters, not offsets)
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return stack


def _n_after(n_time: int, settings: Settings) -> int:
    """Length that the convolutions leave of a window."""
    for _ in settings.filters:
        n_time = (n_time + 2 * (settings.kernel // 2) - settings.kernel) // settings.stride + 1
    return n_time
