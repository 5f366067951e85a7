"""Scores: participants as dots, and where an observed score lies among shifted ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.report.figures import canvas
from bids_app.values import Floats


def score_bars(
    path: Path,
    values: dict[str, Floats],
    intervals: dict[str, tuple[float, float]],
    name: str,
) -> Path:
    """Draw each participant's score as a dot, and mean and interval, for each model.

    Parameters
    ----------
    path : Path
        PNG to write.
    values : dict of str to ndarray of shape (participant,)
        By model; NaN where there is none.
    intervals : dict of str to (float, float)
        Of the mean, by model; a model without one gets none.
    name : str
        What the score is, with its unit.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 1.3 + 0.62 * len(values))
    axes = figure.subplots()
    for row, (model, scores) in enumerate(values.items()):
        kept = scores[np.isfinite(scores)]
        spread = 0.24 * (np.arange(len(kept)) % 3 - 1) / 2
        axes.plot(
            kept,
            row + spread,
            "o",
            color=canvas.SKY,
            alpha=0.75,
            markersize=6,
            markeredgecolor="white",
        )
        words = "n/a"
        if kept.size:
            axes.plot(kept.mean(), row, "D", color=canvas.INK, markersize=7, zorder=4)
            words = f"{kept.mean():+.3f}  (n = {len(kept)})"
        if model in intervals:
            axes.plot(intervals[model], [row, row], color=canvas.INK, linewidth=2.2, zorder=3)
        axes.text(1.01, row, words, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
    axes.axvline(0, color=canvas.GREY, linewidth=1)
    canvas.tidy(
        axes, x=name, title="dot: participant; diamond: mean; line: 95 % interval of the mean"
    )
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=canvas.RULE, linewidth=0.6)
    axes.set_yticks(range(len(values)), list(values), fontsize=9.5)
    axes.set_ylim(len(values) - 0.5, -0.5)
    return canvas.save(figure, path)


def null_histogram(path: Path, null: Floats, observed: float, p: float, name: str) -> Path:
    """Draw the observed score among those of shifted data.

    Parameters
    ----------
    path : Path
        PNG to write.
    null : ndarray of shape (shift,)
        The score of each shift.
    observed : float
        The score without shift.
    p : float
        Share of shifts that reach it.
    name : str
        What the score is, with its unit.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 2.8)
    axes = figure.subplots()
    axes.hist(
        null,
        bins=40,
        color=canvas.SKY,
        edgecolor="white",
        linewidth=0.4,
        label=f"{len(null)} shifts",
    )
    axes.axvline(observed, color=canvas.RED, linewidth=2, label="no shift")
    canvas.tidy(axes, x=name, y="shifts", title=f"observed {observed:+.3f}, p = {p:.2g}")
    canvas.legend(axes)
    return canvas.save(figure, path)
