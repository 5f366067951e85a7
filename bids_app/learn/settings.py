"""How to train."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of training, table ``[train]``.

    Attributes
    ----------
    epochs : int
        Most passes through the training set.
    steps : int
        Most steps, whatever the epochs; 0 for no such limit.
    batch : int
        Samples in a step.
    accumulate : int
        Parts that a step is computed in, one after the other, to need less memory.
    neighbours : int
        Neighbouring windows that are drawn together where the model filters them as one stretch,
        which is faster; with 1, each window is drawn for itself.
    learning_rate : float
        Highest of AdamW.
    warm_up : float
        Share of the training in which the learning rate rises, before it falls as a half cosine.
    weight_decay : float
        Of AdamW.
    patience : int
        Epochs without improvement of the inner validation loss after which training stops.
    shift : float
        Standard deviation of the random offset of each channel, in scaled units; in training only.
    noise : float
        Standard deviation of the noise added to each EEG sample, in scaled units; in training only.
    seed : int
        Seed of everything that is drawn.
    device : str
        See :func:`bids_app.learn.device.choose`.
    deterministic : bool
        On a GPU, use only operations that give the same result each time, where that is slower.
    checkpoint_s : float
        Seconds between checkpoints, which training goes on from when it was cut off.
    tensorboard : bool
        Write losses for TensorBoard into the work folder.
    folder : Path or None
        Where checkpoints and large intermediate arrays are kept; None to keep none.
    arguments : dict
        Settings of the architecture.
    """

    epochs: int = 30
    steps: int = 0
    batch: int = 32
    accumulate: int = 1
    neighbours: int = 16
    learning_rate: float = 1e-3
    warm_up: float = 0.05
    weight_decay: float = 1e-2
    patience: int = 5
    shift: float = 0.2
    noise: float = 1e-3
    seed: int = 0
    device: str = "auto"
    deterministic: bool = False
    checkpoint_s: float = 300.0
    tensorboard: bool = False
    folder: Path | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
