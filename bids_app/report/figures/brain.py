"""Brains: masks, registrations and maps of scores, slice by slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bids_app.report.figures import canvas, slices
from bids_app.values import Bools, Floats
from bids_app.values.space import Grid

MASK_COLOURS = {"brain": canvas.YELLOW, "GM": canvas.SKY, "WM": canvas.RED, "CSF": canvas.GREEN}
FOOT_IN = 0.32
CHECKER_MM = 18.0


def mask_over_mean(path: Path, mean: Floats, masks: dict[str, Bools], grid: Grid) -> Path:
    """Draw borders of masks over the mean image.

    Parameters
    ----------
    path : Path
        PNG to write.
    mean : ndarray of shape (x, y, z)
        Mean BOLD image.
    masks : dict of str to ndarray of shape (x, y, z)
        By name; nothing farther than 10 mm from all of them is drawn, so no face.
    grid : Grid
        Of the image and the masks.

    Returns
    -------
    Path
        `path`.
    """
    shown = slices.view(grid, masks)
    limits = slices.window(mean, _union(masks))
    figure = canvas.sheet(slices.WIDTH_IN, shown.height_in() + FOOT_IN, dark=True)
    for tile in slices.mosaic(figure, shown):
        tile.grey(mean, limits)
        _outlines(tile, masks)
    _key(figure, shown.height_in(), "line = border of", _colours(masks))
    return canvas.save(figure, path)


def registration(
    path: Path,
    moving: Floats,
    fixed: Floats,
    grid: Grid,
    masks: dict[str, Bools],
    names: tuple[str, str] = ("moving image", "template"),
) -> Path:
    """Draw borders known from the fixed image over the moved one, and a checkerboard of both.

    Parameters
    ----------
    path : Path
        PNG to write.
    moving : ndarray of shape (x, y, z)
        The image that was moved, already on `grid`.
    fixed : ndarray of shape (x, y, z)
        The image that it was moved to.
    grid : Grid
        Of all images.
    masks : dict of str to ndarray of shape (x, y, z)
        Borders to draw, of the fixed image: tissues and the brain. Nothing farther than
        10 mm from all of them is drawn, so no face.
    names : tuple of (str, str)
        Of the moving and the fixed image.

    Returns
    -------
    Path
        `path`.
    """
    shown = slices.view(grid, masks)
    inside = _union(masks)
    board = np.where(_checks(grid), _unit(moving, inside), _unit(fixed, inside))
    limits = slices.window(moving, inside)
    lower = shown.only(slices.AXIAL, slices.SAGITTAL)
    middle_in = shown.height_in() + FOOT_IN
    figure = canvas.sheet(slices.WIDTH_IN, middle_in + lower.height_in() + FOOT_IN, dark=True)
    for tile in slices.mosaic(figure, shown):
        tile.grey(moving, limits)
        _outlines(tile, masks)
    for tile in slices.mosaic(figure, lower, middle_in):
        tile.grey(board, (0.0, 1.0))
    words = f"{names[0]} in grey; line = border, from the {names[1]}, of"
    _key(figure, shown.height_in(), words, _colours(masks))
    _key(figure, middle_in + lower.height_in(), f"squares by turns: {names[0]}, {names[1]}", {})
    return canvas.save(figure, path)


def r_map(path: Path, r: Floats, grid: Grid, background: Floats, title: str = "Pearson r") -> Path:
    """Draw a map of correlations on a background.

    Parameters
    ----------
    path : Path
        PNG to write.
    r : ndarray of shape (x, y, z)
        NaN or exactly 0 where there is none.
    grid : Grid
        Of the map and the background.
    background : ndarray of shape (x, y, z)
        Such as the template.
    title : str
        Of the colour bar.

    Returns
    -------
    Path
        `path`.
    """
    inside = np.isfinite(r) & (r != 0)
    shown = slices.view(grid, {"map": inside} if inside.any() else {"background": background > 0})
    known = np.where(inside, r, np.nan)
    limit = scale_limit(r[inside])
    figure = canvas.sheet(slices.WIDTH_IN, shown.height_in() + 2 * FOOT_IN, dark=True)
    limits = slices.window(background, inside)
    for tile in slices.mosaic(figure, shown):
        tile.grey(background, limits)
        tile.colour(known, limit)
    colours = ScalarMappable(Normalize(-limit, limit), "RdBu_r")
    strip = figure.add_axes((0.2, 1.35 * FOOT_IN / figure.get_figheight(), 0.6, 0.018))
    bar = figure.colorbar(colours, cax=strip, orientation="horizontal")
    bar.set_label(f"{title}: {_extent(r[inside])}", color="white", fontsize=9, labelpad=1)
    bar.ax.tick_params(colors="white", labelsize=8)
    return canvas.save(figure, path)


def scale_limit(r: Floats) -> float:
    """End of a colour scale for values of shape (voxel,): round, and 99 % of voxels are below."""
    bound = float(np.percentile(np.abs(r), 99)) if r.size else 0.0
    return min(1.0, max(0.05, float(np.ceil(bound * 20)) / 20))


def _extent(r: Floats) -> str:
    if not r.size:
        return "no voxel has a value"
    return f"{len(r)} voxels, mean {r.mean():+.3f}, largest {r.max():+.3f}"


def _union(masks: dict[str, Bools]) -> Bools:
    union: Bools = np.logical_or.reduce(list(masks.values()))
    return union


def _unit(data: Floats, inside: Bools) -> Floats:
    low, high = slices.window(data, inside)
    scaled: Floats = np.clip((data - low) / (high - low), 0, 1)
    return scaled


def _checks(grid: Grid) -> Bools:
    steps = [
        np.arange(n) * zoom // CHECKER_MM
        for n, zoom in zip(grid.shape, grid.zooms_mm, strict=True)
    ]
    parity: Bools = np.add.reduce(np.meshgrid(*steps, indexing="ij")) % 2 == 0
    return parity


def _colours(masks: dict[str, Bools]) -> dict[str, str]:
    spare = iter((canvas.PURPLE, canvas.ORANGE, canvas.BLUE))
    return {name: MASK_COLOURS.get(name) or next(spare, canvas.GREY) for name in masks}


def _outlines(tile: slices.Tile, masks: dict[str, Bools]) -> None:
    for name, colour in _colours(masks).items():
        tile.outline(masks[name], colour, 1.1 if name == "brain" else 0.7)


def _key(figure: Figure, top_in: float, words: str, colours: dict[str, str]) -> None:
    lines = [Line2D([], [], linewidth=0, label=words)]
    lines += [
        Line2D([], [], color=colour, linewidth=2, label=name) for name, colour in colours.items()
    ]
    figure.legend(
        handles=lines,
        loc="center",
        bbox_to_anchor=(0.5, 1 - (top_in + FOOT_IN / 2) / figure.get_figheight()),
        ncols=len(lines),
        frameon=False,
        labelcolor="white",
        fontsize=9,
    )
