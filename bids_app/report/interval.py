"""Intervals of a mean over few people."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import scipy

from bids_app.values import Floats

LEVEL = 0.95
FEWEST_FOR_BOOTSTRAP = 10
N_RESAMPLES = 9999


def of_mean(
    values: Floats, *, correlation: bool = False, seed: int = 0
) -> tuple[float, float] | None:
    """Find the 95 % interval of a mean over people.

    Below ten people it is Student's, for correlations after Fisher's z; from ten on it is the
    bias-corrected and accelerated bootstrap, with people as units.

    Parameters
    ----------
    values : ndarray of shape (participant,)
        One figure per person; those that are not finite are left out.
    correlation : bool
        Whether the figures are correlations.
    seed : int
        Of the bootstrap.

    Returns
    -------
    (float, float) or None
        None below two people and for figures that are all equal.
    """
    kept = values[np.isfinite(values)].astype(float)
    if len(kept) < 2 or np.ptp(kept) == 0:  # noqa: PLR2004 (one figure has no spread)
        return None
    if len(kept) >= FEWEST_FOR_BOOTSTRAP:
        return _bootstrap(kept, np.random.default_rng(seed))
    # |r| = 1 has no z.
    scaled = np.arctanh(np.clip(kept, -0.999999, 0.999999)) if correlation else kept
    margin = (
        scipy.stats.t.ppf((1 + LEVEL) / 2, len(kept) - 1)
        * scaled.std(ddof=1)
        / math.sqrt(len(kept))
    )
    bounds = scaled.mean() + margin * np.array([-1.0, 1.0])
    low, high = np.tanh(bounds) if correlation else bounds
    return float(low), float(high)


def _bootstrap(values: Floats, rng: np.random.Generator) -> tuple[float, float]:
    # Efron (1987), Better bootstrap confidence intervals, JASA 82(397).
    drawn = values[rng.integers(len(values), size=(N_RESAMPLES, len(values)))].mean(axis=1)
    normal = NormalDist()
    below = np.mean(drawn < values.mean()) + np.mean(drawn == values.mean()) / 2
    bias = normal.inv_cdf(float(below))
    left_out = (values.sum() - values) / (len(values) - 1)
    apart = left_out.mean() - left_out
    acceleration = float((apart**3).sum() / (6 * (apart**2).sum() ** 1.5))
    shares = []
    for tail in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        moved = bias + normal.inv_cdf(tail)
        shares.append(normal.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(drawn, shares)
    return float(low), float(high)
