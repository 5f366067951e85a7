"""What the loop asks of a model: predictions of stretches of windows, in training and outside it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from torch import Tensor, nn

from bids_app.learn.store import Geometry
from bids_app.models._network import Network
from bids_app.models.base import TeacherForced
from bids_app.values.bundle import EegSpec

T = TypeVar("T")


class Objective(nn.Module):
    """A model as the loop calls it.

    In training a model that can be shown the true volume is; outside it, none is.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, eeg: Tensor, count: int, hop: int, targets: Tensor | None = None) -> Tensor:
        """Predict voxels.

        Parameters
        ----------
        eeg : Tensor of shape (stretch, channel, pooled)
            Averages under `count` windows each, `hop` averages apart.
        count, hop : int
            See :meth:`bids_app.models._network.Network.windows`.
        targets : Tensor of shape (stretch * count, voxel), optional
            The truth, for teacher forcing.

        Returns
        -------
        Tensor of shape (stretch * count, voxel)
            Fractional signal change.
        """
        if not isinstance(self.model, Network):
            whole: Tensor = self.model(eeg)
            return whole
        features = self.model.windows(eeg, count, hop)
        if targets is not None and isinstance(self.model, TeacherForced):
            return self.model.forced(features, targets)
        return self.model.head(features)


def geometry_of(model: nn.Module, eeg: EegSpec) -> Geometry:
    """What a model wants of the EEG: windows as they are, unless it says that it averages them."""
    if not isinstance(model, Network):
        return Geometry(1, eeg.n_window)
    return Geometry(model.pool, model.n_pooled, model.stride if model.has_filters else 0)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Make the next item while the last one is used."""
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(next, items, None)
        while (item := waiting.result()) is not None:
            waiting = worker.submit(next, items, None)
            yield item
