"""Models that predict a few regions or components, and hand out voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import DataError
from bids_app.learn.batches import targets_of
from bids_app.models.base import AlongRuns
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec
from bids_app.values.samples import Samples

VOLUMES_PER_RUN = 40
"""That components are found in; all volumes of a group may not fit into memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """From voxels to codes and back.

    Attributes
    ----------
    encode : ndarray of shape (voxel, code)
        What codes are made of.
    decode : ndarray of shape (code, voxel)
        What they stand for.
    """

    encode: Floats
    decode: Floats

    def of(self, runs: Sequence[Samples]) -> list[Samples]:
        """Give runs codes, shape (sample, code), as targets."""
        return [
            replace(run, targets=np.asarray(targets_of(run) @ self.encode, np.float32))
            for run in runs
        ]


def codes_of(bold: BoldSpec, train: Sequence[Samples], seed: int) -> Codes:
    """Find what the codes of some targets are; nothing but training data is looked at.

    Parameters
    ----------
    bold : BoldSpec
        With targets that are not voxels.
    train : sequence of Samples
        Training runs.
    seed : int
        Of the search for components.

    Raises
    ------
    DataError
        When there are not as many components as were asked for.
    """
    kind = bold.targets
    if kind.labels is not None:
        decode = (kind.labels[None] == np.arange(1, kind.count + 1)[:, None]).astype(np.float32)
        return Codes((decode / np.maximum(decode.sum(axis=1, keepdims=True), 1)).T, decode)
    some = np.concatenate([targets_of(run)[:: 1 + len(run) // VOLUMES_PER_RUN] for run in train])
    if len(some) < kind.count:
        raise DataError(
            f"{kind.count} components were asked for; {len(some)} volumes are there to find them in",
            hint="ask for fewer with [targets] count",
        )
    from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415 (slow to load, and --targets components alone needs it)

    _, _, components = randomized_svd(some, kind.count, random_state=seed)
    return Codes(components.T.astype(np.float32), components.astype(np.float32))


class Reduced(nn.Module):
    """A model of codes, with what they stand for.

    Parameters
    ----------
    inner : torch.nn.Module
        Predicts (batch, code).
    decode : Tensor of shape (code, voxel)
        What codes stand for.
    """

    decode: Tensor

    def __init__(self, inner: nn.Module, decode: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("decode", decode)

    def forward(self, eeg: Tensor) -> Tensor:
        """Predict voxels of shape (batch, voxel) from EEG of shape (batch, channel, time)."""
        voxels: Tensor = self.inner(eeg) @ self.decode
        return voxels


class ReducedAlongRuns(Reduced):
    """The same of a model that computes once what windows share."""

    def of_run(self, samples: Samples) -> Tensor:
        """Predict voxels of shape (sample, voxel) of a run."""
        assert isinstance(self.inner, AlongRuns)
        return self.inner.of_run(samples) @ self.decode


def wrapped(inner: nn.Module, decode: Tensor) -> Reduced:
    """Let a model of codes hand out voxels; `decode` has shape (code, voxel)."""
    kind = ReducedAlongRuns if isinstance(inner, AlongRuns) else Reduced
    return kind(inner, decode)


def empty(inner: nn.Module, bold: BoldSpec) -> Reduced:
    """Wrap a model whose codes are still to be loaded."""
    return wrapped(inner, torch.zeros(bold.targets.count, bold.n_voxels))
