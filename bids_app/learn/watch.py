"""What a person sees of training: a bar with loss and time left, and TensorBoard when asked."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bids_app.errors import UsageError


class Watch:
    """Shows how training goes.

    Parameters
    ----------
    n_steps : int
        Most steps of the training.
    done : int
        Steps that an earlier call made.
    tensorboard : Path or None
        Folder for TensorBoard; None for no such thing.
    silent : bool
        Show nothing, as in all processes but one.

    Raises
    ------
    UsageError
        When TensorBoard is asked for and is not installed.
    """

    def __init__(self, n_steps: int, done: int, tensorboard: Path | None, *, silent: bool) -> None:
        silent = silent or not sys.stderr.isatty()
        self.bar = tqdm(total=n_steps, initial=done, desc="training", unit="step", disable=silent)
        self.writer: Any = _writer(tensorboard) if tensorboard else None

    def step(self, number: int, loss: float | None, rate: float) -> None:
        """Tell of one step; the loss of every step is not worth waiting for."""
        self.bar.update()
        if loss is not None:
            self.bar.set_postfix(loss=f"{loss:.3e}", refresh=False)
            if self.writer is not None:
                self.writer.add_scalar("loss/step", loss, number)
                self.writer.add_scalar("learning rate", rate, number)

    def epoch(self, number: int, losses: dict[str, float]) -> None:
        """Tell of one epoch."""
        for name, value in losses.items():
            if self.writer is not None:
                self.writer.add_scalar(f"loss/{name}", value, number)

    def close(self) -> None:
        """Leave the terminal and the files in order."""
        self.bar.close()
        if self.writer is not None:
            self.writer.close()


def _writer(folder: Path) -> Any:
    try:
        return import_module("torch.utils.tensorboard").SummaryWriter(str(folder))
    except ImportError as error:
        raise UsageError(
            f"[train] tensorboard: TensorBoard cannot be used: {error}",
            hint="pip install tensorboard, or leave the setting out",
        ) from error
