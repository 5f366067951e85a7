"""Slow network activity and the BOLD response to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bids_app.simulate.streams import coloured
from bids_app.values import Floats

STEP_S = 0.1
HRF_LENGTH_S = 40.0
CANONICAL_PEAK_S = 5.0
CORNER_HZ = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class SlowSeries:
    """Series of the networks on a regular time axis.

    Attributes
    ----------
    start_s : float
        Time of the first sample, from the start of the first volume.
    values : ndarray of shape (network, time)
        One sample each ``STEP_S``.
    """

    start_s: float
    values: Floats

    @property
    def times_s(self) -> Floats:
        """Time of each sample, shape (time,)."""
        times: Floats = self.start_s + STEP_S * np.arange(self.values.shape[1])
        return times

    def at(self, times_s: Floats) -> Floats:
        """Values of shape (network, time) at some times of shape (time,), linear between samples."""
        return np.stack([np.interp(times_s, self.times_s, row) for row in self.values])


def latent_power(frequency_hz: Floats, band_hz: tuple[float, float]) -> Floats:
    """Power spectral density of the slow activity, shape (frequency,), of unit variance."""
    inside = (frequency_hz >= band_hz[0]) & (frequency_hz <= band_hz[1])
    power = inside / (1 + (frequency_hz / CORNER_HZ) ** 2)
    return np.asarray(power / (power.sum() * (frequency_hz[1] - frequency_hz[0])))


def draw_latents(
    n_networks: int,
    span_s: tuple[float, float],
    band_hz: tuple[float, float],
    rng: np.random.Generator,
) -> SlowSeries:
    """Draw the slow activity of each network: zero mean, unit variance, autocorrelated.

    Parameters
    ----------
    n_networks : int
        Independent series.
    span_s : tuple of float
        First and last time, from the start of the first volume.
    band_hz : tuple of float
        Where the activity lives.
    rng : numpy.random.Generator
        Where the numbers come from.
    """
    n_samples = int(np.ceil((span_s[1] - span_s[0]) / STEP_S)) + 1
    n_drawn = 2 * n_samples  # the noise is periodic; half of it is not
    frequency_hz = np.fft.rfftfreq(n_drawn, STEP_S)
    drawn = coloured(latent_power(frequency_hz, band_hz), n_drawn, 1 / STEP_S, rng, n_networks)
    return SlowSeries(span_s[0], drawn[:, :n_samples])


def hrf(peak_s: float) -> Floats:
    """Haemodynamic response of shape (time,), one sample each ``STEP_S`` from 0, of unit sum.

    A double gamma whose time axis is stretched so that it peaks where this person's does.
    """
    times = np.arange(0, HRF_LENGTH_S, STEP_S) * CANONICAL_PEAK_S / peak_s
    response = _gamma_density(times, 6.0) - _gamma_density(times, 16.0) / 6
    return np.asarray(response / response.sum())


def _gamma_density(times: Floats, shape: float) -> Floats:
    return np.asarray(times ** (shape - 1) * np.exp(-times) / special.gamma(shape))


def autocovariance(band_hz: tuple[float, float], n_lags: int) -> Floats:
    """Autocovariance of the slow activity, shape (lag,), at multiples of ``STEP_S`` from 0."""
    n_samples = 16 * max(n_lags, 1024)
    frequency_hz = np.fft.rfftfreq(n_samples, STEP_S)
    power = latent_power(frequency_hz, band_hz)
    covariance: Floats = np.fft.irfft(power, n_samples)[:n_lags] / (2 * STEP_S)
    return covariance


def response_gain(peak_s: float, band_hz: tuple[float, float]) -> float:
    """Factor that gives the response to the slow activity unit variance."""
    response = hrf(peak_s)
    covariance = autocovariance(band_hz, len(response))
    lags = np.abs(np.subtract.outer(np.arange(len(response)), np.arange(len(response))))
    return float(1 / np.sqrt(response @ covariance[lags] @ response))


def respond(latents: SlowSeries, peak_s: float, band_hz: tuple[float, float]) -> SlowSeries:
    """BOLD response to the slow activity, of unit variance; the first ``HRF_LENGTH_S`` are cut off."""
    response = hrf(peak_s) * response_gain(peak_s, band_hz)
    rows = [np.convolve(row, response, mode="valid") for row in latents.values]
    return SlowSeries(latents.start_s + (len(response) - 1) * STEP_S, np.stack(rows))
