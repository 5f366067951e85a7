"""A fully connected network on the flattened window: the first of the paper's networks.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging", which
gives no sizes for it. One layer embeds all channels and times of a window at once.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from bids_app.models._network import Embedding, EmbeddingSettings, Wide
from bids_app.models.base import settings_of
from bids_app.values.bundle import BoldSpec, EegSpec

Settings = EmbeddingSettings
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"embedding": 64, "hidden": 128, "dropout": 0.0, "full_grid": True}
}
"""``paper``: a hidden layer as wide as that of ``siamese``; the paper tells no size."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Dense:
    """Build the network; see :mod:`bids_app.models.base`."""
    return Dense(eeg, bold, settings_of(Settings, "dense", settings, PRESETS))


class Dense(Embedding):
    """See the top of this file."""

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings)
        self.embed = Wide(len(eeg.channels) * self.n_pooled, settings.embedding)
        self.read(1, bold, settings)

    def embedded(self, features: Tensor) -> Tensor:
        """Embeddings of shape (batch, embedding) of averages of shape (batch, channel, pooled)."""
        return super().embedded(features.flatten(1))
