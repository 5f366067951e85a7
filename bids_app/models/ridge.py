"""Ridge regression from lagged log band power to principal components of BOLD, in closed form.

Power of each electrode and band over the last half minute is reduced to a few lag shapes of the
hemodynamic family (:mod:`bids_app.models._power`); targets are reduced to their principal
components; each component gets the strength that predicts best when participants (or runs) of the
training set are left out. What is constant or slower than 128 s within a run is taken out of
features and targets in training: differences between people and runs are not coupling. A person with
BOLD can have a response of their own (:mod:`bids_app.models._response`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import DataError
from bids_app.models._noise import ResidualSpread
from bids_app.models._power import BandPower, PowerSettings
from bids_app.models._response import Person, Prior, best_variance, fitted
from bids_app.models._solve import (
    best_strengths,
    drift_basis,
    principal_components,
    ridge_path,
    without,
)
from bids_app.models.base import settings_of
from bids_app.values import Floats, Ints
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

VOXELS_AT_ONCE = 4096

UNKNOWN = -1.0
"""Variance between people that was never learned: weights on disk must be finite."""

MOST_PEOPLE = 12
"""To learn it from: more of them change a single number little."""

ROUNDING = 1e-5
"""Features that vary by less, of their size, do not vary: an EEG that is constant tells nothing."""


@dataclass(frozen=True, slots=True)
class Settings(PowerSettings):
    """Settings of the ridge, after those of its features.

    Attributes
    ----------
    n_components : int
        Principal components of the targets.
    drift_s : float
        Fluctuations slower than this are not learned from.
    strengths : tuple of float
        Candidates, in mean squares of a feature per sample.
    """

    n_components: int = 50
    drift_s: float = 128.0
    strengths: tuple[float, ...] = tuple(float(value) for value in np.logspace(-3, 4, 15))


def build(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> Ridge:
    """Build an unfitted ridge, which predicts no change; see :mod:`bids_app.models.base`."""
    return Ridge(eeg, bold, settings_of(Settings, "ridge", settings))


class Ridge(nn.Module):
    """See the top of this file."""

    average: Tensor
    weights: Tensor
    components: Tensor
    between_people: Tensor
    component_noise: Tensor

    def __init__(
        self, eeg: EegSpec, bold: BoldSpec, settings: Settings, n_sources: int | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        names = [field.name for field in fields(PowerSettings)]
        self.power = BandPower(
            eeg, bold, PowerSettings(**{name: getattr(settings, name) for name in names})
        )
        n_features = (n_sources or len(eeg.channels)) * self.power.n_features_per_channel
        self.register_buffer("average", torch.zeros(n_features))
        self.register_buffer("weights", torch.zeros(n_features, settings.n_components))
        self.register_buffer("components", torch.zeros(settings.n_components, bold.n_voxels))
        self.register_buffer("between_people", torch.tensor(UNKNOWN))
        self.register_buffer("component_noise", torch.ones(settings.n_components))
        self.noise = ResidualSpread(bold.n_voxels)

    def features(self, eeg: Tensor) -> Tensor:
        """Features of shape (batch, feature) of windows of shape (batch, channel, time)."""
        features: Tensor = self.power(eeg)
        return features

    def features_of_run(self, samples: Samples) -> Tensor:
        """Features of shape (sample, feature) of a run."""
        return self.power.of_run(samples)

    def forward(self, eeg: Tensor) -> Tensor:
        """Predict voxels of shape (batch, voxel) from EEG of shape (batch, channel, time)."""
        return self._decode(self.features(eeg))

    def of_run(self, samples: Samples) -> Tensor:
        """Predict voxels of shape (sample, voxel) of a run."""
        return self._decode(self.features_of_run(samples))

    def spread_of_run(self, samples: Samples) -> Tensor:
        """Predictive standard deviation, shape (sample, voxel); see :class:`bids_app.models.base.Uncertain`."""
        spread: Tensor = self.noise(torch.from_numpy(samples.volumes / samples.n_volumes))
        return spread

    def reliable(self) -> Tensor:
        """Voxels with skill, shape (voxel,); see :class:`bids_app.models.base.Uncertain`."""
        return self.noise.reliable

    def _decode(self, features: Tensor) -> Tensor:
        """From (sample, feature) to (sample, voxel)."""
        change: Tensor = (features - self.average) @ self.weights @ self.components
        return change

    @torch.no_grad()
    def fit(
        self, train: Sequence[Samples], valid: Sequence[Samples], *, seed: int
    ) -> dict[str, Any]:
        """Learn from runs with targets; see :class:`bids_app.models.base.ClosedForm`.

        Raises
        ------
        DataError
            When a run has no targets.
        """
        runs = [run for run in (*train, *valid) if len(run)]
        raw, drifts = self._heard(runs)
        x = np.concatenate([
            without(drift, rows.astype(float)) for drift, rows in zip(drifts, raw, strict=True)
        ])
        if np.abs(x).max() <= ROUNDING * max(np.abs(rows).max() for rows in raw):
            return {"strengths": [], "explained_when_left_out": []}
        components, scores = principal_components(
            lambda: _blocks(runs, drifts), self.settings.n_components, np.random.default_rng(seed)
        )
        of_runs = _groups(train, valid)
        groups = np.repeat(of_runs, [len(run) for run in runs])
        scale = float(np.mean(x**2)) * len(x)
        strengths, left_out = best_strengths(
            x, scores, groups, np.array(self.settings.strengths) * scale
        )
        several = _several_runs(runs, of_runs)
        fits = [scores, *(np.where((groups == one)[:, None], left_out, scores) for one in several)]
        # Who is predicted exactly as when left out is not learned from.
        weights = ridge_path(x, np.hstack(fits)).weights(np.tile(strengths, len(fits)))
        weights, *others = np.split(weights, len(fits), axis=1)
        self._keep(np.concatenate(raw).mean(axis=0), weights, components)
        if np.isfinite(left_out).all():
            self.noise.fit(runs, left_out.astype(np.float32) @ components, groups)
        if several:
            noise = np.mean((scores - left_out) ** 2, axis=0)
            edges = np.cumsum([len(run) for run in runs])[:-1]
            parts = list(zip(np.split(x, edges), np.split(scores, edges), strict=True))
            self._learn_people(parts, of_runs, dict(zip(several, others, strict=True)), noise)
        explained = 1 - ((scores - left_out) ** 2).sum(axis=0) / (scores**2).sum(axis=0)
        return {
            "strengths": [_rounded(value / scale) for value in strengths],
            "explained_when_left_out": [_rounded(value) for value in explained],
        }

    @torch.no_grad()
    def calibrate(self, runs: Sequence[Samples]) -> Ridge:
        """Give a copy with the response of one person; see :class:`bids_app.models.base.Calibrated`."""
        if float(self.between_people) == UNKNOWN:
            raise DataError(
                f"{runs[0].run}: cannot be calibrated on: the model does not know how people differ",
                hint="train it on two people or more, of whom somebody has two runs",
            )
        raw, drifts = self._heard(runs)
        heard = list(zip(drifts, raw, runs, strict=True))
        components, weights = (
            part.cpu().numpy().astype(float) for part in (self.components, self.weights)
        )
        features = np.concatenate([without(drift, rows.astype(float)) for drift, rows, _ in heard])
        targets = np.concatenate([
            without(drift, np.asarray(run.targets, np.float32)) @ components.T
            for drift, _, run in heard
        ])
        prior = Prior(
            self.power.n_shapes, float(self.between_people), self.component_noise.cpu().numpy()
        )
        own = copy.deepcopy(self)
        own.weights.copy_(torch.from_numpy(fitted(features, targets, weights, prior)))
        return own

    def _heard(self, runs: Sequence[Samples]) -> tuple[list[Floats], list[Floats]]:
        """Features and drift of each run."""
        for run in runs:
            if run.targets is None:
                raise DataError(f"{run.run}: no BOLD to learn from")
        drifts = [drift_basis(run.stops / run.rate_hz, self.settings.drift_s) for run in runs]
        return [self.features_of_run(run).cpu().numpy() for run in runs], drifts

    def _learn_people(
        self,
        parts: Sequence[tuple[Floats, Floats]],
        groups: Ints,
        others: dict[int, Floats],
        noise: Floats,
    ) -> None:
        """Learn how people differ from the features and scores of each run, and weights without each person."""
        people = []
        for number, weights in others.items():
            own = [part for part, group in zip(parts, groups, strict=True) if group == number]
            people.append(Person([x for x, _ in own], [y for _, y in own], weights))
        self.between_people.fill_(best_variance(people, noise, self.power.n_shapes))
        self.component_noise[: len(noise)] = torch.from_numpy(noise)

    def _keep(self, average: Floats, weights: Floats, components: Floats) -> None:
        self.average.copy_(torch.from_numpy(average))
        for buffer, found in ((self.weights.T, weights.T), (self.components, components)):
            buffer.zero_()
            buffer[: len(found)] = torch.from_numpy(found).to(buffer)


def _rounded(value: float) -> float | None:
    """Six digits for the record; None for NaN, which JSON has not."""
    return None if np.isnan(value) else round(float(value), 6)


def _blocks(runs: Sequence[Samples], drifts: Sequence[Floats]) -> Iterator[Floats]:
    """Targets of all samples without drift, some voxels at a time."""
    targets = [targets for run in runs if (targets := run.targets) is not None]
    for start in range(0, targets[0].shape[1], VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        yield np.concatenate([
            without(drift, np.asarray(rows[:, some], np.float32))
            for drift, rows in zip(drifts, targets, strict=True)
        ])


def _several_runs(runs: Sequence[Samples], groups: Ints) -> list[int]:
    """Groups of the people with two runs or more, where people are what is left out."""
    found: dict[int, set[str]] = {}
    for run, group in zip(runs, groups, strict=True):
        found.setdefault(int(group), set()).add(run.run)
    if len({run.participant for run in runs}) < 2:  # noqa: PLR2004 (nobody to differ from)
        return []
    return [group for group, own in found.items() if len(own) > 1][:MOST_PEOPLE]


def _groups(train: Sequence[Samples], valid: Sequence[Samples]) -> Ints:
    """Which runs are left out together: a person's, or each run, or the validation set."""
    runs = [run for run in (*train, *valid) if len(run)]
    for names in ([run.participant for run in runs], [run.run for run in runs]):
        if len(set(names)) > 1:
            return np.unique(names, return_inverse=True)[1]
    halves: Ints = np.array([0] * len([run for run in train if len(run)]) + [1] * len(valid))
    return halves[: len(runs)]
