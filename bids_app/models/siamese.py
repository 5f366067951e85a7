"""A linear embedding shared by the channels, then a fully connected network to voxels.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging": the
"fully-connected network" of its table.
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
        Length of a channel's embedding.
    hidden : int
        Width of the layer between embeddings and voxels.
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
    "paper": {"embedding": 118, "hidden": 128, "dropout": 0.0, "full_grid": True}
}
"""``paper``: 23.8 million parameters at 34 electrodes, 30 s, 1000 Hz, and a grid of 53 x 63 x 52."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Siamese:
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
    return Siamese(eeg, bold, settings_of(Settings, "siamese", settings, PRESETS))


class Siamese(Network):
    """See the top of this file."""

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings.front_rate_hz)
        self.embed = Wide(self.n_pooled, settings.embedding)
        self.to_hidden = nn.Sequential(
            nn.ReLU(),
            nn.Linear(len(eeg.channels) * settings.embedding, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
        )
        self.to_voxels = Voxels(settings.hidden, bold, full_grid=settings.full_grid)

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel) of averages of shape (batch, channel, pooled)."""
        x = self.embed(features)  # (batch, channel, embedding)
        x = self.to_hidden(x.flatten(1))  # (batch, hidden)
        voxels: Tensor = self.gain * self.to_voxels(x)  # (batch, voxel)
        return voxels
