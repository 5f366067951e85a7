"""What correlations look like when EEG and BOLD are shifted against each other.

The other surrogates are in :mod:`bids_app.learn.surrogates`, the test of each voxel in :mod:`bids_app.learn.voxelwise`.

A circular shift keeps the autocorrelation of both and breaks what links them. Samples are never
shuffled: neighbours are alike, and a shuffled null would call almost anything significant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from bids_app.errors import DataError
from bids_app.learn.parcels import parcel_means
from bids_app.metrics.base import demeaned
from bids_app.models._solve import drift_basis, without
from bids_app.values import Floats, Ints

MEAN_R = "mean r"
MAX_PARCEL_R = "max parcel r"
MAX_VOXEL_R = "max voxel r"
BESIDE_SCHEDULE = "max parcel r beside the schedule"

SHIFTS, PHASES, OTHER_RUNS = "circular shifts", "random phases", "EEG of other runs"
N_DRAWS = 999

SPANNED = 1e-6
"""Directions weaker than this, of the strongest, are rounding."""

MOST_WIDENED = float(np.sqrt(2))
"""With linear models on random data, the variance of the mean over folds is at most doubled."""

WINDOWS_FOR_SHIFTS = 5
"""Windows that a run must be as long as: in shorter ones the shifts that are allowed are few and alike, and reject too
often (in noise as slow as BOLD one time in five where a run has little more than two windows)."""


@dataclass(frozen=True, slots=True, eq=False)
class ShiftProfile:
    """Correlations of a run at all circular shifts of the prediction.

    Attributes
    ----------
    mean_r : ndarray of shape (shift,)
        Mean over voxels; shift 0 first.
    parcel_r : ndarray of shape (shift, parcel)
        Of the mean time course of each parcel.
    shortest : int
        Shifts below this, in either direction, are too short to break the link.
    true, predicted : ndarray of shape (time, parcel)
        The mean courses of the parcels without drift, of norm 1.
    """

    mean_r: Floats
    parcel_r: Floats
    shortest: int
    true: Floats
    predicted: Floats

    @property
    def is_long(self) -> bool:
        """Whether there are enough shifts for p-values to be right."""
        return len(self.mean_r) >= WINDOWS_FOR_SHIFTS * self.shortest


@dataclass(frozen=True, slots=True, eq=False)
class NullTest:
    """A test against surrogates that keep the dynamics of EEG and BOLD and break what links them.

    Attributes
    ----------
    statistic : str
        ``mean r`` over voxels, or the largest over parcels (``max parcel r``) or voxels.
    value : float
        Observed, mean over runs.
    p : float
        Share of surrogates, the observed one included, that reach it.
    null : ndarray of shape (surrogate,)
        The statistic of those that were drawn.
    against : str
        What was drawn: circular shifts, random phases or the EEG of other runs.
    """

    statistic: str
    value: float
    p: float
    null: Floats
    against: str = SHIFTS

    @property
    def n_drawn(self) -> int:
        """Number of surrogates."""
        return len(self.null)


def shift_profile(
    true: Floats,
    predicted: Floats,
    labels: Ints,
    shortest: int,
    longest: float = 64.0,
    schedule: Floats | None = None,
) -> ShiftProfile:
    """Correlate a run's prediction with the truth at all circular shifts.

    Slow drifts are taken out of both first. Two drifts correlate strongly, by chance, as long as
    neither is shifted; a circular shift breaks them at the seam. Left in, they would reject up to
    five times as often as they should.

    Parameters
    ----------
    true, predicted : ndarray of shape (time, voxel)
        Fractional signal change of neighbouring volumes.
    labels : ndarray of shape (voxel,)
        Parcels.
    shortest : int
        Shortest shift that breaks the link, in volumes: the length of a window.
    longest : float, default=64.0
        Fluctuations slower than this, in volumes, are drift (128 s at a repetition time of 2 s).
    schedule : ndarray of shape (time, column), optional
        Responses to events, taken out of both together with the drift.

    Returns
    -------
    ShiftProfile
        Small, so that the runs of many people fit in memory.

    Raises
    ------
    DataError
        When the run is too short for any such shift.
    """
    if len(true) < 2 * shortest + 1:
        raise DataError(
            f"{len(true)} samples are too few to shift by {shortest} in either direction",
            hint="record longer runs, or choose a shorter window",
        )
    drift = drift_basis(np.arange(float(len(true))), longest)
    if schedule is not None:
        drift = _spanned(np.hstack([drift, demeaned(schedule)]))
    # Demeaned first: what is constant must stay exactly 0, and not become rounding noise.
    true, predicted = (without(drift, demeaned(rows)) for rows in (true, predicted))
    a, b = unit(true), unit(predicted)
    defined = max(int((a.any(axis=0) & b.any(axis=0)).sum()), 1)
    mean_r = _diagonal_sums(a @ b.T) / defined
    c, d = (unit(parcel_means(rows, labels)) for rows in (true, predicted))
    return ShiftProfile(mean_r, correlations(c, d), shortest, c, d)


def correlations(true: Floats, predicted: Floats) -> Floats:
    """Correlate courses of shape (time, course), of mean 0 and norm 1, at all circular shifts of the second.

    Returns
    -------
    ndarray of shape (shift, course)
        Shift 0 first; row ``k`` is for a prediction that was moved ``k`` samples later.
    """
    spectra = fft.rfft(true, axis=0) * fft.rfft(predicted, axis=0).conj()
    found: Floats = fft.irfft(spectra, n=len(true), axis=0)
    return found


def shift_test(
    profiles: Sequence[ShiftProfile],
    rng: np.random.Generator,
    n_shifts: int = N_DRAWS,
    *,
    width: float = 1.0,
) -> list[NullTest]:
    """Test whether runs correlate more than when each is shifted by its own random amount.

    Parameters
    ----------
    profiles : sequence of ShiftProfile
        The runs, with the same parcels.
    rng : numpy.random.Generator
        Draws the shifts.
    n_shifts : int, default=999
        How many; where there are not as many different ones, each of them once.
    width : float, default=1.0
        What the null is widened by: :func:`cross_fitted_width` where the runs (or blocks) were predicted by
        models trained on each other.

    Returns
    -------
    list of NullTest
        One for each statistic.
    """
    lengths = [(len(run.mean_r), run.shortest) for run in profiles]
    drawn = drawn_shifts(lengths, rng, n_shifts)
    none = [np.zeros(1, np.int64)] * len(profiles)
    observed, null = (_averaged(profiles, shifts) for shifts in (none, drawn))
    return tested(observed, (widened(null[0], width), widened(null[1], width)), SHIFTS)


def cross_fitted_width(profiles: Sequence[ShiftProfile]) -> float:
    """Tell how much wider chance is for models that were trained on each other's runs than shifts show.

    What two runs have in common by chance counts twice, once in each direction, which a shift of test data alone does
    not repeat. It does not only so for the same parcel: what run f makes of parcel p, learned from run g, agrees with
    parcel q of f as what g makes of q, learned from f, agrees with p of g. For a linear model both are the product of
    the same two chance covariances. That is seen in what was measured, for each pair of parcels, and tells how much
    of the variance of the mean over runs is counted twice: at most all of it.

    Parameters
    ----------
    profiles : sequence of ShiftProfile
        The runs, with the same parcels.

    Returns
    -------
    float
        Of standard deviations, between 1 and the square root of 2: the latter too where there is nothing to
        estimate it from (a single parcel, or a single run, in blocks).
    """
    across = np.stack([run.predicted.T @ run.true for run in profiles]).astype(float)
    first, second = np.triu_indices(across.shape[1], 1)
    one, other = across[:, first, second], across[:, second, first]
    own = (one**2 + other**2).sum()
    if len(profiles) == 1 or not own:
        return MOST_WIDENED
    # Sums over pairs of different runs: the product of two sums over runs, without each run with itself.
    twice = 2 * (one.sum(axis=0) * other.sum(axis=0) - (one * other).sum(axis=0)).sum()
    return float(np.sqrt(np.clip(1 + twice / own, 1, MOST_WIDENED**2)))


def tested(
    observed: tuple[Floats, Floats], null: tuple[Floats, Floats], against: str
) -> list[NullTest]:
    """Compare the mean over voxels, shape (1,), and parcels, shape (1, parcel), with those of surrogates.

    Parameters
    ----------
    observed, null : tuple of (ndarray of shape (surrogate,), ndarray of shape (surrogate, parcel))
        Averages over runs; the observed ones have one row.
    against : str
        What the surrogates are.
    """
    return [
        _test(MEAN_R, observed[0], null[0], against),
        _test(MAX_PARCEL_R, observed[1].max(axis=1), null[1].max(axis=1), against),
    ]


def _spanned(columns: Floats) -> Floats:
    """Orthonormal basis, shape (time, rank), of what columns of shape (time, column) span."""
    norm = np.linalg.norm(columns, axis=0)
    left, values, _ = np.linalg.svd(columns / np.where(norm > 0, norm, 1), full_matrices=False)
    basis: Floats = left[:, values > SPANNED * values[0]]
    return basis


def drawn_shifts(
    lengths: Sequence[tuple[int, int]], rng: np.random.Generator, n_shifts: int
) -> list[Ints]:
    """Draw shifts for each run, at random, or list all that there are when those are fewer.

    Parameters
    ----------
    lengths : sequence of (int, int)
        Samples of each run, and its shortest shift.
    rng : numpy.random.Generator
        Draws them.
    n_shifts : int
        How many.

    Returns
    -------
    list of ndarray of shape (shift,)
        One for each run.
    """
    allowed = [np.arange(shortest, n_times - shortest + 1) for n_times, shortest in lengths]
    if math.prod(map(len, allowed)) <= n_shifts:
        return list(np.array(list(itertools.product(*allowed))).T)
    return [rng.choice(some, n_shifts) for some in allowed]


def _averaged(profiles: Sequence[ShiftProfile], shifts: Sequence[Ints]) -> tuple[Floats, Floats]:
    """Average over runs: r over voxels, shape (shift,), and of parcels, (shift, parcel)."""
    pairs = list(zip(profiles, shifts, strict=True))
    over_voxels: Floats = np.mean([run.mean_r[at] for run, at in pairs], axis=0)
    of_parcels: Floats = np.mean([run.parcel_r[at] for run, at in pairs], axis=0)
    return over_voxels, of_parcels


def widened(null: Floats, width: float) -> Floats:
    """Spread a null of shape (surrogate, ...) about its mean."""
    centre = null.mean(axis=0)
    wider: Floats = centre + width * (null - centre)
    return wider


def _test(statistic: str, observed: Floats, null: Floats, against: str) -> NullTest:
    p = (1 + int((null >= observed[0]).sum())) / (1 + len(null))
    return NullTest(statistic, float(observed[0]), p, null, against)


def unit(rows: Floats) -> Floats:
    """Rows of shape (time, voxel), demeaned and of norm 1; 0 where a voxel is constant."""
    centred = demeaned(rows)
    norm = np.sqrt((centred**2).sum(axis=0))
    unit: Floats = (centred / np.where(norm > 0, norm, 1)).astype(np.float32)
    return unit


def _diagonal_sums(products: Floats) -> Floats:
    """Sum over the circular diagonals, shape (shift,), of a matrix of shape (time, time).

    The sum over voxels of all their circular cross-correlations is in the products of whole
    volumes: one matrix product in place of as many Fourier transforms as there are voxels.
    """
    n_times = len(products)
    rows = np.arange(n_times)
    shifted = (rows[None, :] - rows[:, None]) % n_times
    return np.asarray(products[rows[None, :], shifted].sum(axis=1, dtype=float))
