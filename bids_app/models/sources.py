"""Power of virtual brain sources, through hemodynamic responses, to principal components of BOLD.

Electrodes are turned into virtual sources by spatial filters that know where each electrode sits
(:mod:`bids_app.models._head`), so that a model fits any cap. The log power of each source, in many bands at two hertz,
is reduced to lag shapes of the hemodynamic family, and a ridge per principal component of BOLD is fitted in closed
form, as in :mod:`bids_app.models.ridge`; people left out of training in turn choose its strength, and tell how far off
predictions are.

A source beneath several electrodes is heard with less of everything else than any one of them hears: where the network
is weak at the sensors, that is most of what can be gained. For rank-one sources the best quadratic statistic of the
EEG is the power behind such a filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bids_app.models import ridge
from bids_app.models._head import directions, source_filters, source_places
from bids_app.models.base import settings_of
from bids_app.values import Floats
from bids_app.values.bundle import Accepts, BoldSpec, EegSpec
from bids_app.values.samples import Samples

AXES = 3

ACCEPTS = Accepts(channels="any")


@dataclass(frozen=True, slots=True)
class Settings(ridge.Settings):
    """Settings of the virtual sources, after those of the ridge and its features.

    Attributes
    ----------
    bands_hz, segment_s, n_shapes
        As of the ridge; more bands, and segments long enough for the lowest.
    n_places : int
        Places of sources; each has three axes.
    depth_fraction : float
        Distance of the sources from the centre of the head, of the scalp's. Below that of the cortex (about 0.8): a
        homogeneous sphere is as blurred as a head with a skull when its sources lie deeper.
    lowest_fraction : float
        Height of the lowest source over the centre, of the sources' distance from it.
    noise_fraction : float
        Power of sensor noise, of that of all sources together: regularises the filters.
    """

    bands_hz: tuple[tuple[float, float], ...] = (
        (1, 4),
        (4, 8),
        (8, 13),
        (13, 20),
        (20, 30),
        (30, 45),
    )
    segment_s: float = 2.0
    n_shapes: int = 3
    n_places: int = 64
    depth_fraction: float = 0.55
    lowest_fraction: float = -0.3
    noise_fraction: float = 0.01


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Sources:
    """Build an unfitted model, which predicts no change.

    Parameters
    ----------
    eeg : EegSpec
        Channels with names of the 10-05 system or digitised positions, in any number and order; any rate and window.
    bold : BoldSpec
        Any mask.
    **settings
        Fields of :class:`Settings`.

    """
    return Sources(eeg, bold, settings_of(Settings, "sources", settings))


class Sources(ridge.Ridge):
    """See the top of this file."""

    filters: Tensor | None

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: Settings) -> None:
        self._sources = source_places(
            settings.n_places, settings.depth_fraction, settings.lowest_fraction
        )
        self._noise_fraction = settings.noise_fraction
        super().__init__(eeg, bold, settings, AXES * len(self._sources))
        self._channels = eeg.channels
        # Not part of the state: what is learned belongs to the sources, whatever the cap.
        known = bool(np.isfinite(directions(eeg.channels)).any())
        self.register_buffer(
            "filters", self._filters(eeg.channels) if known else None, persistent=False
        )

    def wear(self, channels: tuple[str, ...], positions_m: Floats | None = None) -> None:
        """Make ``forward`` expect these channels; see :class:`bids_app.models.base.AnyCap`."""
        self._channels = channels
        self.filters = self._filters(channels, positions_m)

    def features(self, eeg: Tensor) -> Tensor:
        """Features of shape (batch, feature) of windows of shape (batch, channel, time)."""
        # Where no place is known, this says so.
        filters = self._filters(self._channels) if self.filters is None else self.filters
        features: Tensor = self.power(eeg, filters)
        return features

    def features_of_run(self, samples: Samples) -> Tensor:
        """Features of shape (sample, feature) of a run with whatever cap it was recorded."""
        channels = samples.channels or self._channels
        alike = channels == self._channels and samples.positions_m is None
        if alike and self.filters is not None:
            return self.power.of_run(samples, self.filters)
        return self.power.of_run(samples, self._filters(channels, samples.positions_m))

    def _filters(self, channels: tuple[str, ...], positions_m: Floats | None = None) -> Tensor:
        found = source_filters(channels, self._sources, self._noise_fraction, positions_m)
        return torch.tensor(found, dtype=torch.float32, device=self.average.device)
