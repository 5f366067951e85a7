"""Ridge regression from lagged log band power to principal components of BOLD, in closed form.

Power of each electrode and band over the last half minute is reduced to a few lag shapes of the
hemodynamic family (:mod:`bids_app.models._power`); targets are reduced to their principal
components; each component gets the strength that predicts best when participants (or runs) of the
training set are left out. What is constant or slower than 128 s within a run is taken out of
features and targets in training: differences between people and runs are not coupling.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import DataError
from bids_app.models._noise import ResidualSpread
from bids_app.models._power import BandPower, PowerSettings
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
        for run in runs:
            if run.targets is None:
                raise DataError(f"{run.run}: no BOLD to learn from")
        drifts = [drift_basis(run.stops / run.rate_hz, self.settings.drift_s) for run in runs]
        raw = [self.features_of_run(run).cpu().numpy() for run in runs]
        x = np.concatenate([
            without(drift, rows.astype(float)) for drift, rows in zip(drifts, raw, strict=True)
        ])
        if np.abs(x).max() <= ROUNDING * max(np.abs(rows).max() for rows in raw):
            return {"strengths": [], "explained_when_left_out": []}
        components, scores = principal_components(
            lambda: _blocks(runs, drifts), self.settings.n_components, np.random.default_rng(seed)
        )
        groups = np.repeat(_groups(train, valid), [len(run) for run in runs])
        scale = float(np.mean(x**2)) * len(x)
        strengths, left_out = best_strengths(
            x, scores, groups, np.array(self.settings.strengths) * scale
        )
        weights = ridge_path(x, scores).weights(strengths)
        self._keep(np.concatenate(raw).mean(axis=0), weights, components)
        if np.isfinite(left_out).all():
            self.noise.fit(runs, left_out.astype(np.float32) @ components, groups)
        explained = 1 - ((scores - left_out) ** 2).sum(axis=0) / (scores**2).sum(axis=0)
        return {
            "strengths": [_rounded(value / scale) for value in strengths],
            "explained_when_left_out": [_rounded(value) for value in explained],
        }

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


def _groups(train: Sequence[Samples], valid: Sequence[Samples]) -> Ints:
    """Which runs are left out together: a person's, or each run, or the validation set."""
    runs = [run for run in (*train, *valid) if len(run)]
    for names in ([run.participant for run in runs], [run.run for run in runs]):
        if len(set(names)) > 1:
            return np.unique(names, return_inverse=True)[1]
    halves: Ints = np.array([0] * len([run for run in train if len(run)]) + [1] * len(valid))
    return halves[: len(runs)]
