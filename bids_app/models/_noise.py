"""How far measured BOLD lies from what was predicted, learned from people left out of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
import torch
from torch import Tensor, nn

from bids_app.values import Floats, Ints
from bids_app.values.samples import Samples

N_PARTS = 16
"""Parts of a run in which the error may differ: drift is largest at both ends."""

LEVEL = 0.05
MORE_THAN_DRIFT = 1e-12


class ResidualSpread(nn.Module):
    """A standard deviation for each voxel, times the course of the error over a run.

    Both include what no EEG can tell: noise and drift of the measurement.
    """

    by_voxel: Tensor
    by_part: Tensor
    reliable: Tensor

    def __init__(self, n_voxels: int) -> None:
        super().__init__()
        self.register_buffer("by_voxel", torch.full((n_voxels,), UNKNOWN))
        self.register_buffer("by_part", torch.ones(N_PARTS))
        self.register_buffer("reliable", torch.zeros(n_voxels, dtype=torch.bool))

    def forward(self, position: Tensor) -> Tensor:
        """Standard deviation of shape (sample, voxel).

        Parameters
        ----------
        position : Tensor of shape (sample,)
            Volume numbers over the length of the run, 0 to 1.
        """
        part = _part(position).to(self.by_part.device)
        known = torch.where(self.by_voxel >= 0, self.by_voxel, torch.nan)
        spread: Tensor = self.by_part[part, None] * known
        return spread

    @torch.no_grad()
    def fit(self, runs: Sequence[Samples], predicted: Floats, groups: Ints) -> None:
        """Learn from runs that were left out.

        Parameters
        ----------
        runs : sequence of Samples
            With targets.
        predicted : ndarray of shape (sample, voxel)
            Of all runs, in order, each by a model that did not learn from its group.
        groups : ndarray of shape (sample,)
            What was left out together.
        """
        edges = np.cumsum([len(run) for run in runs])[:-1]
        measured = [_centred(run.targets) for run in runs if run.targets is not None]
        guesses = [_centred(rows) for rows in np.split(predicted, edges)]
        missed = np.concatenate([a - b for a, b in zip(measured, guesses, strict=True)])
        mean_square = np.mean(missed**2, axis=0, dtype=float)
        relative = np.mean(missed**2 / np.maximum(mean_square, MORE_THAN_DRIFT), axis=1)
        position = np.concatenate([run.volumes / run.n_volumes for run in runs])
        part = _part(torch.from_numpy(position)).numpy()
        count = np.bincount(part, minlength=N_PARTS)
        by_part = np.bincount(part, relative, N_PARTS) / np.maximum(count, 1)
        by_part[count == 0] = by_part[count > 0].max()
        self.by_voxel.copy_(torch.from_numpy(np.sqrt(mean_square)))
        self.by_part.copy_(torch.from_numpy(np.sqrt(by_part)))
        agreement = np.array([_correlation(*pair) for pair in zip(measured, guesses, strict=True)])
        self.reliable.copy_(torch.from_numpy(_above_chance(agreement, groups[np.r_[0, edges]])))


UNKNOWN = -1.0
"""Stands for a spread that was never learned: weights on disk must be finite."""


def _part(position: Tensor) -> Tensor:
    return (position * N_PARTS).long().clamp(0, N_PARTS - 1)


def _centred(rows: Floats) -> Floats:
    centred: Floats = rows - rows.mean(axis=0)
    return centred


def _correlation(a: Floats, b: Floats) -> Floats:
    """Correlation over time of centred rows of shape (time, voxel); 0 where one is constant."""
    size = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    found: Floats = (a * b).sum(axis=0) / np.maximum(size, np.finfo(np.float32).tiny)
    return found


def _above_chance(agreement: Floats, groups: Ints) -> Floats:
    """Voxels whose r, shape (run, voxel), is above 0 over groups, by a one-sided t test at 5 %."""
    mean = np.array([agreement[groups == some].mean(axis=0) for some in set(groups)])
    error = mean.std(axis=0, ddof=1) / np.sqrt(len(mean))
    above: Floats = mean.mean(axis=0) > scipy.stats.t.ppf(1 - LEVEL, len(mean) - 1) * error
    return above
