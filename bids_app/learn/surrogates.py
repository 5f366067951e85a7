"""Surrogates beside circular shifts: random phases, and the EEG of other runs with the same schedule.

Random phases of the predicted series keep its spectrum and, with the same phases in all voxels, how voxels go together.
They are drawn for what was predicted, not for the EEG: in raw EEG they would change its envelopes, of which the
prediction is made. The EEG of another run with the same schedule keeps all that runs share.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from scipy import fft

from bids_app.learn.nulls import (
    N_DRAWS,
    OTHER_RUNS,
    PHASES,
    NullTest,
    ShiftProfile,
    tested,
    widened,
)
from bids_app.values import Floats, Ints

FEWEST_EXCHANGES = 19
"""With fewer no p-value below 0.05 exists."""

MOST_LISTED = 7
"""Runs whose orders (5040) are listed; those of more are drawn."""


def phase_test(
    profiles: Sequence[ShiftProfile],
    rng: np.random.Generator,
    n_draws: int = N_DRAWS,
    *,
    width: float = 1.0,
) -> list[NullTest]:
    """Test whether runs correlate more than when the phases of each prediction are random.

    Parameters
    ----------
    profiles : sequence of ShiftProfile
        The runs, with the same parcels. Their spectra are the cross-spectra of truth and prediction, in which phases
        are turned.
    rng : numpy.random.Generator
        Draws the phases.
    n_draws : int, default=999
        How many times.
    width : float, default=1.0
        See :func:`bids_app.learn.nulls.shift_test`.
    """
    drawn = [
        _turned(np.column_stack([run.mean_r, run.parcel_r]), rng, n_draws) for run in profiles
    ]
    null = widened(np.mean(drawn, axis=0), width)
    return tested(_observed(profiles), (null[:, 0], null[:, 1:]), PHASES)


def exchange_test(
    profiles: Sequence[ShiftProfile],
    schedules: Sequence[Hashable],
    rng: np.random.Generator,
    n_draws: int = N_DRAWS,
    *,
    width: float = 1.0,
) -> list[NullTest]:
    """Test whether runs correlate more than with what was predicted from the EEG of other runs.

    Only runs with the same schedule are exchanged, none keeps its own.

    Parameters
    ----------
    profiles : sequence of ShiftProfile
        The runs, with the same parcels.
    schedules : sequence of hashable
        One for each run: equal where volumes and events are at the same times.
    rng : numpy.random.Generator
        Draws the exchanges.
    n_draws : int, default=999
        How many; where there are not as many different ones, each of them once.
    width : float, default=1.0
        See :func:`bids_app.learn.nulls.shift_test`.

    Returns
    -------
    list of NullTest
        The largest r over parcels; nothing where fewer than 19 exchanges exist.
    """
    groups = _alike(profiles, schedules)
    if math.prod(_n_derangements(len(group)) for group in groups) < FEWEST_EXCHANGES:
        return []
    observed: Floats = np.zeros((1, profiles[0].true.shape[1]))
    null: Floats = np.zeros((1, 1))
    for group in groups:
        pairs = np.einsum(
            "itp,jtp->ijp",
            np.stack([profiles[index].true for index in group]),
            np.stack([profiles[index].predicted for index in group]),
        )
        own = np.arange(len(group))
        observed = observed + pairs[own, own].sum(axis=0)
        orders = _derangements(len(group), rng, n_draws if len(groups) > 1 else None, n_draws)
        null = null + np.array([pairs[own, order].sum(axis=0) for order in orders])
    n_runs = sum(len(group) for group in groups)
    null = widened(null / n_runs, width)
    means = observed.mean(axis=1) / n_runs, null.mean(axis=1)
    return tested((means[0], observed / n_runs), (means[1], null), OTHER_RUNS)[1:]


def _observed(profiles: Sequence[ShiftProfile]) -> tuple[Floats, Floats]:
    mean_r = np.array([np.mean([run.mean_r[0] for run in profiles])])
    return mean_r, np.mean([run.parcel_r[:1] for run in profiles], axis=0)


def _turned(correlations: Floats, rng: np.random.Generator, n_draws: int) -> Floats:
    """Correlations with turned phases, shape (draw, column), from those at all shifts, (shift, column)."""
    n_times = len(correlations)
    spectra = fft.rfft(correlations, axis=0)
    turns = np.exp(2j * np.pi * rng.random((n_draws, len(spectra))))
    counts = np.full(len(spectra), 2.0)
    counts[0] = 1
    if n_times % 2 == 0:
        # A real series has either sign at its fastest frequency, and nothing between.
        counts[-1] = 1
        turns[:, -1] = np.sign(turns[:, -1].real)
    found: Floats = ((turns * counts) @ spectra).real / n_times
    return found


def _alike(profiles: Sequence[ShiftProfile], schedules: Sequence[Hashable]) -> list[list[int]]:
    """Numbers of the runs that may be exchanged with each other."""
    found: dict[Hashable, list[int]] = {}
    for index, (run, schedule) in enumerate(zip(profiles, schedules, strict=True)):
        found.setdefault((len(run.true), schedule), []).append(index)
    return [group for group in found.values() if len(group) > 1]


def _n_derangements(n: int) -> int:
    """Count the orders in which nothing keeps its place."""
    signs = (1 if k % 2 == 0 else -1 for k in range(n + 1))
    return sum(sign * (math.factorial(n) // math.factorial(k)) for k, sign in enumerate(signs))


def _derangements(
    n: int, rng: np.random.Generator, exactly: int | None, at_most: int
) -> list[Ints]:
    """Orders of n in which nothing keeps its place: all, or some that are drawn."""
    if n <= MOST_LISTED:
        own = np.arange(n)
        every = [
            order
            for order in map(np.array, itertools.permutations(range(n)))
            if (order != own).all()
        ]
        if exactly is None and len(every) <= at_most:
            return every
        return [every[index] for index in rng.integers(len(every), size=exactly or at_most)]
    return list(itertools.islice(_drawn(n, rng), exactly or at_most))


def _drawn(n: int, rng: np.random.Generator) -> Iterator[Ints]:
    own = np.arange(n)
    while True:
        order = rng.permutation(n)
        if (order != own).all():
            yield order
