"""Random numbers: each purpose has its own stream, so that a new option does not move the others."""

from __future__ import annotations

import zlib

import numpy as np

from bids_app.values import Floats


def stream(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of one purpose.

    Parameters
    ----------
    seed : int
        Seed of the dataset.
    *names : str
        Whose and what for, such as ``"01", "run-1", "motion"``.
    """
    words = [zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


def coloured(
    power: Floats, n_samples: int, rate_hz: float, rng: np.random.Generator, n_rows: int = 1
) -> Floats:
    """Draw stationary Gaussian noise with a given spectrum.

    Parameters
    ----------
    power : ndarray of shape (frequency,)
        One-sided power spectral density at ``rfftfreq(n_samples, 1 / rate_hz)``.
    n_samples : int
        Length; the noise is periodic with it.
    rate_hz : float
        Sampling rate.
    rng : numpy.random.Generator
        Where the numbers come from.
    n_rows : int, default=1
        Independent rows.

    Returns
    -------
    ndarray of shape (row, time)
        Its variance is the integral of ``power``.
    """
    heard = np.flatnonzero(power)
    parts = rng.standard_normal((n_rows, len(heard), 2))
    spectrum = np.zeros((n_rows, len(power)), dtype=complex)
    spectrum[:, heard] = (parts[..., 0] + 1j * parts[..., 1]) * np.sqrt(
        power[heard] * rate_hz * n_samples / 4
    )
    noise: Floats = np.fft.irfft(spectrum, n_samples, axis=-1)
    return noise
