"""EEG: the clock that ties it to the scanner, and spectra before and after cleaning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.report.figures import canvas
from bids_app.values import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_RANGE = (5, 95)
DEEPEST_DB = 90.0
# colour and height of the ticks, as a share of the figure's
COMBS = {"volume": (canvas.SKY, 0.03), "slice": (canvas.RED, 0.09)}


def clock(path: Path, marker_s: Floats, residual_s: Floats, title: str = "") -> Path:
    """Draw the volume markers: the time between them and their distance from the fitted clock.

    Parameters
    ----------
    path : Path
        PNG to write.
    marker_s : ndarray of shape (marker,)
        EEG time of each volume marker.
    residual_s : ndarray of shape (marker,)
        Marker minus fitted line.
    title : str
        Such as the marker's name.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 2.6)
    left, right = figure.subplots(1, 2)
    left.plot(marker_s[1:], np.diff(marker_s), ".", color=canvas.BLUE, markersize=4)
    words = f"{len(marker_s)} markers {title}".strip()
    canvas.tidy(left, x="EEG time (s)", y="time since the last one (s)", title=words)
    left.ticklabel_format(axis="y", useOffset=False)
    left.margins(y=0.3)
    right.axhline(0, color=canvas.GREY, linewidth=0.8)
    right.plot(marker_s, 1e3 * residual_s, ".", color=canvas.RED, markersize=4)
    largest_ms = 1e3 * float(np.max(np.abs(residual_s)))
    words = f"distance from the fitted line: largest {largest_ms:.2g} ms"
    canvas.tidy(right, x="EEG time (s)", y="distance (ms)", title=words)
    bound = max(1.15 * largest_ms, 0.1)
    right.set_ylim(-bound, bound)
    return canvas.save(figure, path)


def eeg_spectrum(
    path: Path,
    frequency_hz: Floats,
    densities: tuple[Floats, Floats],
    marks_hz: dict[str, float] | None = None,
    rates_hz: dict[str, float] | None = None,
) -> Path:
    """Draw power spectra of the EEG channels before and after cleaning.

    Parameters
    ----------
    path : Path
        PNG to write.
    frequency_hz : ndarray of shape (frequency,)
        Of both spectra.
    densities : tuple of ndarray of shape (channel, frequency)
        Power spectral density before and after cleaning, in V²/Hz.
    marks_hz : dict of str to float, optional
        Frequencies to point at, such as the power line.
    rates_hz : dict of str to float, optional
        Rates whose every harmonic gets a tick: ``slice`` and ``volume``.

    Returns
    -------
    Path
        `path`.
    """
    before, after = densities
    figure = canvas.sheet(10.0, 3.4)
    axes = figure.subplots()
    _bands(axes, frequency_hz, "before", before, canvas.GREY)
    _bands(axes, frequency_hz, "after", after, canvas.BLUE)
    canvas.tidy(axes, x="frequency (Hz)", y="power (dB re 1 µV²/Hz)")
    levels = _decibels(np.concatenate([before, after]))
    # A notch can be very deep; drawing its bottom would flatten all else.
    lowest_db = max(np.percentile(levels, 1), levels.max() - DEEPEST_DB)
    axes.set_ylim(lowest_db - 5, levels.max() + 5)
    axes.set_xlim(frequency_hz[0], frequency_hz[-1])
    _combs(axes, rates_hz or {}, float(frequency_hz[-1]))
    for name, frequency in (marks_hz or {}).items():
        _mark(axes, name, frequency)
    title = f"median and {SHOWN_RANGE[0]} to {SHOWN_RANGE[1]} % of channels"
    axes.set_title(title, fontsize=10, loc="left")
    canvas.legend(axes, n_columns=4)
    return canvas.save(figure, path)


def _decibels(density: Floats) -> Floats:
    level_db: Floats = 10 * np.log10(np.maximum(density * 1e12, np.finfo(float).tiny))
    return level_db


def _bands(axes: Axes, frequency_hz: Floats, name: str, density: Floats, colour: str) -> None:
    """Draw median and range over channels."""
    level_db = _decibels(density)
    low, high = np.percentile(level_db, SHOWN_RANGE, axis=0)
    axes.fill_between(frequency_hz, low, high, color=colour, alpha=0.22, linewidth=0)
    axes.plot(frequency_hz, np.median(level_db, axis=0), color=colour, linewidth=1.5, label=name)


def _mark(axes: Axes, name: str, frequency_hz: float) -> None:
    """Point at a frequency."""
    axes.axvline(frequency_hz, color=canvas.ORANGE, linewidth=1, linestyle=":")
    across = axes.get_xaxis_transform()
    axes.text(
        frequency_hz, 0.98, f" {name}", transform=across, fontsize=8, va="top", color=canvas.INK
    )


def _combs(axes: Axes, rates_hz: dict[str, float], highest_hz: float) -> None:
    """Draw a tick at every harmonic of each rate."""
    for name, rate_hz in rates_hz.items():
        colour, height = COMBS.get(name, COMBS["volume"])
        axes.vlines(
            np.arange(rate_hz, highest_hz, rate_hz),
            0,
            height,
            transform=axes.get_xaxis_transform(),
            color=colour,
            linewidth=1.0,
            label=f"{name} harmonics ({rate_hz:.3g} Hz)",
        )
