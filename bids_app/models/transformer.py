"""Channels as source tokens, sagittal slices as target tokens, a decoder that goes from left to right.

After Bricman & Borst (2021), "EEG2fMRI: Cross-Modal Synthesis for Functional Neuroimaging", and
Vaswani et al. (2017), "Attention Is All You Need". In training each slice is predicted from the
true slices before it (teacher forcing); at prediction from the model's own. The paper's table
gives the first; ``forward`` is the second, the only one that a user has. What differs from the
paper: slices are cropped to the mask unless the whole grid is asked for, and training may show
the decoder its own slices (scheduled sampling; Mihaylova & Martins 2019, "Scheduled Sampling for
Transformers") or noisy ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.models._attention import DecoderLayer, EncoderLayer, sinusoids
from bids_app.models._network import Network, NetworkSettings, Wide
from bids_app.models.base import settings_of
from bids_app.values import Ints
from bids_app.values.bundle import BoldSpec, EegSpec

POSITIONS = ("learned", "sinusoidal")
POSITION_SPREAD = 0.02


@dataclass(frozen=True, slots=True)
class Settings(NetworkSettings):
    """Settings of the transformer, after those of all networks; ``full_grid`` predicts whole slices.

    Attributes
    ----------
    width : int
        Length of a token.
    heads : int
        Attention heads; they divide the width.
    encoder_layers, decoder_layers : int
        Layers.
    feedforward : int
        Width of the dense layers.
    positions : str
        ``learned`` or ``sinusoidal`` positions of channels and slices.
    dropout : float
        Share of each layer's output that is left out in training.
    slice_noise : float
        Standard deviation, in those of the targets, of noise on the slices that the decoder is
        shown in training.
    sampling : float
        Share of the slices that the decoder is shown in training that are its own.
    """

    width: int = 32
    heads: int = 4
    encoder_layers: int = 1
    decoder_layers: int = 1
    feedforward: int = 64
    positions: str = "learned"
    dropout: float = 0.1
    slice_noise: float = 0.0
    sampling: float = 0.0


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "width": 96,
        "heads": 8,
        "encoder_layers": 3,
        "decoder_layers": 2,
        "feedforward": 384,
        "full_grid": True,
    }
}
"""``paper``: 2.0 million parameters at 34 electrodes, 30 s, 1000 Hz, and a grid of 53 x 63 x 52."""


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Transformer:
    """Build the network; see :mod:`bids_app.models.base`.

    Raises
    ------
    UsageError
        When there is no such setting, preset or kind of position, or the heads do not divide the
        width.
    """
    chosen = settings_of(Settings, "transformer", settings, PRESETS)
    if chosen.positions not in POSITIONS:
        raise UsageError(
            f"transformer: positions is {chosen.positions!r}",
            hint=f"known: {', '.join(POSITIONS)}",
        )
    if chosen.width % chosen.heads:
        raise UsageError(
            f"transformer: width {chosen.width} is not a multiple of heads {chosen.heads}"
        )
    return Transformer(eeg, bold, chosen)


class Transformer(Network):
    """See the top of this file."""

    places: Tensor
    known: Tensor
    channel_positions: Tensor
    slice_positions: Tensor

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        super().__init__(eeg, settings)
        self.settings = settings
        self.n_slices, self.n_plane, places = _slices(bold, full_grid=settings.full_grid)
        known = np.zeros((self.n_slices, self.n_plane), np.float32)
        known.flat[places] = 1
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("known", torch.from_numpy(known), persistent=False)
        width, sizes = settings.width, (settings.heads, settings.feedforward, settings.dropout)
        self.embed = Wide(self.n_pooled, width)
        self.encoder = nn.ModuleList(
            EncoderLayer(width, *sizes) for _ in range(settings.encoder_layers)
        )
        self.encoded = nn.LayerNorm(width)
        self.from_slice = nn.Linear(self.n_plane, width)
        self.start = nn.Parameter(POSITION_SPREAD * torch.randn(width))
        self.decoder = nn.ModuleList(
            DecoderLayer(width, *sizes) for _ in range(settings.decoder_layers)
        )
        self.decoded = nn.LayerNorm(width)
        self.to_slice = nn.Linear(width, self.n_plane)
        self._place(len(eeg.channels), width, learned=settings.positions == "learned")

    def head(self, features: Tensor) -> Tensor:
        """Voxels of shape (batch, voxel), slice after slice, from averages of shape (batch, channel, pooled)."""
        sources = self._sources(features)
        earlier: list[Any] = [None] * len(self.decoder)
        token = self._first(len(features))
        slices = []
        for number in range(self.n_slices):
            token = token + self.slice_positions[number]
            for depth, layer in enumerate(self.decoder):
                token, earlier[depth] = layer(token, sources[depth], earlier[depth])
            slices.append(self.to_slice(self.decoded(token)))  # (batch, 1, plane)
            # What lies outside the mask was never learned, and is never shown in training.
            token = self.from_slice(slices[-1] * self.known[number])
        return self._voxels(torch.cat(slices, 1))

    def forced(self, features: Tensor, targets: Tensor) -> Tensor:
        """Each slice from the true ones before it; see :class:`bids_app.models.base.TeacherForced`.

        Shapes: features (batch, channel, pooled), targets and result (batch, voxel).
        """
        sources = self._sources(features)
        shown = self._planes(targets)  # (batch, slice, plane)
        if self.training and self.settings.sampling:
            with torch.no_grad():
                own = self._decode(sources, shown)
            drawn = torch.rand(shown.shape[:2], device=shown.device) < self.settings.sampling
            shown = torch.where(drawn[..., None], own * self.known, shown)
        if self.training and self.settings.slice_noise:
            shown = shown + self.settings.slice_noise * torch.randn_like(shown)
        return self._voxels(self._decode(sources, shown))

    def _decode(self, sources: list[Any], shown: Tensor) -> Tensor:
        """All slices at once, (batch, slice, plane), from those that the decoder is shown."""
        tokens = torch.cat((self._first(len(shown)), self.from_slice(shown[:, :-1])), 1)
        tokens = tokens + self.slice_positions
        for layer, source in zip(self.decoder, sources, strict=True):
            tokens, _ = layer(tokens, source)
        slices: Tensor = self.to_slice(self.decoded(tokens))
        return slices

    def _sources(self, averages: Tensor) -> list[Any]:
        """What each layer of the decoder hears of the channels."""
        tokens = self.embed(averages) + self.channel_positions  # (batch, channel, width)
        for layer in self.encoder:
            tokens = layer(tokens)
        tokens = self.encoded(tokens)
        layers: list[Any] = list(self.decoder)
        return [layer.source.hear(tokens) for layer in layers]

    def _first(self, n_batch: int) -> Tensor:
        return self.start.expand(n_batch, 1, -1)

    def _voxels(self, slices: Tensor) -> Tensor:
        """From (batch, slice, plane) to (batch, voxel)."""
        return self.gain * slices.flatten(1).index_select(1, self.places)

    def _planes(self, voxels: Tensor) -> Tensor:
        """From (batch, voxel) to (batch, slice, plane) in units of the gain, 0 outside the mask."""
        planes = voxels.new_zeros(len(voxels), self.n_slices * self.n_plane)
        planes.index_copy_(1, self.places, voxels / self.gain)
        slices: Tensor = planes.unflatten(1, (self.n_slices, self.n_plane))
        return slices

    def _place(self, n_channels: int, width: int, *, learned: bool) -> None:
        for name, count in (("channel", n_channels), ("slice", self.n_slices)):
            if learned:
                spread = POSITION_SPREAD * torch.randn(count, width)
                self.register_parameter(f"{name}_positions", nn.Parameter(spread))
            else:
                self.register_buffer(f"{name}_positions", sinusoids(count, width))


def _slices(bold: BoldSpec, *, full_grid: bool) -> tuple[int, int, Ints]:
    """Slices along x, voxels of each, and the place of each voxel of the mask among them."""
    inside = bold.mask.inside
    first, last = np.zeros(3, int), np.array(inside.shape)
    if not full_grid:
        filled = np.argwhere(inside)
        first, last = filled.min(axis=0), filled.max(axis=0) + 1
    cropped = inside[tuple(slice(low, high) for low, high in zip(first, last, strict=True))]
    places: Ints = np.flatnonzero(cropped)
    return cropped.shape[0], int(np.prod(cropped.shape[1:])), places
