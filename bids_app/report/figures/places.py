"""What a model learned of its channels, beside where their electrodes are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.report.figures import canvas
from bids_app.values import Floats

MM = 1e3
N_PARTS = 8


def channel_distances(path: Path, on_head_m: Floats, learned: Floats, words: str) -> Path:
    """Draw distances between learned positions over distances between electrodes.

    Parameters
    ----------
    path : Path
        PNG to write.
    on_head_m : ndarray of shape (pair,)
        Distance of two electrodes.
    learned : ndarray of shape (pair,)
        Distance of what was learned of them.
    words : str
        What a test says of the two.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(6.4, 4.2)
    axes = figure.subplots()
    axes.plot(MM * on_head_m, learned, "o", color=canvas.BLUE, alpha=0.45, markersize=4, mew=0)
    axes.plot(*_course(MM * on_head_m, learned), color=canvas.INK, linewidth=1.5, label="mean")
    canvas.legend(axes)
    canvas.tidy(
        axes,
        x="distance of two electrodes (mm)",
        y="distance of their learned positions",
        title=words,
    )
    return canvas.save(figure, path)


def _course(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Means of neighbouring pairs, as many in each, shape (part,) both."""
    order = np.argsort(x)
    parts = np.array_split(order, min(N_PARTS, len(order)))
    means = [np.array([values[part].mean() for part in parts]) for values in (x, y)]
    return means[0], means[1]
