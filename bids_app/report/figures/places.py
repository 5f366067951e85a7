"""What a model learned of its channels, beside where their electrodes are."""

from __future__ import annotations

from pathlib import Path

from bids_app.report.figures import canvas
from bids_app.values import Floats

MM = 1e3


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
    canvas.tidy(
        axes,
        x="distance of two electrodes (mm)",
        y="distance of their learned positions",
        title=words,
    )
    return canvas.save(figure, path)
