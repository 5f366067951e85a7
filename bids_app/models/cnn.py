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
from bids_app.models._network import Embedding, EmbeddingSettings, Wide
from bids_app.models.base import settings_of
from bids_app.values.bundle import BoldSpec, EegSpec


@dataclass(frozen=True, slots=True)
class Settings(EmbeddingSettings):
    """Settings of the convolutions, after those of what reads them.

    Attributes
    ----------
    embedding : int
        Length of a channel's embedding.
    filters : tuple of int
        Filters of each convolution.
    kernel : int
        Length of each convolution, in its own samples.
    stride : int
        Step of each convolution. Windows share their convolutions where the product of all
        steps divides the way from volume to volume: three steps of 5 at 250 Hz are 0.5 s.
    """

    embedding: int = 16
    filters: tuple[int, ...] = (8, 16, 16)
    kernel: int = 9
    stride: int = 5


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
    """Build the network; see :mod:`bids_app.models.base`.

    Raises
    ------
    UsageError
        When there is no such setting or preset, or when a window is too short for the filters.
    """
    return Cnn(eeg, bold, settings_of(Settings, "cnn", settings, PRESETS))


class Cnn(Embedding):
    """See the top of this file."""

    has_filters = True

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings)
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
        self.embed = Wide(n_features, settings.embedding)
        self.read(len(eeg.channels), bold, settings)

    def local(self, averages: Tensor) -> Tensor:
        """Features of shape (batch, filter, channel, feature) of averages, shape (batch, channel, pooled)."""
        features: Tensor = self.in_time(averages[:, None])
        return features

    def embedded(self, features: Tensor) -> Tensor:
        """Embeddings of shape (batch, channel, embedding) of features of shape (batch, filter, channel, feature)."""
        return super().embedded(features.transpose(1, 2).flatten(2))


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
