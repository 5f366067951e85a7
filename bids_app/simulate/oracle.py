"""The oracle: the best linear prediction of network BOLD from the recorded EEG, given the truth of the model.

It knows the lead field, the spectra of all sources, the statistics of the slow activity and the person's own
haemodynamic response; of the run it knows the EEG alone (before scanner artefacts). Nothing is fitted.

The power p of a network enters the sensor covariance at frequency f as ``C(f) + (p - 1) G(f)``. Of all quadratic
functions of the EEG, ``Y* C⁻¹ G C⁻¹ Y`` tells small changes of p best (it is the score of the Whittle likelihood);
summed over the band and divided by its gain it is p - 1 plus noise of known covariance. The prediction is the best
linear function of all those estimates of the run, before and after each volume, under the known autocovariance of
the slow activity (a Wiener smoother).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg, signal

from bids_app.simulate.eeg import WORK_HZ, SensorModel
from bids_app.simulate.hemodynamics import STEP_S, autocovariance, hrf, response_gain
from bids_app.values import Floats

Complexes = npt.NDArray[np.complexfloating[Any, Any]]

WINDOW_S = 1.0
HOP_S = 0.5
HIGHEST_HZ = 50.0


def predict(
    model: SensorModel,
    volts: Floats,
    times_s: Floats,
    hrf_peak_s: float,
    band_hz: tuple[float, float],
) -> Floats:
    """Predict the networks' BOLD from the recorded EEG.

    Parameters
    ----------
    model : SensorModel
        The person's lead field and all spectra.
    volts : ndarray of shape (channel, time)
        Recorded EEG at ``WORK_HZ``.
    times_s : ndarray of shape (volume,)
        When to predict, in seconds after the first EEG sample.
    hrf_peak_s : float
        The person's haemodynamic peak.
    band_hz : tuple of float
        Band of the slow activity.

    Returns
    -------
    ndarray of shape (volume, network)
        In units of the standard deviation of network BOLD.
    """
    spectra, centres_s = spectra_of(volts)
    columns = []
    for index, network in enumerate(model.networks):
        change, information = power_change(model, index, spectra)
        smoother = _Smoother(
            model.modulation, hrf_peak_s, band_hz, float(centres_s[-1] + times_s[-1])
        )
        columns.append(network.sign * smoother.bold(change, centres_s, 1 / information, times_s))
    return np.stack(columns, axis=-1)


def spectra_of(volts: Floats) -> tuple[Complexes, Floats]:
    """Short-time spectra of EEG of shape (channel, time) at ``WORK_HZ``.

    Returns
    -------
    ndarray of shape (frequency, channel, window)
        Complex; its squared magnitude is the one-sided power density. Frequencies are ``1 / WINDOW_S`` apart.
    ndarray of shape (window,)
        Middle of each window, in seconds after the first sample.
    """
    n_window, n_hop = round(WINDOW_S * WORK_HZ), round(HOP_S * WORK_HZ)
    window = signal.windows.hann(n_window, sym=False)
    pieces = np.lib.stride_tricks.sliding_window_view(volts, n_window, axis=1)[:, ::n_hop]
    spectra = np.fft.rfft(pieces * window, axis=-1)[..., : round(HIGHEST_HZ * WINDOW_S)]
    spectra *= np.sqrt(2 / ((window**2).sum() * WORK_HZ))
    centres_s = (np.arange(pieces.shape[1]) * n_hop + n_window / 2) / WORK_HZ
    return np.ascontiguousarray(np.moveaxis(spectra, -1, 0)), centres_s


def power_change(model: SensorModel, index: int, spectra: Complexes) -> tuple[Floats, float]:
    """Estimate one network's change of power around its mean.

    Parameters
    ----------
    model : SensorModel
        The person.
    index : int
        Network.
    spectra : ndarray of shape (frequency, channel, window)
        See :func:`spectra_of`.

    Returns
    -------
    ndarray of shape (window,)
        Estimate of p - 1.
    float
        Information of one window whose frequencies are independent; the estimate's variance is its inverse,
        times :func:`overlap` at lag 0.
    """
    frequency_hz = np.arange(len(spectra)) / WINDOW_S
    low, high = model.networks[index].band_hz
    mine = model.network_covariance(index)
    estimate, information, expected = np.zeros(spectra.shape[2]), 0.0, 0.0
    for bin_number in np.flatnonzero((frequency_hz > low) & (frequency_hz < high)):
        inverse = linalg.inv(model.covariance(float(frequency_hz[bin_number])))
        weight = inverse @ mine @ inverse
        part = spectra[bin_number]
        estimate += (part.conj() * (weight @ part)).sum(axis=0).real
        information += float(np.trace(weight @ mine))
        expected += float(np.trace(inverse @ mine))
    return (estimate - expected) / information, information


def overlap() -> Floats:
    """Covariance of the estimates of windows 0, 1, 2, … apart, shape (lag,), relative to independent bins.

    Windows overlap and a tapered window spreads each frequency over its neighbours; summed over frequencies this is
    (Moyal's identity) the overlap of the squared windows.
    """
    n_window, n_hop = round(WINDOW_S * WORK_HZ), round(HOP_S * WORK_HZ)
    squared = signal.windows.hann(n_window, sym=False) ** 2
    lags = range(0, n_window, n_hop)
    parts = [n_window * (squared[lag:] * squared[: n_window - lag]).sum() for lag in lags]
    return np.asarray(np.array(parts) / squared.sum() ** 2)


class _Smoother:
    """Posterior mean of network BOLD given noisy estimates of band power."""

    def __init__(
        self, modulation: float, peak_s: float, band_hz: tuple[float, float], longest_s: float
    ) -> None:
        response = hrf(peak_s) * response_gain(peak_s, band_hz)
        n_lags = int(np.ceil(longest_s / STEP_S)) + 2
        covariance = autocovariance(band_hz, n_lags + len(response))
        both = np.concatenate([covariance[:0:-1], covariance])
        # covariance of BOLD at time t + lag with activity at t
        self._cross = modulation * np.convolve(both, response)
        self._cross_lag_s = (np.arange(len(self._cross)) - (len(covariance) - 1)) * STEP_S
        self._power = np.exp(modulation**2 * covariance) - 1
        self._power_lag_s = np.arange(len(covariance)) * STEP_S

    def bold(self, change: Floats, centres_s: Floats, noise: float, times_s: Floats) -> Floats:
        apart_s = np.abs(np.subtract.outer(centres_s, centres_s))
        observed = np.interp(apart_s, self._power_lag_s, self._power)
        noise_row = np.zeros(len(centres_s))
        noise_row[: len(overlap())] = noise * overlap()[: len(centres_s)]
        observed += linalg.toeplitz(noise_row)
        lags_s = np.subtract.outer(times_s, centres_s)
        cross = np.interp(lags_s, self._cross_lag_s, self._cross)
        predicted: Floats = cross @ linalg.solve(observed, change, assume_a="pos")
        return predicted
