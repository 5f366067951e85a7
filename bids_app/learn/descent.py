"""The training loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bids_app.learn import checkpoint, distributed
from bids_app.learn import device as devices
from bids_app.learn.objective import Objective, ahead, geometry_of
from bids_app.learn.schedule import factor
from bids_app.learn.settings import TrainSettings
from bids_app.learn.store import Store
from bids_app.learn.watch import Watch
from bids_app.values import Floats, Ints
from bids_app.values.bundle import EegSpec
from bids_app.values.samples import Samples

log = logging.getLogger(__name__)

WINDOWS_AT_ONCE = 64
NOISE_SLACK = 2**20
"""Places where a batch's noise may begin in the sequence that it is cut from."""

FIRST_RATE = 100
"""The first steps have at least this part of the highest learning rate."""

SMALLEST_GRADIENT = 1e-14
"""What AdamW adds to the size of gradients.

The usual 1e-8 is above those of a mean over thousands of voxels that change by one percent: steps would be too short.
"""

STEPS_PER_LOOK = 10
"""Steps between looks at the loss, which wait for the device."""


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Part of a batch, gathered.

    Attributes
    ----------
    eeg : ndarray of shape (stretch, channel, pooled), or Tensor
        With offsets and noise.
    targets : ndarray of shape (sample, voxel)
        Fractional signal change.
    count, hop : int
        As in :class:`bids_app.learn.store.Piece`.
    weight : float
        What its errors count.
    """

    eeg: Floats | Tensor
    targets: Floats
    count: int
    hop: int
    weight: float


@dataclass(slots=True)
class Standing:
    """How far training is; with weights and moments, all that it needs to go on.

    Attributes
    ----------
    epoch, step : int
        Epoch, and step within it, that come next.
    n_steps : int
        Steps made in all.
    total : float
        Sum over the samples of the epoch so far of their mean squared error.
    count : int
        Number of those samples.
    train, valid : list of float
        Losses by epoch.
    best_epoch : int
        The one whose weights are kept.
    """

    epoch: int = 0
    step: int = 0
    n_steps: int = 0
    total: float = 0.0
    count: int = 0
    train: list[float] = field(default_factory=list)
    valid: list[float] = field(default_factory=list)
    best_epoch: int = 0


class Descent:
    """Gradient descent of one model, in place.

    Parameters
    ----------
    model : torch.nn.Module
        On its device.
    eeg : EegSpec
        What it eats.
    settings : TrainSettings
        How to train.
    seed : int
        Decides order, offsets, noise and dropout of each step, whatever came before it.
    """

    def __init__(self, model: nn.Module, eeg: EegSpec, settings: TrainSettings, seed: int) -> None:
        self.model, self.eeg, self.settings, self.seed = model, eeg, settings, seed
        self.device = next(model.parameters()).device
        self.world = distributed.world()
        objective = devices.compiled(Objective(model), self.device)
        self.objective = self.world.together(objective, self.device)
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            settings.learning_rate,
            eps=SMALLEST_GRADIENT,
            weight_decay=settings.weight_decay,
            fused=True,  # each weight is read and written once
        )
        self.standing = Standing()
        self.best = _weights(model)
        self.noise: Floats = np.empty(0, np.float32)
        self.saved = time.monotonic()

    def run(self, train: Sequence[Samples], valid: Sequence[Samples]) -> dict[str, Any]:
        """Train until the epochs are over or validation stops to improve; keep the best weights.

        Returns
        -------
        dict
            Losses by epoch, ``best_epoch``, ``steps``, and ``ended``: why it ended.
        """
        settings, now = self.settings, self.standing
        folder = settings.folder
        store = Store(train, geometry_of(self.model, self.eeg), folder)
        # Without validation the training set decides, which stops nothing early.
        judge = Store(valid, store.geometry, folder) if valid else store
        for one in (store, judge):
            devices.place(one, self.device)
        now = self._resumed()
        n_steps = settings.epochs * -(-len(store) // settings.batch)
        board = folder / "tensorboard" if settings.tensorboard and folder else None
        watch = Watch(
            min(n_steps, settings.steps or n_steps), now.n_steps, board, silent=self.world.rank > 0
        )
        ended = "all epochs"
        while now.epoch < settings.epochs and ended == "all epochs":
            ended = self._epoch(store, watch) or ended
            self._judge(judge, watch)
            if now.epoch - 1 - now.best_epoch >= settings.patience:
                ended = "no improvement of the validation loss"
        watch.close()
        self.model.load_state_dict(self.best)
        checkpoint.remove(folder)
        return {
            "train": now.train,
            "valid": now.valid,
            "best_epoch": now.best_epoch,
            "steps": now.n_steps,
            "ended": ended,
        }

    def _resumed(self) -> Standing:
        folder = self.settings.folder
        found = checkpoint.restore(folder, self.model, self.optimizer) if folder else None
        if found is not None:
            self.best, self.standing = found[0], Standing(**found[1])
            log.info("training goes on after step %d", self.standing.n_steps)
        return self.standing

    def _epoch(self, store: Store, watch: Watch) -> str:
        """Make the steps of an epoch that are left; tell why training must end, if it must."""
        now, settings = self.standing, self.settings
        rng = np.random.default_rng([self.seed, now.epoch])
        batches = store.batches(settings.batch, settings.neighbours, rng)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        self.model.train()
        left = enumerate(batches[now.step :], start=now.step)
        for number, n_samples, pieces in ahead(
            (number, int(count.sum()), self._gathered(store, first, count, number))
            for number, (first, count) in left
        ):
            if settings.steps and now.n_steps >= settings.steps:
                break
            rate = self._set_rate(number / len(batches))
            total += self._step(pieces, n_samples, number)
            now.count += n_samples
            now.step, now.n_steps = number + 1, now.n_steps + 1
            loss = float(total) / now.count if now.n_steps % STEPS_PER_LOOK == 0 else None
            watch.step(now.n_steps, loss, rate)
            if settings.folder and time.monotonic() - self.saved >= settings.checkpoint_s:
                now.total, total = now.total + float(self.world.total(total)), 0 * total
                self._save()
        now.total += float(self.world.total(total))
        return "step limit" if settings.steps and now.n_steps >= settings.steps else ""

    def _judge(self, store: Store, watch: Watch) -> None:
        """End an epoch: validate, and keep the weights if they are the best."""
        now = self.standing
        now.train.append(now.total / max(now.count, 1))
        now.valid.append(loss_of(self.model, store))
        watch.epoch(now.epoch, {"train": now.train[-1], "valid": now.valid[-1]})
        if now.valid[-1] <= min(now.valid):
            now.best_epoch, self.best = now.epoch, _weights(self.model)
        now.epoch, now.step, now.total, now.count = now.epoch + 1, 0, 0.0, 0

    def _gathered(self, store: Store, first: Ints, count: Ints, number: int) -> list[Ready]:
        """Gather this process's share of a batch, with offsets and noise.

        Both are drawn for the whole batch, so that they do not depend on how it is shared.
        """
        rng = np.random.default_rng([self.seed, self.standing.epoch, number])
        size = (len(first), len(self.eeg.channels), 1)
        offsets = np.float32(self.settings.shift) * rng.standard_normal(size, np.float32)
        begins = rng.integers(NOISE_SLACK, size=len(first))
        order = np.argsort(first)
        own = self.world.mine(np.arange(len(first)))
        # A process without a share computes something, as all wait for each other's gradients.
        own, weight = (own, 1.0) if len(own) else (np.zeros(1, np.int64), 0.0)
        most = -(-self.settings.batch // self.settings.accumulate)
        ready = []
        for piece in store.pieces(first[own], count[own], most):
            where = order[np.searchsorted(first, piece.first, sorter=order)]
            eeg = store.gather_placed(piece) if store.is_placed else store.gather(piece)
            self._augment(eeg, offsets[where], begins[where])
            targets = store.targets(piece.samples)
            ready.append(Ready(eeg, targets, piece.count, piece.hop, weight))
        return ready

    def _augment(self, eeg: Floats | Tensor, offsets: Floats, begins: Ints) -> None:
        """Add offsets and noise to stretches of shape (stretch, channel, pooled), in place."""
        if isinstance(eeg, Tensor):
            eeg += torch.from_numpy(offsets).to(eeg.device)
            eeg += self._noise_spread * torch.randn_like(eeg)
            return
        eeg += offsets
        if not self.settings.noise:
            return
        length = eeg[0].size
        if len(self.noise) < length + NOISE_SLACK:
            # To draw each batch's noise anew would take longer than to learn from it.
            rng = np.random.default_rng(self.seed)
            self.noise = rng.standard_normal(length + NOISE_SLACK, np.float32)
            self.noise *= self._noise_spread
        for row, begin in enumerate(begins):
            eeg[row] += self.noise[begin : begin + length].reshape(eeg[row].shape)

    @property
    def _noise_spread(self) -> float:
        """Of averages: that of samples, divided by the root of their number."""
        return float(self.settings.noise / np.sqrt(geometry_of(self.model, self.eeg).pool))

    def _step(self, pieces: Sequence[Ready], n_samples: int, number: int) -> Tensor:
        """Make one step; gives the sum of this process's mean squared errors."""
        torch.manual_seed(hash((self.seed, self.standing.epoch, number)))
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for piece in pieces:
            true = devices.copy(piece.targets, self.device)
            eeg = devices.copy(piece.eeg, self.device)
            with self._in_step(last=piece is pieces[-1]):
                with devices.autocast(self.device):
                    predicted = self.objective(eeg, piece.count, piece.hop, true)
                squared = piece.weight * (predicted.float() - true).square().mean(1).sum()
                # Processes average their gradients; their shares of the batch add up.
                (squared * (self.world.size / n_samples)).backward()
            total += squared.detach()
        self.optimizer.step()
        return total

    def _in_step(self, *, last: bool) -> AbstractContextManager[None]:
        """Let processes exchange gradients with the last part of a batch only."""
        if last or not isinstance(self.objective, DistributedDataParallel):
            return nullcontext()
        return self.objective.no_sync()

    def _set_rate(self, share: float) -> float:
        """Set the learning rate for the step that comes `share` through the epoch."""
        now, settings = self.standing, self.settings
        done = (now.epoch + share) / settings.epochs
        if settings.steps:
            done = max(done, now.n_steps / settings.steps)
        # Not from 0 on: the first step would be lost.
        done = max(done, min(settings.warm_up, 1.0) / FIRST_RATE)
        rate = settings.learning_rate * factor(done, settings.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _save(self) -> None:
        self.saved = time.monotonic()
        if self.world.rank == 0 and self.settings.folder:
            standing = asdict(self.standing)
            checkpoint.save(self.settings.folder, self.model, self.best, self.optimizer, standing)


@torch.no_grad()
def loss_of(model: nn.Module, store: Store) -> float:
    """Mean squared error over all windows of a store, without augmentation, dropout or the true volume."""
    total = 0.0
    for samples, rows in predicted(model, store):
        true = torch.from_numpy(store.targets(samples)).to(rows.device)
        total += float((rows - true).square().mean(1).sum())
    return total / len(store)


@torch.no_grad()
def predicted(
    model: nn.Module, store: Store, *, forced: bool = False
) -> Iterator[tuple[Ints, Tensor]]:
    """Predict all windows of a store, some at a time, in their order.

    Parameters
    ----------
    model : torch.nn.Module
        Any; it is put into evaluation mode.
    store : Store
        What it eats.
    forced : bool, default=False
        Show the model the true volumes, which the store must have; see :class:`~bids_app.models.base.TeacherForced`.

    Yields
    ------
    samples : ndarray of shape (sample,)
        Which of the store's windows.
    rows : Tensor of shape (sample, voxel)
        Fractional signal change, float32, on the model's device.
    """
    objective = Objective(model.eval())
    device = next(iter((*model.parameters(), *model.buffers()))).device
    for first, count in store.batches(WINDOWS_AT_ONCE, WINDOWS_AT_ONCE):
        for piece in store.pieces(first, count, WINDOWS_AT_ONCE):
            eeg = store.gather_placed(piece) if store.is_placed else store.gather(piece)
            true = devices.copy(store.targets(piece.samples), device) if forced else None
            with devices.autocast(device):
                rows = objective(devices.copy(eeg, device), piece.count, piece.hop, true)
            yield piece.samples, rows.float()


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
