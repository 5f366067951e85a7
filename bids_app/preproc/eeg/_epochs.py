"""Stretches of EEG that start between two samples, and signals that repeat with them."""

from __future__ import annotations

import numpy as np
from scipy import fft

from bids_app.values import Bools, Complexes, Floats, Ints

SHORTEST_MARGIN = 64  # samples
LONGEST_FILTER_S = 0.02  # of an amplifier's low-pass, at either side of what it lets through
TAPER = 48  # samples at the outer ends, where a shift by the Fourier transform rings


class Epochs:
    """Where something repeats in a recording.

    Parameters
    ----------
    starts : ndarray of shape (epoch,)
        Sample at which each begins, not whole, rising.
    period : float
        Samples from one to the next where they follow each other.
    n_samples : int
        Length of the recording.
    rate_hz : float
        Its sampling rate.
    """

    def __init__(self, starts: Floats, period: float, n_samples: int, rate_hz: float) -> None:
        self.starts, self.period = starts, period
        self.n_samples, self.rate_hz = n_samples, rate_hz
        self.margin = max(SHORTEST_MARGIN, round(LONGEST_FILTER_S * rate_hz))
        longest = int(np.ceil(period)) + 2 * self.margin + 1
        self.length = int(fft.next_fast_len(longest, real=True))
        self.first: Ints = np.floor(starts).astype(int)
        self.radians: Floats = 2 * np.pi * np.arange(self.length // 2 + 1) / self.length
        late = np.outer(starts - self.first, self.radians)
        self._earlier = np.exp(1j * late).astype(np.complex64)
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(TAPER) + 0.5) / TAPER)
        self._taper = np.ones(self.length, dtype=np.float32)
        self._taper[:TAPER], self._taper[-TAPER:] = ramp, ramp[::-1]

    def moved(self, later: Floats) -> Epochs:
        """Epochs that start later by some samples, shape (epoch,)."""
        return Epochs(self.starts + later, self.period, self.n_samples, self.rate_hz)

    def kept(self, which: Bools) -> Epochs:
        """Some of the epochs, shape (epoch,)."""
        return Epochs(self.starts[which], self.period, self.n_samples, self.rate_hz)

    @property
    def whole(self) -> Bools:
        """Which epochs lie in the recording from start to end, shape (epoch,)."""
        inside: Bools = (self.starts >= 0) & (self.starts + self.period <= self.n_samples)
        return inside

    def spectra(self, trace: Floats) -> Complexes:
        """Spectrum of each epoch about its mean, as if it had begun on a sample.

        Parameters
        ----------
        trace : ndarray of shape (time,)
            One channel.

        Returns
        -------
        ndarray of shape (epoch, frequency)
            Complex.
        """
        samples = self.first[:, None] - self.margin + np.arange(self.length)
        cut = trace[np.clip(samples, 0, self.n_samples - 1)]
        cut[(samples < 0) | (samples >= self.n_samples)] = 0
        cut -= cut.mean(axis=1, keepdims=True)  # an offset is not artefact
        found: Complexes = fft.rfft(cut * self._taper, axis=1)
        found *= self._earlier
        return found

    def tiled(self, spectra: Complexes, out: Floats) -> None:
        """Lay epochs along the recording, each at its own start.

        Parameters
        ----------
        spectra : ndarray of shape (epoch or 1, frequency)
            Of each epoch, or of all.
        out : ndarray of shape (time,)
            Where the result goes; between epochs it stays as it is.
        """
        waves = fft.irfft(spectra * self._earlier.conj(), self.length, axis=1)
        first = self.first
        for index, wave in enumerate(waves):
            stop = first[index] + round(self.period)
            if index + 1 < len(first) and abs(first[index + 1] - stop) <= 1:
                stop = first[index + 1]
            start, stop = max(first[index], 0), min(stop, self.n_samples)
            offset = self.margin - first[index]
            out[start:stop] = wave[start + offset : stop + offset]
