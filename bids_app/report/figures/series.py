"""Time series: head motion, carpets of voxels, time courses of parcels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_app.report.figures import canvas
from bids_app.values import Bools, Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

FD_LIMIT_MM = 0.5
DVARS_LIMIT = 1.5
CARPET_ROWS = 260
CARPET_SD = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How a head moved, and what that did.

    Attributes
    ----------
    parameters : ndarray of shape (time, 6)
        Translations along x, y, z in millimetres, rotations about x, y, z in radians.
    fd_mm, std_dvars : ndarray of shape (time,)
        Framewise displacement, and standardised change of the image; NaN where there is none.
    outliers, dummies : ndarray of shape (time,)
        True for volumes that move too much, and for those before the steady state.
    """

    parameters: Floats
    fd_mm: Floats
    std_dvars: Floats
    outliers: Bools
    dummies: Bools


def motion(path: Path, course: Course, tr_s: float) -> Path:
    """Draw head motion along a run; outliers and volumes before the steady state are bands.

    Parameters
    ----------
    path : Path
        PNG to write.
    course : Course
        What to draw.
    tr_s : float
        Repetition time.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 1.55 * 4)
    panels = figure.subplots(4, 1, sharex=True)
    times_s = np.arange(len(course.parameters)) * tr_s
    _three(panels[0], times_s, course.parameters[:, :3], "translation (mm)")
    _three(panels[1], times_s, np.degrees(course.parameters[:, 3:]), "rotation (°)")
    canvas.legend(panels[0])
    _limited(panels[2], times_s, course.fd_mm, FD_LIMIT_MM, ("FD (mm)", "mm"))
    _limited(panels[3], times_s, course.std_dvars, DVARS_LIMIT, ("std. DVARS", ""))
    for flagged, colour in ((course.outliers, canvas.ORANGE), (course.dummies, canvas.GREY)):
        bands = [(start, tr_s) for start in times_s[flagged] - tr_s / 2]
        for panel in panels:
            # One artist for all bands: the layout asks each artist where it is.
            panel.broken_barh(
                bands, (0, 1), transform=panel.get_xaxis_transform(), color=colour, alpha=0.3,
                linewidth=0,
            )  # fmt: skip
    panels[-1].set_xlabel("time (s)", fontsize=9.5)
    panels[-1].set_xlim(-tr_s / 2, times_s[-1] + tr_s / 2)
    return canvas.save(figure, path)


def _limited(
    axes: Axes, times_s: Floats, values: Floats, limit: float, words: tuple[str, str]
) -> None:
    """Draw a course with the limit from which on a volume is an outlier, and count."""
    axes.plot(times_s, values, color=canvas.INK, linewidth=1)
    axes.axhline(limit, color=canvas.RED, linewidth=1, linestyle="--")
    y, unit = words
    unit = f" {unit}" if unit else ""
    known = values[np.isfinite(values)]
    told = f"mean {known.mean():.2f}{unit}; " if known.size else ""
    canvas.tidy(axes, y=y, title=f"{told}volumes over {limit:g}{unit}: {np.sum(known > limit)}")
    axes.set_ylim(0, max(2.0 * limit, 1.05 * float(known.max(initial=0.0))))


def carpet(
    path: Path,
    measured: Floats,
    synthesized: Floats | None,
    tissue: npt.NDArray[np.str_],
    tr_s: float,
    missing: Ints,
) -> Path:
    """Draw voxels as rows over time, measured and synthesized side by side on one colour scale.

    Each voxel is detrended and divided by its own standard deviation; how large that is stands
    in the titles. Voxels are sorted by tissue, then by their correlation with the tissue's
    measured mean; of many, evenly spaced ones are drawn.

    Parameters
    ----------
    path : Path
        PNG to write.
    measured : ndarray of shape (time, voxel)
        Fractional signal change; volumes with NaN are left out.
    synthesized : ndarray of shape (time, voxel) or None
        Fractional signal change; volumes without prediction are not looked at.
    tissue : ndarray of shape (voxel,)
        Such as ``GM`` or ``WM``.
    tr_s : float
        Repetition time.
    missing : ndarray of shape (volume,)
        Indices of the volumes without prediction.

    Returns
    -------
    Path
        `path`.
    """
    seen = _known(measured)
    rows = sorted_rows(measured[seen], tissue, CARPET_ROWS)
    panels = [("measured", measured, seen)]
    if synthesized is not None:
        predicted = _known(synthesized)
        predicted[missing] = False
        panels.append(("synthesized", synthesized, predicted))
    figure = canvas.sheet(10.0, 4.6)
    grid = figure.add_gridspec(2, len(panels), height_ratios=[1, 3.4])
    image = None
    above: Axes | None = None
    for column, (name, series, kept) in enumerate(panels):
        above = figure.add_subplot(grid[0, column], sharey=above)
        _mean_line(above, series, kept, tr_s)
        below = figure.add_subplot(grid[1, column], sharex=above)
        image = _rows(below, (series, kept), rows, tr_s)
        _tissue_marks(below, tissue[rows], label=column == 0)
        spread = 100 * np.median(np.std(series[kept], axis=0))
        above.set_title(f"{name} (median SD of a voxel {spread:.2g} %)", fontsize=10, loc="left")
    if image is not None:
        bar = figure.colorbar(image, ax=figure.axes, fraction=0.02, pad=0.01, shrink=0.6)
        bar.set_label("standard deviations of each voxel", fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
    return canvas.save(figure, path)


def timecourses(
    path: Path, measured: Floats, synthesized: Floats, tr_s: float, titles: tuple[str, ...]
) -> Path:
    """Draw measured and synthesized time courses of some parcels, one below the other.

    Parameters
    ----------
    path : Path
        PNG to write.
    measured, synthesized : ndarray of shape (time, parcel)
        Fractional signal change; NaN for volumes without prediction.
    tr_s : float
        Repetition time.
    titles : tuple of str
        One per parcel.

    Returns
    -------
    Path
        `path`.
    """
    figure = canvas.sheet(10.0, 0.5 + 1.6 * len(titles))
    panels = figure.subplots(len(titles), 1, sharex=True, squeeze=False)[:, 0]
    times_s = np.arange(len(measured)) * tr_s
    for panel, true, made, title in zip(panels, measured.T, synthesized.T, titles, strict=True):
        both = np.isfinite(true) & np.isfinite(made)
        panel.plot(
            times_s,
            100 * (true - np.mean(true[both])),
            color=canvas.GREY,
            linewidth=1.1,
            label="measured",
        )
        panel.plot(
            times_s,
            100 * (made - np.mean(made[both])),
            color=canvas.RED,
            linewidth=1.5,
            label="synthesized",
        )
        canvas.tidy(panel, y="change (%)", title=f"{title}: r = {_r(true[both], made[both])}")
    canvas.legend(panels[0])
    panels[-1].set_xlabel("time (s)", fontsize=9.5)
    panels[-1].set_xlim(0, times_s[-1])
    return canvas.save(figure, path)


def sorted_rows(measured: Floats, tissue: npt.NDArray[np.str_], n_rows: int) -> Ints:
    """Choose the voxels of a carpet and their order.

    Parameters
    ----------
    measured : ndarray of shape (time, voxel)
        Any unit.
    tissue : ndarray of shape (voxel,)
        Name of each voxel's tissue.
    n_rows : int
        How many voxels at most.

    Returns
    -------
    ndarray of shape (row,)
        Voxels, by tissue, then from the one most alike its tissue's mean to the least.
    """
    likeness = np.zeros(len(tissue))
    for name in np.unique(tissue):
        own = np.flatnonzero(tissue == name)
        centred = measured[:, own] - measured[:, own].mean(axis=0)
        mean = centred.mean(axis=1)
        norms = np.linalg.norm(centred, axis=0) * np.linalg.norm(mean)
        likeness[own] = np.divide(mean @ centred, norms, out=np.zeros(len(own)), where=norms > 0)
    ordered = np.lexsort((-likeness, tissue))
    picked = np.linspace(0, len(ordered) - 1, min(n_rows, len(ordered))).round().astype(int)
    chosen: Ints = ordered[picked]
    return chosen


def standardised(series: Floats, kept: Bools) -> Floats:
    """Take out mean and line of each voxel and divide by its standard deviation.

    Parameters
    ----------
    series : ndarray of shape (time, voxel)
        Any unit.
    kept : ndarray of shape (time,)
        Volumes to look at.

    Returns
    -------
    ndarray of shape (time, voxel)
        No unit; NaN for other volumes, 0 for voxels that never vary.
    """
    line = np.column_stack([np.ones(kept.sum()), np.linspace(-1, 1, kept.sum())])
    wanted = series[kept].astype(float)
    level = np.abs(wanted).max(axis=0)
    wanted -= line @ np.linalg.lstsq(line, wanted, rcond=None)[0]
    spread = wanted.std(axis=0)
    # What is left of a constant after the subtraction is rounding, not signal.
    varies = spread > 1e-9 * level
    result = np.full(series.shape, np.nan)
    result[kept] = np.divide(wanted, spread, out=np.zeros_like(wanted), where=varies)
    return result


def _known(series: Floats) -> Bools:
    known: Bools = np.logical_and.reduce(np.isfinite(series), axis=1)
    return known


def _three(axes: Axes, times_s: Floats, values: Floats, y: str) -> None:
    for column, name in enumerate("xyz"):
        axes.plot(
            times_s, values[:, column], color=canvas.CYCLE[column], linewidth=1.1, label=name
        )
    canvas.tidy(axes, y=y)


def _mean_line(axes: Axes, series: Floats, kept: Bools, tr_s: float) -> None:
    mean = np.where(kept, 100 * series.mean(axis=1), np.nan)
    axes.plot(
        (np.arange(len(series)) + 0.5) * tr_s,
        mean - np.nanmean(mean),
        color=canvas.INK,
        linewidth=1,
    )
    canvas.tidy(axes, y="mean (%)")
    axes.tick_params(labelbottom=False)


def _rows(axes: Axes, panel: tuple[Floats, Bools], rows: Ints, tr_s: float) -> AxesImage:
    series, kept = panel
    axes.set_facecolor("#F3E3C3")
    image = axes.imshow(
        np.ma.masked_invalid(standardised(series[:, rows], kept).T),
        aspect="auto",
        interpolation="nearest",
        cmap="gray",
        vmin=-CARPET_SD,
        vmax=CARPET_SD,
        extent=(0.0, len(series) * tr_s, float(len(rows)), 0.0),
    )
    axes.set_xlabel("time (s)", fontsize=9.5)
    axes.set_yticks([])
    axes.tick_params(labelsize=8.5)
    if not kept.all():
        gap = np.flatnonzero(~kept)
        words = "left out"
        axes.text(
            (gap[0] + 0.5) * tr_s,
            len(rows) / 2,
            words,
            rotation=90,
            fontsize=8,
            va="center",
            ha="left",
        )
    return image


def _tissue_marks(axes: Axes, tissue: npt.NDArray[np.str_], *, label: bool) -> None:
    names, first, counts = np.unique(tissue, return_index=True, return_counts=True)
    for name, start, n_rows in zip(names, first, counts, strict=True):
        if start:
            axes.axhline(start, color=canvas.ORANGE, linewidth=1.5)
        if label:
            place = (-0.015, start + n_rows / 2)
            axes.text(
                *place,
                name,
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                fontsize=9,
            )


def _r(true: Floats, made: Floats) -> str:
    if min(np.ptp(true), np.ptp(made)) == 0:
        return "n/a"
    return f"{np.corrcoef(true, made)[0, 1]:+.2f}"
