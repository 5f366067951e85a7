"""How one person's hemodynamic response differs from that of the people whom a linear model learned from.

All features of a source and band stand for lag shapes. A person whose response is later, wider or weaker than the
population's has the population's weights, mixed over lag shapes by one small matrix that all sources, bands and targets
share. Its few numbers are what can be learned from a run or two; they are drawn towards no change as firmly as people
of the training set, left out and treated the same way, ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats

VARIANCES = (0.0, *(float(value) for value in np.logspace(-4, 1, 11)))
"""Candidates for how much entries of the matrix differ between people; none at all among them."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Runs of someone left out, and what was learned from the others.

    Attributes
    ----------
    features : list of ndarray of shape (sample, feature)
        By run, without drift; features of a source and band are neighbours, one per lag shape.
    targets : list of ndarray of shape (sample, target)
        By run, without drift.
    weights : ndarray of shape (feature, target)
        Learned without this person.
    """

    features: Sequence[Floats]
    targets: Sequence[Floats]
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What is known of people before any is seen.

    Attributes
    ----------
    n_shapes : int
        Lag shapes.
    variance : float
        Of an entry of the matrix between people; 0 to leave everybody as the population is.
    noise : ndarray of shape (target,)
        Mean square that the population's weights miss a target by.
    """

    n_shapes: int
    variance: float
    noise: Floats


def fitted(features: Floats, targets: Floats, weights: Floats, prior: Prior) -> Floats:
    """Find the most likely weights of a person.

    Parameters
    ----------
    features : ndarray of shape (sample, feature)
        Of the person's runs, without drift.
    targets : ndarray of shape (sample, target)
        Of the same.
    weights : ndarray of shape (feature, target)
        The population's.
    prior : Prior
        How far people differ.

    Returns
    -------
    ndarray of shape (feature, target)
        The person's weights.
    """
    products, missed = _equations(features, targets, weights, prior)
    return _mixed(weights, _solved(products, missed, prior.variance), prior.n_shapes)


def best_variance(people: Sequence[Person], noise: Floats, n_shapes: int) -> float:
    """Choose how far people differ: each is calibrated on the first run, and tried on the others.

    Parameters
    ----------
    people : sequence of Person
        With two runs or more.
    noise : ndarray of shape (target,)
        See :class:`Prior`.
    n_shapes : int
        Lag shapes.

    Returns
    -------
    float
        The candidate with the smallest squared error.
    """
    errors = np.zeros(len(VARIANCES))
    prior = Prior(n_shapes, 0.0, noise)
    for person in people:
        products, missed = _equations(person.features[0], person.targets[0], person.weights, prior)
        mixed = [
            _mixed(person.weights, _solved(products, missed, variance), n_shapes)
            for variance in VARIANCES
        ]
        for features, targets in zip(person.features[1:], person.targets[1:], strict=True):
            errors += [np.sum((targets - features @ weights) ** 2) for weights in mixed]
    return VARIANCES[int(errors.argmin())]


def _equations(
    features: Floats, targets: Floats, weights: Floats, prior: Prior
) -> tuple[Floats, Floats]:
    """Normal equations of the matrix: products of its regressors, and theirs with what is missed."""
    count = prior.n_shapes
    by_shape = features.reshape(len(features), -1, count)
    learned = weights.reshape(-1, count, weights.shape[1])
    scale = 1 / np.sqrt(np.maximum(prior.noise, np.finfo(float).tiny))
    courses = np.stack([
        ((by_shape[:, :, one] @ learned[:, other]) * scale).ravel()
        for one in range(count)
        for other in range(count)
    ])
    missed = ((targets - features @ weights) * scale).ravel()
    return courses @ courses.T, courses @ missed


def _solved(products: Floats, missed: Floats, variance: float) -> Floats:
    """Change of the matrix from the identity, shape (shape times shape,)."""
    if variance == 0:
        return np.zeros_like(missed)
    change: Floats = np.linalg.solve(products + np.eye(len(products)) / variance, missed)
    return change


def _mixed(weights: Floats, change: Floats, n_shapes: int) -> Floats:
    learned = weights.reshape(-1, n_shapes, weights.shape[1])
    added = np.einsum("ij,fjk->fik", change.reshape(n_shapes, n_shapes), learned)
    mixed: Floats = weights + added.reshape(weights.shape)
    return mixed
