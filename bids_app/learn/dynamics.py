"""What two sets of time courses share beyond the correlation of each pair."""

from __future__ import annotations

import numpy as np
from scipy import fft

from bids_app.metrics.base import demeaned
from bids_app.values import Floats

FEWEST_REGIONS = 3
LAG_SHARE = 0.25
"""Of the run: autocorrelation at longer lags is noise."""


def connectivity_similarity(true: Floats, predicted: Floats) -> float:
    """Correlate the functional connectivity of two sets of courses.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, region)
        Measured and predicted mean course of each region.

    Returns
    -------
    float
        Pearson correlation of the correlations of all pairs of regions; NaN where fewer than three regions vary in
        both.
    """
    varies = (np.ptp(demeaned(true), axis=0) > 0) & (np.ptp(demeaned(predicted), axis=0) > 0)
    if varies.sum() < FEWEST_REGIONS:
        return float("nan")
    pairs = np.triu_indices(int(varies.sum()), 1)
    one, other = (np.asarray(np.corrcoef(rows[:, varies].T))[pairs] for rows in (true, predicted))
    if not (np.ptp(one) and np.ptp(other)):
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def effective_samples(true: Floats, predicted: Floats) -> float:
    """Count the independent samples that a correlation of two autocorrelated courses rests on.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, region)
        Measured and predicted courses.

    Returns
    -------
    float
        Mean over regions, at most the number of samples; NaN where no region varies in both. Correlations of
        unrelated courses have a standard deviation of one over its square root.

    References
    ----------
    Bartlett (1935), Some aspects of the time-correlation problem, J R Stat Soc 98, 536-543.
    """
    n_times = len(true)
    one, other = (_autocorrelation(rows) for rows in (true, predicted))
    known = np.isfinite(one[0]) & np.isfinite(other[0])
    if not known.any():
        return float("nan")
    lags = np.arange(1, max(2, int(LAG_SHARE * n_times)))
    products = one[lags][:, known] * other[lags][:, known]
    inflation = 1 + 2 * ((1 - lags / n_times)[:, None] * products).sum(axis=0)
    return float((n_times / np.maximum(inflation, 1)).mean())


def _autocorrelation(rows: Floats) -> Floats:
    """Autocorrelation of shape (lag, region); NaN where a region is constant."""
    centred = demeaned(np.asarray(rows, float))
    power = np.abs(fft.rfft(centred, n=2 * len(rows), axis=0)) ** 2
    sums = fft.irfft(power, axis=0)[: len(rows)]
    norm = np.where(sums[0] > 0, sums[0], np.nan)
    shares: Floats = sums / norm
    return shares
