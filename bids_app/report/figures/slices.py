"""Slices of volumes: turned to RAS, cropped to the brain, laid out plane by plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator
from scipy import ndimage

from bids_app.values import Bools, Floats
from bids_app.values.space import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Kind = TypeVar("Kind", bound=np.generic)
# Far enough to judge the border of a mask, near enough that no face is drawn.
MARGIN_MM = 10.0
COARSE_MM = 3.0
WIDTH_IN = 10.0
AXIAL, CORONAL, SAGITTAL = 2, 1, 0


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How volumes on one grid are cut into slices.

    Attributes
    ----------
    grid : Grid
        Of the volumes that are shown.
    turned : Grid
        The same voxels, in RAS order.
    near : ndarray of shape (x, y, z)
        Voxels of the brain and its margin, in RAS order and thinned by ``steps``; nothing else is drawn.
    steps : tuple of int
        Voxels along x, y, z for one of ``near``.
    box : tuple of (int, int)
        First voxel that is drawn and the one after the last, along x, y, z.
    planes : tuple of int
        Axis across which each row of slices is cut: 0 sagittal, 1 coronal, 2 axial.
    n_slices : int
        Slices per row.
    """

    grid: Grid
    turned: Grid
    near: Bools
    steps: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    planes: tuple[int, ...] = (AXIAL, CORONAL, SAGITTAL)
    n_slices: int = 7

    def only(self, *planes: int) -> View:
        """Keep some planes."""
        return replace(self, planes=planes)

    def indices(self, plane: int) -> list[int]:
        """Slices spread over the box, without its ends, where there is little to see."""
        first, stop = self.box[plane]
        fractions = (np.arange(self.n_slices) + 0.9) / (self.n_slices + 0.8)
        return [int(index) for index in first + np.floor(fractions * (stop - first))]

    def sides_mm(self, plane: int) -> tuple[float, float]:
        """Width and height of one slice."""
        lengths = np.diff(self.box, axis=1)[:, 0] * self.turned.zooms_mm
        horizontal, vertical = (axis for axis in range(3) if axis != plane)
        return float(lengths[horizontal]), float(lengths[vertical])

    def height_in(self) -> float:
        """Height at which the rows of slices fill :data:`WIDTH_IN` without gaps."""
        sides = [self.sides_mm(plane) for plane in self.planes]
        return sum(WIDTH_IN / self.n_slices * height / width for width, height in sides)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One slice of a view, and where on the axes it is drawn: left, bottom, width and height in inches.

    All slices of a figure share axes, as making axes takes longer than drawing a slice.
    """

    axes: Axes
    view: View
    plane: int
    index: int
    box_in: tuple[float, float, float, float]

    def cut(self, data: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
        """Take this slice, shape (vertical, horizontal), of a volume of shape (x, y, z)."""
        index: list[slice | int] = [slice(*span) for span in self.view.box]
        index[self.plane] = self.index
        return turn(data, self.view.grid)[tuple(index)].T

    @property
    def near(self) -> Bools:
        """Which voxels of the slice, shape (vertical, horizontal), lie near the brain."""
        along = [
            np.arange(*span) // step
            for span, step in zip(self.view.box, self.view.steps, strict=True)
        ]
        along[self.plane] = np.array([self.index // self.view.steps[self.plane]])
        return self.view.near[np.ix_(*along)].squeeze(self.plane).T

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top in inches."""
        left, bottom, width, height = self.box_in
        return left, left + width, bottom, bottom + height

    @property
    def place(self) -> str:
        """Where the slice lies, at the middle of the grid."""
        middle = (np.array(self.view.turned.shape) - 1) / 2.0
        middle[self.plane] = self.index
        millimetres = self.view.turned.points_mm(middle[None])[0, self.plane]
        return f"{'xyz'[self.plane]} = {round(float(millimetres))} mm"

    def grey(self, data: Floats, limits: tuple[float, float]) -> None:
        """Draw a volume of shape (x, y, z) in grey; black where it is far from the brain."""
        shown = np.where(self.near, self.cut(data), limits[0])
        low, high = limits
        self.axes.imshow(
            shown,
            cmap="gray",
            vmin=low,
            vmax=high,
            origin="lower",
            aspect="auto",
            extent=self.extent,
        )

    def colour(self, data: Floats, scale: Normalize, colours: str) -> None:
        """Draw a map of shape (x, y, z) in the colours of a Matplotlib map; NaN is not drawn."""
        self.axes.imshow(
            np.ma.masked_invalid(self.cut(data)),
            cmap=colours,
            norm=scale,
            origin="lower",
            aspect="auto",
            extent=self.extent,
            interpolation="nearest",
        )

    def outline(self, mask: Bools, colour: str, width: float = 0.9) -> None:
        """Draw the border of a mask of shape (x, y, z)."""
        from matplotlib.collections import LineCollection

        shown = self.cut(mask).astype(float)
        left, bottom, width_in, height_in = self.box_in
        # A voxel's centre lies half a voxel from its edge.
        size = np.array([width_in, height_in]) / shown.shape[::-1]
        found = contour_generator(z=shown).lines(0.5)
        lines = [(np.asarray(line) + 0.5) * size + (left, bottom) for line in found]
        self.axes.add_collection(
            LineCollection(lines, colors=[colour], linewidths=width), autolim=False
        )


def view(grid: Grid, masks: dict[str, Bools]) -> View:
    """Decide what is drawn: what lies in or near a mask.

    Parameters
    ----------
    grid : Grid
        Of the volumes that are shown.
    masks : dict of str to ndarray of shape (x, y, z)
        At least one voxel must be inside.

    Raises
    ------
    ValueError
        When the masks hold no voxel.
    """
    inside = np.zeros(grid.shape, dtype=bool)
    for mask in masks.values():
        inside |= mask
    if not inside.any():
        raise ValueError(f"masks {sorted(masks)} hold no voxel; expected some to draw")
    turned = turned_grid(grid)
    # Distances of every voxel of a fine image would take longer than all the rest.
    steps = tuple(max(1, int(COARSE_MM / zoom)) for zoom in turned.zooms_mm)
    thinned = turn(inside, grid)[tuple(slice(None, None, step) for step in steps)]
    away = ndimage.distance_transform_edt(~thinned, sampling=turned.zooms_mm * steps)
    near = away <= MARGIN_MM
    box = []
    for axis, step in enumerate(steps):
        others = tuple(other for other in range(3) if other != axis)
        found = np.flatnonzero(near.any(axis=others))
        box.append((int(found[0]) * step, min((int(found[-1]) + 1) * step, turned.shape[axis])))
    return View(grid, turned, near, steps, tuple(box))


def thinned(grid: Grid, inside: Bools, least_mm: float) -> tuple[tuple[slice, slice, slice], Grid]:
    """Leave out what is far from a mask, and voxels of a fine image, for pictures.

    Parameters
    ----------
    grid : Grid
        Of the image.
    inside : ndarray of shape (x, y, z)
        At least one voxel must be inside.
    least_mm : float
        Voxels that are left lie about so far apart, or as far as they did.

    Returns
    -------
    tuple of slice
        Which voxels of an array of shape (x, y, z) are left.
    Grid
        Of what is left.
    """
    kept = []
    for axis, zoom in enumerate(grid.zooms_mm):
        others = tuple(other for other in range(3) if other != axis)
        found, margin = np.flatnonzero(inside.any(axis=others)), int(2 * MARGIN_MM / zoom)
        start, stop = max(0, int(found[0]) - margin), int(found[-1]) + margin + 1
        kept.append(slice(start, min(stop, grid.shape[axis]), max(1, round(least_mm / zoom))))
    inner = np.diag([*(part.step for part in kept), 1.0])
    inner[:3, 3] = [part.start for part in kept]
    n_x, n_y, n_z = (len(range(part.start, part.stop, part.step)) for part in kept)
    return (kept[0], kept[1], kept[2]), Grid((n_x, n_y, n_z), grid.affine @ inner)


def order(grid: Grid) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Tell which voxel axis runs along x, y, z, and whether it runs against it."""
    direction = grid.affine[:3, :3] / grid.zooms_mm
    along = np.abs(direction)
    axes = max(permutations(range(3)), key=lambda chosen: along[range(3), chosen].sum())
    return axes, tuple(bool(direction[world, axis] < 0) for world, axis in enumerate(axes))


def turn(data: npt.NDArray[Kind], grid: Grid) -> npt.NDArray[Kind]:
    """Reorder a volume of shape (x, y, z) so that its axes run right, front and up."""
    axes, against = order(grid)
    return data.transpose(axes)[tuple(slice(None, None, -1 if flip else 1) for flip in against)]


def turned_grid(grid: Grid) -> Grid:
    """Grid of volumes that went through :func:`turn`."""
    axes, against = order(grid)
    columns = grid.affine[:, list(axes)].astype(float)
    origin = grid.affine[:, 3].astype(float)
    for world, flip in enumerate(against):
        if flip:
            origin += columns[:, world] * (grid.shape[axes[world]] - 1)
            columns[:, world] *= -1
    shape = (grid.shape[axes[0]], grid.shape[axes[1]], grid.shape[axes[2]])
    return Grid(shape, np.column_stack([columns, origin]))


def mosaic(figure: Figure, shown: View, top_in: float = 0.0) -> Iterator[Tile]:
    """Lay out one row of slices per plane, and name each slice, and the sides of the first."""
    width_in, height_in = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1), autoscale_on=False)
    axes.set_axis_off()
    axes.set(xlim=(0, width_in), ylim=(0, height_in))
    column_in = WIDTH_IN / shown.n_slices
    for plane in shown.planes:
        width, height = shown.sides_mm(plane)
        row_in = column_in * height / width
        top_in += row_in
        for column, index in enumerate(shown.indices(plane)):
            box_in = (column * column_in, height_in - top_in, column_in, row_in)
            tile = Tile(axes, shown, plane, index, box_in)
            _name(tile, sides=column == 0)
            yield tile


def window(data: Floats, inside: Bools) -> tuple[float, float]:
    """Darkest and brightest intensity to show of a volume of shape (x, y, z)."""
    kept = data[inside & np.isfinite(data)]
    if not kept.size:
        return 0.0, 1.0
    low, high = (float(bound) for bound in np.percentile(kept, (0.5, 99.5)))
    return (min(low, 0.0), high) if high > low else (low - 1.0, low + 1.0)


def _name(tile: Tile, *, sides: bool) -> None:
    left, bottom, width, height = tile.box_in
    near, far = ("P", "A") if tile.plane == SAGITTAL else ("L", "R")
    words_at = [(0.03, 0.02, tile.place)]
    words_at += [(0.03, 0.88, near), (0.9, 0.88, far)] if sides else []
    for x, y, words in words_at:
        place = (left + x * width, bottom + y * height)
        tile.axes.text(*place, words, color="#C9D1DB", fontsize=7.5)
