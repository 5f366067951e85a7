"""What the networks share: EEG is averaged, filtered along time, and read window by window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.values.bundle import BoldSpec, EegSpec

OUTPUT_GAIN = 0.01
"""BOLD changes by about 1 %: ordinary initial weights then give outputs of the right size."""

FRONT_RATE_HZ = 250.0
"""Faster EEG is averaged down to about this rate, as the paper does."""

ORDINARY_INPUTS = 256
"""Inputs of a layer that usual learning rates are made for."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings that all networks have.

    Attributes
    ----------
    front_rate_hz : float
        Faster EEG is averaged down to about this rate.
    dropout : float
        Share of a layer's output that is left out in training.
    full_grid : bool
        Give weights to all voxels of the grid, as the paper does, and hand out those of the mask.
    """

    front_rate_hz: float = FRONT_RATE_HZ
    dropout: float = 0.2
    full_grid: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddingSettings(NetworkSettings):
    """Settings of the networks that read embeddings.

    Attributes
    ----------
    embedding : int
        Length of an embedding.
    hidden : int
        Width of the layer between embeddings and voxels.
    """

    embedding: int = 32
    hidden: int = 64


class Network(nn.Module):
    """A model that is trained by gradient.

    It works in three parts, so that neighbouring windows can share what they have in common:
    averages of `pool` samples, which nothing trains; `local` filters, each of whose outputs hears
    `reach` averages and lies `stride` averages after the one before it; and a `head` that reads
    one window's features. A model without filters leaves `local` as it is.

    Attributes
    ----------
    pool : int
        EEG samples in an average.
    n_pooled : int
        Averages in a window; the window's first samples are left out when they fill none.
    stride, reach : int
        Of `local`, in averages.
    gain : Tensor of shape ()
        Standard deviation of the targets, about: what the last layer's outputs are multiplied by.
    """

    gain: Tensor
    stride = 1
    reach = 1
    has_filters = False

    def __init__(self, eeg: EegSpec, settings: NetworkSettings) -> None:
        super().__init__()
        rate_hz = settings.front_rate_hz
        if rate_hz <= 0:
            raise UsageError(f"front_rate_hz is {rate_hz:g}; expected a rate above 0")
        self.pool = max(1, round(eeg.rate_hz / rate_hz))
        self.n_pooled = eeg.n_window // self.pool
        self.register_buffer("gain", torch.tensor(OUTPUT_GAIN))

    def forward(self, eeg: Tensor) -> Tensor:
        """Predict voxels of shape (batch, voxel) from EEG of shape (batch, channel, time)."""
        return self.head(self.local(self.averages(eeg)))

    def averages(self, eeg: Tensor) -> Tensor:
        """Averages of shape (batch, channel, pooled) of EEG of shape (batch, channel, time)."""
        last = eeg[..., eeg.shape[-1] - self.n_pooled * self.pool :]
        return nn.functional.avg_pool1d(last, self.pool) if self.pool > 1 else last

    def local(self, averages: Tensor) -> Tensor:
        """Features of shape (batch, …, feature) of averages of shape (batch, channel, pooled)."""
        return averages

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel) of one window's features, shape (batch, …, feature)."""
        raise NotImplementedError

    def windows(self, stretches: Tensor, count: int, hop: int) -> Tensor:
        """Features of the windows of some stretches, the filters applied once along each.

        Parameters
        ----------
        stretches : Tensor of shape (stretch, channel, pooled)
            Averages under `count` neighbouring windows.
        count : int
            Windows in a stretch.
        hop : int
            Averages from window to window, a multiple of `stride`.

        Returns
        -------
        Tensor of shape (stretch * count, …, feature)
            What `head` reads.
        """
        features = self.local(stretches)
        if count == 1:
            return features
        n_features = (self.n_pooled - self.reach) // self.stride + 1
        views = features.unfold(-1, n_features, hop // self.stride)
        return views.movedim(-2, 1).flatten(0, 1)


class Embedding(Network):
    """A network that embeds a window, or each of its channels, and reads voxels from all embeddings."""

    embed: nn.Module

    def read(self, n_embeddings: int, bold: BoldSpec, settings: EmbeddingSettings) -> None:
        """Make the layers after the embeddings."""
        self.to_hidden = nn.Sequential(
            nn.ReLU(),
            nn.Linear(n_embeddings * settings.embedding, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        self.to_voxels = Voxels(settings.hidden, bold, full_grid=settings.full_grid)

    def embedded(self, features: Tensor) -> Tensor:
        """Embeddings of shape (batch, …, embedding) of features of shape (batch, …, feature)."""
        embeddings: Tensor = self.embed(features)
        return embeddings

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel) of one window's features, shape (batch, …, feature)."""
        x = self.to_hidden(self.embedded(features).flatten(1))  # (batch, hidden)
        voxels: Tensor = self.gain * self.to_voxels(x)  # (batch, voxel)
        return voxels


class Voxels(nn.Module):
    """The last layer: weights for the mask, or for the whole grid of which the mask is read."""

    inside: Tensor | None

    def __init__(self, n_inputs: int, bold: BoldSpec, *, full_grid: bool) -> None:
        super().__init__()
        n_outputs = bold.mask.inside.size if full_grid else bold.n_voxels
        self.linear = nn.Linear(n_inputs, n_outputs)
        inside = torch.from_numpy(np.flatnonzero(bold.mask.inside))
        self.register_buffer("inside", inside if full_grid else None, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """From shape (batch, input) to (batch, voxel)."""
        if self.inside is None:
            rows: Tensor = self.linear(x)
            return rows
        weight, bias = self.linear.weight[self.inside], self.linear.bias[self.inside]
        return nn.functional.linear(x, weight, bias)


class Wide(nn.Linear):
    """A linear layer over thousands of inputs that learns as fast as an ordinary one.

    Adam moves each weight by the learning rate, so that the output of a layer moves with its
    number of inputs; here weights are kept larger, and products smaller, by what that number
    exceeds an ordinary one (Yang et al. 2022, "Tensor Programs V", table 3).
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs)
        self.scale = min(1.0, ORDINARY_INPUTS / n_inputs)
        with torch.no_grad():
            self.weight.div_(self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """From shape (…, input) to (…, output)."""
        return nn.functional.linear(x, self.weight) * self.scale + self.bias
