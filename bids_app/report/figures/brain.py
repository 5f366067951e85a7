"""Brains: masks, pairs of images and maps, slice by slice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app.report.figures import canvas, slices
from bids_app.values import Bools, Floats
from bids_app.values.space import Grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MASK_COLOURS = {
    "brain": canvas.YELLOW,
    "GM": canvas.SKY,
    "WM": canvas.RED,
    "CSF": canvas.GREEN,
    "edge": canvas.PURPLE,
}
FOOT_IN = 0.32


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


def flicker(
    paths: tuple[Path, Path],
    images: tuple[Floats, Floats],
    masks: dict[str, Bools],
    grid: Grid,
    names: tuple[str, str],
) -> tuple[Path, Path]:
    """Draw two images slice by slice alike, so that a page can show them by turns.

    Parameters
    ----------
    paths : tuple of (Path, Path)
        PNGs to write.
    images : tuple of ndarray of shape (x, y, z)
        Such as an image that was moved, and the one it was moved to.
    masks : dict of str to ndarray of shape (x, y, z)
        Borders that are drawn over both. Nothing farther than 10 mm from all of them is drawn, so no face.
    grid : Grid
        Of all images.
    names : tuple of (str, str)
        Of the images.

    Returns
    -------
    tuple of (Path, Path)
        `paths`.
    """
    shown, inside = slices.view(grid, masks), _union(masks)
    for path, image, name in zip(paths, images, names, strict=True):
        figure = canvas.sheet(slices.WIDTH_IN, shown.height_in() + FOOT_IN, dark=True)
        limits = slices.window(image, inside)
        for tile in slices.mosaic(figure, shown):
            tile.grey(image, limits)
            _outlines(tile, masks)
        _key(figure, shown.height_in(), f"{name}; line = border of", _colours(masks))
        canvas.save(figure, path)
    return paths


def tsnr_map(path: Path, tsnr: Floats, grid: Grid, inside: Bools) -> Path:
    """Draw the temporal signal-to-noise ratio.

    Parameters
    ----------
    path : Path
        PNG to write.
    tsnr : ndarray of shape (x, y, z)
        Mean over time divided by the standard deviation.
    grid : Grid
        Of the map.
    inside : ndarray of shape (x, y, z)
        Brain; nothing else is drawn.

    Returns
    -------
    Path
        `path`.
    """
    known = tsnr[inside & np.isfinite(tsnr)]
    top = float(np.percentile(known, 98)) if known.size else 1.0
    words = f"tSNR: median {np.median(known):.0f}" if known.size else "tSNR: no voxel has a value"
    return _map(
        path,
        np.where(inside, tsnr, np.nan),
        (grid, {"brain": inside}),
        ((0, top), "inferno", words),
    )


def r_map(
    path: Path,
    r: Floats,
    grid: Grid,
    background: Floats,
    title: str = "Pearson r",
    extent: Bools | None = None,
) -> Path:
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
    extent : ndarray of shape (x, y, z), optional
        What is shown of the background, with 10 mm around it; by default where the map has values.

    Returns
    -------
    Path
        `path`.
    """
    inside = np.isfinite(r) & (r != 0)
    if extent is None:
        extent = inside if inside.any() else background > 0
    masks = {"map": extent}
    limit = scale_limit(r[inside])
    words = f"{title}: {_extent(r[inside])}"
    look = ((-limit, limit), "RdBu_r", words)
    return _map(path, np.where(inside, r, np.nan), (grid, masks), look, background)


def _map(
    path: Path,
    values: Floats,
    place: tuple[Grid, dict[str, Bools]],
    look: tuple[tuple[float, float], str, str],
    background: Floats | None = None,
) -> Path:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    grid, masks = place
    scale, colours, words = Normalize(*look[0]), *look[1:]
    shown = slices.view(grid, masks)
    figure = canvas.sheet(slices.WIDTH_IN, shown.height_in() + 2 * FOOT_IN, dark=True)
    limits = None if background is None else slices.window(background, _union(masks))
    for tile in slices.mosaic(figure, shown):
        if background is not None and limits is not None:
            tile.grey(background, limits)
        tile.colour(values, scale, colours)
    strip = figure.add_axes((0.2, 1.35 * FOOT_IN / figure.get_figheight(), 0.6, 0.018))
    bar = figure.colorbar(ScalarMappable(scale, colours), cax=strip, orientation="horizontal")
    bar.set_label(words, color="white", fontsize=9, labelpad=1)
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


def _colours(masks: dict[str, Bools]) -> dict[str, str]:
    spare = iter((canvas.PURPLE, canvas.ORANGE, canvas.BLUE))
    return {name: MASK_COLOURS.get(name) or next(spare, canvas.GREY) for name in masks}


def _outlines(tile: slices.Tile, masks: dict[str, Bools]) -> None:
    for name, colour in _colours(masks).items():
        tile.outline(masks[name], colour, 1.1 if name == "brain" else 0.7)


def _key(figure: Figure, top_in: float, words: str, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

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
