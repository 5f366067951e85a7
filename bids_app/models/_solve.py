"""Linear algebra of the closed-form models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats, Ints

OVERSAMPLING = 10
POWER_ITERATIONS = 3


@dataclass(frozen=True, slots=True, eq=False)
class RidgePath:
    """Ridge solutions for all strengths at once.

    Attributes
    ----------
    left : ndarray of shape (feature, rank)
        Directions of the features.
    values : ndarray of shape (rank,)
        Their eigenvalues.
    right : ndarray of shape (rank, target)
        Their products with the targets.
    """

    left: Floats
    values: Floats
    right: Floats

    def weights(self, strengths: Floats) -> Floats:
        """Weights of shape (feature, target) for one strength per target, shape (target,)."""
        solved: Floats = self.left @ (self.right / (self.values[:, None] + strengths))
        return solved


def ridge_path(features: Floats, targets: Floats) -> RidgePath:
    """Decompose a ridge problem, in the smaller of its two forms.

    Parameters
    ----------
    features : ndarray of shape (sample, feature)
        Centred features.
    targets : ndarray of shape (sample, target)
        Centred targets.

    Returns
    -------
    RidgePath
        Solutions of ``min |targets - features @ weights|² + strength * |weights|²``.
    """
    n_samples, n_features = features.shape
    if n_features <= n_samples:
        values, vectors = np.linalg.eigh(features.T @ features)
        return RidgePath(vectors, np.maximum(values, 0), vectors.T @ (features.T @ targets))
    values, vectors = np.linalg.eigh(features @ features.T)
    return RidgePath(features.T @ vectors, np.maximum(values, 0), vectors.T @ targets)


def drift_basis(times_s: Floats, longest_s: float) -> Floats:
    """Constant and slow cosines of a run.

    Parameters
    ----------
    times_s : ndarray of shape (time,)
        Times of the samples; gaps are allowed.
    longest_s : float
        Period below which fluctuations are kept.

    Returns
    -------
    ndarray of shape (time, drift)
        Orthonormal columns, the constant among them.
    """
    span = times_s[-1] - times_s[0] + np.median(np.diff(times_s)) if len(times_s) > 1 else 1.0
    count = 1 + min(int(2 * span / longest_s), max(len(times_s) // 4, 0))
    phase = np.pi * (times_s - times_s[0])[:, None] / span
    basis: Floats = np.linalg.qr(np.cos(phase * np.arange(count)))[0]
    return basis


def without(basis: Floats, rows: Floats) -> Floats:
    """Rows of shape (time, column) without what a basis of shape (time, drift) explains."""
    basis = basis.astype(rows.dtype)
    rest: Floats = rows - basis @ (basis.T @ rows)
    return rest


def principal_components(
    blocks: Callable[[], Iterator[Floats]], n_components: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Find principal components of rows too large for memory, by randomised iteration.

    Parameters
    ----------
    blocks : callable
        Gives all centred samples for some voxels at a time, shape (sample, some voxels), anew
        at each call.
    n_components : int
        Number of components.
    rng : numpy.random.Generator
        Draws the first subspace.

    Returns
    -------
    components : ndarray of shape (component, voxel)
        Orthonormal rows, strongest first; fewer than asked for when the samples have fewer.
    scores : ndarray of shape (sample, component)
        The samples' weights on them.

    References
    ----------
    Halko, Martinsson & Tropp (2011), SIAM Review 53, 217-288.
    """
    n_samples = len(next(blocks()))
    size = min(n_components + OVERSAMPLING, n_samples)
    left = rng.standard_normal((n_samples, size)).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        product = np.zeros_like(left)
        for block in blocks():
            product += block @ (block.T @ left)
        left = np.linalg.qr(product)[0]
    right = np.concatenate([block.T @ left for block in blocks()])  # (voxel, size)
    values, vectors = np.linalg.eigh((right.T @ right).astype(float))
    order = np.argsort(values)[::-1][:n_components]
    order = order[values[order] > values.max() * np.finfo(np.float32).eps]
    scaled = vectors[:, order] / np.sqrt(values[order])
    components: Floats = (right @ scaled.astype(np.float32)).T
    scores: Floats = left.astype(float) @ (vectors[:, order] * np.sqrt(values[order]))
    return components, scores


def best_strengths(
    features: Floats, targets: Floats, groups: Ints, strengths: Floats
) -> tuple[Floats, Floats]:
    """Choose a strength for each target by leaving groups of samples out.

    Parameters
    ----------
    features : ndarray of shape (sample, feature)
        Centred features.
    targets : ndarray of shape (sample, target)
        Centred targets.
    groups : ndarray of shape (sample,)
        What is left out together.
    strengths : ndarray of shape (strength,)
        Candidates.

    Returns
    -------
    best : ndarray of shape (target,)
        The candidate with the smallest squared error, for each target.
    predicted : ndarray of shape (sample, target)
        What models that did not learn from a sample's group predict of it, with the best strength.

    Notes
    -----
    Nothing is fitted again: with the hat matrix ``H`` of all samples, what a group's samples miss by
    when they are left out is ``(1 - H_gg)^-1`` times what they miss by when they are not.

    With one group there is nothing to choose by: every target gets the middle candidate, and NaN
    is predicted.
    """
    if len(np.unique(groups)) < 2:  # noqa: PLR2004 (nothing to leave out)
        middle = strengths[len(strengths) // 2]
        return np.full(targets.shape[1], middle), np.full(targets.shape, np.nan)
    left, values = _left_vectors(features)
    projected = left.T @ targets
    best = np.full(targets.shape[1], strengths[0])
    least = np.full(targets.shape[1], np.inf)
    predicted = np.empty(targets.shape)
    for strength in strengths:
        shrunk = values / (values + strength)
        missed = targets - left @ (shrunk[:, None] * projected)
        for group in np.unique(groups):
            inside = groups == group
            rows = left[inside]
            rest = np.eye(len(rows)) - (rows * shrunk) @ rows.T
            missed[inside] = np.linalg.solve(rest, missed[inside])
        errors = (missed**2).sum(axis=0)
        better = errors < least
        best[better], least[better] = strength, errors[better]
        predicted[:, better] = (targets - missed)[:, better]
    return best, predicted


def _left_vectors(features: Floats) -> tuple[Floats, Floats]:
    """Left singular vectors, shape (sample, rank), and squared singular values, shape (rank,)."""
    n_samples, n_features = features.shape
    if n_features <= n_samples:
        values, vectors = np.linalg.eigh(features.T @ features)
        kept = values > values.max() * np.finfo(float).eps * n_samples
        return features @ (vectors[:, kept] / np.sqrt(values[kept])), values[kept]
    values, vectors = np.linalg.eigh(features @ features.T)
    return vectors, np.maximum(values, 0)
