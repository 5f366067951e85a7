"""A linear embedding shared by the channels, then a fully connected network to voxels.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging": the
"fully-connected network" of its table.
"""

from __future__ import annotations

from typing import Any

from bids_app.models._network import Embedding, EmbeddingSettings, Wide
from bids_app.models.base import settings_of
from bids_app.values.bundle import BoldSpec, EegSpec

Settings = EmbeddingSettings
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"embedding": 118, "hidden": 128, "dropout": 0.0, "full_grid": True}
}
"""``paper``: 23.8 million parameters at 34 electrodes, 30 s, 1000 Hz, and a grid of 53 x 63 x 52."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Siamese:
    """Build the network; see :mod:`bids_app.models.base`."""
    return Siamese(eeg, bold, settings_of(Settings, "siamese", settings, PRESETS))


class Siamese(Embedding):
    """See the top of this file."""

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings)
        self.embed = Wide(self.n_pooled, settings.embedding)
        self.read(len(eeg.channels), bold, settings)
