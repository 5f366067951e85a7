"""A fully connected network on the flattened window: the first of the paper's networks.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging", which
gives no sizes for it. One layer embeds all channels and times of a window at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

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
    embedding : int
        Length of a window's embedding.
    hidden : int
        Width of the layer between embedding and voxels.
    dropout : float
        Share of the hidden layer that is left out in training.
    full_grid : bool
        Give weights to all voxels of the grid, as the paper does, and hand out those of the mask.
    """

    front_rate_hz: float = FRONT_RATE_HZ
    embedding: int = 32
    hidden: int = 64
    dropout: float = 0.2
    full_grid: bool = False


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"embedding": 64, "hidden": 128, "dropout": 0.0, "full_grid": True}
}
"""``paper``: a hidden layer as wide as that of ``siamese``; the paper tells no size."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Dense:
    """Build the network.

    Parameters
    ----------
    eeg : EegSpec
        Any number of channels, rate and window.
    bold : BoldSpec
        Any mask.
    **settings
        Fields of :class:`Settings`, and ``preset``.
    """
    return Dense(eeg, bold, settings_of(Settings, "dense", settings, PRESETS))


class Dense(Network):
    """See the top of this file."""

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings.front_rate_hz)
        self.embed = Wide(len(eeg.channels) * self.n_pooled, settings.embedding)
        self.to_hidden = nn.Sequential(
            nn.ReLU(),
            nn.Linear(settings.embedding, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        self.to_voxels = Voxels(settings.hidden, bold, full_grid=settings.full_grid)

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel) of averages of shape (batch, channel, pooled)."""
        x = self.to_hidden(self.embed(features.flatten(1)))  # (batch, hidden)
        voxels: Tensor = self.gain * self.to_voxels(x)  # (batch, voxel)
        return voxels
