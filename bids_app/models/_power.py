"""Lagged log band power of EEG: what the linear model sees of a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.values import Floats, Ints
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

SEGMENTS_AT_ONCE = 512
WINDOWS_AT_ONCE = 32

FAINTEST_POWER = 1e-12
"""Of scaled EEG: keeps the logarithm finite where a recording was cut and padded."""

PEAKS_S = np.arange(3.0, 8.1, 0.5)
"""Peak times of the hemodynamic responses that the lag shapes must be able to form."""

WIDTHS_S = np.array([0.7, 1.0, 1.4])
"""Scales of the same responses (the canonical one has 1)."""


@dataclass(frozen=True, slots=True)
class PowerSettings:
    """How band power is measured.

    Attributes
    ----------
    bands_hz : tuple of (float, float)
        Lower and upper edge of each band; bands above the recording's range are left out.
    segment_s : float
        Length of the Hann-tapered segments.
    hop_s : float
        Step between them.
    n_shapes : int
        Number of lag shapes that a window's course of power is reduced to.
    """

    bands_hz: tuple[tuple[float, float], ...] = ((4, 8), (8, 13), (13, 30), (30, 60))
    segment_s: float = 1.0
    hop_s: float = 0.5
    n_shapes: int = 4


class BandPower(nn.Module):
    """From EEG to lagged log band power.

    The course of log power over a window is projected on a few lag shapes: the principal
    components of a family of hemodynamic responses, each multiplied by its share of the family, so
    that a ridge penalty on their weights is a prior for a response of that family.
    """

    taper: Tensor
    averages: Tensor
    shapes: Tensor

    def __init__(self, eeg: EegSpec, bold: BoldSpec, settings: PowerSettings) -> None:
        super().__init__()
        self.n_segment = round(settings.segment_s * eeg.rate_hz)
        self.hop = max(1, round(settings.hop_s * eeg.rate_hz))
        self.offsets = _offsets(eeg.n_window, self.n_segment, self.hop)
        if not self.offsets.size:
            raise UsageError(
                f"a window of {eeg.window_s:g} s holds no segment of {settings.segment_s:g} s",
                hint="choose a longer window or shorter segments",
            )
        averages = _band_averages(eeg.rate_hz, self.n_segment, settings.bands_hz)
        centres = self.offsets + self.n_segment / 2
        lags_s = (eeg.n_window - centres) / eeg.rate_hz + bold.window_lag_s
        shapes = lag_shapes(lags_s, settings.n_shapes)
        self.register_buffer("taper", torch.hann_window(self.n_segment))
        # Only frequencies of some band are mixed and squared.
        self.first, self.last = np.flatnonzero(averages.any(axis=0))[[0, -1]]
        used = averages[:, self.first : self.last + 1]
        self.register_buffer("averages", torch.tensor(used, dtype=torch.float32))
        self.register_buffer("shapes", torch.tensor(shapes, dtype=torch.float32))

    @property
    def n_features_per_channel(self) -> int:
        """Bands times lag shapes, of each channel or source."""
        return len(self.averages) * self.n_shapes

    @property
    def n_shapes(self) -> int:
        """Lag shapes, the innermost axis of features."""
        return self.shapes.shape[1]

    def forward(self, eeg: Tensor, filters: Tensor | None = None) -> Tensor:
        """Features of shape (batch, feature) of windows of shape (batch, channel, time).

        With spatial filters of shape (source, channel) they are those of the sources.
        """
        segments = eeg[..., int(self.offsets[0]) :].unfold(-1, self.n_segment, self.hop)
        power = self.log_power(segments, filters)  # (batch, source, segment, band)
        return self._lagged(power.transpose(1, 2))

    def of_run(self, samples: Samples, filters: Tensor | None = None) -> Tensor:
        """Features of shape (sample, feature) of a run; what windows share is computed once."""
        if not any(samples.eeg.strides):  # one value, repeated by a view: all windows are alike
            first: Tensor = self(self._tensor(samples.windows(np.array([0]))), filters)
            return first.expand(len(samples), -1)
        if samples.spread is not None and (samples.spread != samples.spread[0]).any():
            parts = np.array_split(np.arange(len(samples)), 1 + len(samples) // WINDOWS_AT_ONCE)
            windows = (self._tensor(samples.windows(part)) for part in parts)
            return torch.cat([self(some, filters) for some in windows])
        starts = samples.stops[:, None] - samples.n_window + self.offsets
        unique, positions = np.unique(starts, return_inverse=True)
        views = np.lib.stride_tricks.sliding_window_view(samples.eeg, self.n_segment, axis=1)
        spread = 1.0 if samples.spread is None else samples.spread[0][:, None, None]
        power = torch.cat([
            self.log_power(self._tensor(views[:, some] / spread), filters).transpose(0, 1)
            for some in np.array_split(unique, 1 + len(unique) // SEGMENTS_AT_ONCE)
        ])  # (segment, source, band)
        return self._lagged(power[torch.from_numpy(positions.reshape(starts.shape))])

    def log_power(self, segments: Tensor, filters: Tensor | None = None) -> Tensor:
        """Log band power of segments.

        Parameters
        ----------
        segments : Tensor of shape (..., channel, segment, time)
            Scaled EEG.
        filters : Tensor of shape (source, channel), optional
            Weights of the channels in each source; without them, each channel is one.

        Returns
        -------
        Tensor of shape (..., source, segment, band)
            Natural logarithm of mean power.
        """
        centred = segments - segments.mean(-1, keepdim=True)
        spectrum = torch.fft.rfft(centred * self.taper)[..., self.first : self.last + 1]
        if filters is not None:
            # Spectra are mixed, not samples: there are fewer channels than sources to transform.
            spectrum = torch.einsum("fc,...csk->...fsk", filters.to(spectrum.dtype), spectrum)
        power: Tensor = spectrum.abs().square() @ self.averages.T
        return power.clamp_min(FAINTEST_POWER).log()

    def _lagged(self, power: Tensor) -> Tensor:
        """From (sample, segment, source, band) to (sample, feature)."""
        return torch.einsum("nscb,sk->ncbk", power, self.shapes).flatten(1)

    def _tensor(self, values: Floats) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.taper.device)


def lag_shapes(lags_s: Floats, n_shapes: int) -> Floats:
    """Smooth shapes that hemodynamic responses are made of.

    Parameters
    ----------
    lags_s : ndarray of shape (lag,)
        Time from a segment to its volume.
    n_shapes : int
        Number of shapes.

    Returns
    -------
    ndarray of shape (lag, shape)
        Principal components of a family of responses of unit area, not centred, each times its
        root-mean-square weight in the family; the first has norm of about one response.
    """
    family = np.array([_response(lags_s, peak, width) for peak in PEAKS_S for width in WIDTHS_S])
    _, weights, components = np.linalg.svd(family, full_matrices=False)
    weights /= np.sqrt(len(family))
    shapes: Floats = (components[:n_shapes] * weights[:n_shapes, None]).T
    return shapes


def _response(lags_s: Floats, peak_s: float, width: float) -> Floats:
    """Two gamma densities over lags, shape (lag,): a peak, and 10 s later 1/6 of undershoot."""
    positive = scipy.stats.gamma.pdf(lags_s, peak_s / width + 1, scale=width)
    undershoot = scipy.stats.gamma.pdf(lags_s, (peak_s + 10) / width + 1, scale=width)
    response: Floats = positive - undershoot / 6
    total = np.abs(response).sum()
    return response / total if total > 0 else response


def _offsets(n_window: int, n_segment: int, hop: int) -> Ints:
    """First samples of the segments, shape (segment,); the last ends where the window does."""
    count = (n_window - n_segment) // hop + 1
    offsets: Ints = n_window - n_segment - hop * np.arange(max(count, 0))[::-1]
    return offsets


def _band_averages(
    rate_hz: float, n_segment: int, bands_hz: tuple[tuple[float, float], ...]
) -> Floats:
    """Weights of shape (band, frequency) that average a power spectrum over each band."""
    frequency = np.fft.rfftfreq(n_segment, 1 / rate_hz)
    inside = [(frequency >= low) & (frequency < min(high, rate_hz / 2)) for low, high in bands_hz]
    usable = [found / found.sum() for found in inside if found.any()]
    if not usable:
        raise UsageError(
            f"none of the bands {list(bands_hz)} has a frequency that {n_segment} samples at "
            f"{rate_hz:g} Hz resolve",
            hint="choose longer segments or other bands",
        )
    averages: Floats = np.array(usable)
    return averages
