"""Which EEG goes with what is predicted: scalps, spectra and courses over lags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.report.figures import canvas
from bids_app.values import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIM = 1.15
"""Radius of the drawn head; an electrode at the level of the sphere's centre is at 1."""

FEWEST = 4
"""Electrodes that a surface can be drawn through."""

LEVELS = 15
FAINTEST_DB = 1e-6
FLAT = 1e-6
"""Variance below which electrodes lie on a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One row of the figure.

    Attributes
    ----------
    title : str
        The region.
    directions : ndarray of shape (channel, 3)
        Unit vectors to the electrodes, RAS; NaN where it is not known.
    topography : ndarray of shape (channel,)
        Decibels.
    band : str
        Band of the topography and of the curve.
    bands : sequence of str
        All bands.
    spectrum : ndarray of shape (band,)
        Decibels.
    lags_s, curve : ndarray of shape (lag,)
        Course over lags, 1 at its peak.
    """

    title: str
    directions: Floats
    topography: Floats
    band: str
    bands: Sequence[str]
    spectrum: Floats
    lags_s: Floats
    curve: Floats


def forward_patterns(path: Path, regions: Sequence[Explained]) -> Path:
    """Draw a scalp, a spectrum and a course over lags for each region.

    Parameters
    ----------
    path : Path
        PNG to write.
    regions : sequence of Explained
        One row each.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 2.7 * len(regions))
    rows = figure.subplots(len(regions), 3, squeeze=False, width_ratios=(1.1, 1, 1.2))
    for (scalp, spectrum, course), region in zip(rows, regions, strict=True):
        _draw_scalp(scalp, region)
        spectrum.bar(np.arange(len(region.bands)), region.spectrum, color=canvas.BLUE)
        spectrum.set_xticks(np.arange(len(region.bands)), region.bands)
        spectrum.axhline(0, color=canvas.GREY, linewidth=0.8)
        canvas.tidy(spectrum, x="band (Hz)", y="dB", title="spectrum")
        course.plot(region.lags_s, region.curve, color=canvas.BLUE)
        course.axhline(0, color=canvas.GREY, linewidth=0.8)
        canvas.tidy(course, x="EEG before the volume by (s)", y="share of peak", title="lags")
    return canvas.save(figure, path)


def _draw_scalp(axes: Axes, region: Explained) -> None:
    known = np.isfinite(region.directions).all(axis=1)
    across, ahead, up = region.directions[known].T
    # Azimuthal equidistant: distance from the vertex along the scalp, seen from above.
    reach = np.arccos(np.clip(up, -1, 1)) / (np.pi / 2)
    flat = np.maximum(np.hypot(across, ahead), np.finfo(float).tiny)
    x, y = reach * across / flat, reach * ahead / flat
    values = region.topography[known]
    # A contour needs levels that rise.
    largest = max(float(np.abs(values).max(initial=0)), FAINTEST_DB)
    axes.set_aspect("equal")
    axes.axis("off")
    turn = np.linspace(0, 2 * np.pi, 100)
    axes.plot(RIM * np.cos(turn), RIM * np.sin(turn), color=canvas.INK, linewidth=1)
    axes.plot([-0.12, 0, 0.12], [RIM, RIM + 0.13, RIM], color=canvas.INK, linewidth=1)
    on_a_line = np.linalg.matrix_rank(np.cov(x, y), tol=FLAT) < 2 if len(x) > 1 else True  # noqa: PLR2004 (a plane)
    if len(values) >= FEWEST and not on_a_line:
        levels = np.linspace(-largest, largest, LEVELS)
        shades = axes.tricontourf(x, y, values, levels=levels, cmap="RdBu_r", extend="both")
        bar = axes.figure.colorbar(shades, ax=axes, shrink=0.7, ticks=[-largest, 0, largest])
        bar.ax.set_yticklabels([f"{value:+.2g}" for value in (-largest, 0, largest)], fontsize=8)
        bar.set_label("dB", fontsize=8.5)
    axes.plot(x, y, "o", color=canvas.INK, markersize=2)
    axes.set_title(f"{region.title}\n{region.band} Hz", fontsize=10, color=canvas.INK, loc="left")
