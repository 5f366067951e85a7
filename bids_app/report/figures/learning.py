"""How training went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bids_app.report.figures import canvas
from bids_app.values import Floats

UNITS = 1e4


def learning_curves(path: Path, curves: Sequence[tuple[Floats, Floats, int]]) -> Path:
    """Draw the losses of each fold over its epochs, training and validation side by side.

    Parameters
    ----------
    path : Path
        PNG to write.
    curves : sequence of (ndarray, ndarray, int)
        Of each fold the training and the validation loss, shape (epoch,), in squared fractional signal change, and
        the epoch whose weights were kept.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 3.4)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for training, validation, best in curves:
        for axes, losses, colour in (
            (left, training, canvas.BLUE),
            (right, validation, canvas.RED),
        ):
            epochs = np.arange(1, len(losses) + 1)
            axes.plot(epochs, UNITS * losses, color=colour, alpha=0.6, linewidth=1.3)
        right.plot(best + 1, UNITS * validation[best], "o", color=canvas.INK, markersize=4)
    canvas.tidy(left, x="epoch", y="mean squared error (10⁻⁴)", title="training")
    canvas.tidy(right, x="epoch", title="validation; dot: the epoch that was kept")
    left.xaxis.get_major_locator().set_params(integer=True)
    return canvas.save(figure, path)
