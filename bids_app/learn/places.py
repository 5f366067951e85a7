"""Whether what a model learned of its channels looks like where their electrodes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from scipy.spatial.distance import pdist, squareform

from bids_app.values import Floats

N_PERMUTATIONS = 1999
FEWEST_CHANNELS = 5
"""Fewer have too few different orders for a test."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Distances between channels, on the head and in a model.

    Attributes
    ----------
    on_head_m : ndarray of shape (pair,)
        Distance of two electrodes.
    learned : ndarray of shape (pair,)
        Distance of what was learned of them, in the mean over models.
    rho : float
        Rank correlation of the two.
    p : float
        Share of orders of the channels in which it is at least as high, the true one counted in.
    """

    on_head_m: Floats
    learned: Floats
    rho: float
    p: float


def match(
    learned: Sequence[Floats], positions_m: Floats, rng: np.random.Generator
) -> Match | None:
    """Compare distances between learned positions with those between electrodes.

    Parameters
    ----------
    learned : sequence of ndarray of shape (channel, width)
        Learned positions of models that were trained apart; only their distances have a meaning.
    positions_m : ndarray of shape (channel, 3)
        Where the electrodes are; channels with NaN are left out.
    rng : numpy.random.Generator
        Draws the orders.

    Returns
    -------
    Match or None
        None when too few electrodes have a known position.

    References
    ----------
    Mantel (1967), Cancer Research 27, 209-220.
    """
    known = np.isfinite(positions_m).all(axis=1)
    if not learned or known.sum() < FEWEST_CHANNELS:
        return None
    on_head = pdist(positions_m[known])
    in_model = np.mean([pdist(rows[known]) for rows in learned], axis=0)
    heads, ranks = (
        _standard(scipy.stats.rankdata(on_head)),
        squareform(_standard(scipy.stats.rankdata(in_model))),
    )
    upper = np.triu_indices(len(ranks), 1)
    rho = float((heads * ranks[upper]).mean())
    count = 1
    for _ in range(N_PERMUTATIONS):
        order = rng.permutation(len(ranks))
        count += float((heads * ranks[np.ix_(order, order)][upper]).mean()) >= rho
    return Match(on_head, in_model, rho, count / (N_PERMUTATIONS + 1))


def _standard(ranks: Floats) -> Floats:
    spread = ranks.std()
    standard: Floats = (ranks - ranks.mean()) / (spread or 1.0)
    return standard
