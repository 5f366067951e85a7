"""Networks: contiguous pieces of grey matter, each with a frequency band and a sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.streams import stream
from bids_app.values import Bools, Floats
from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template

BANDS: tuple[tuple[str, tuple[float, float], int], ...] = (
    ("theta", (4.0, 8.0), 1),
    ("alpha", (8.0, 13.0), -1),
    ("beta", (13.0, 30.0), -1),
    ("gamma", (30.0, 45.0), 1),
)
# midline frontal, occipital, left central, right temporo-parietal; then their counterparts
SITES_MM = (
    (0, 38, 32),
    (0, -86, 12),
    (-42, -20, 50),
    (54, -42, 14),
    (-48, 26, 8),
    (44, 8, 48),
    (-30, -62, 48),
    (-56, -20, -14),
)
SITE_SPREAD_MM = 5.0
EDGE_MM = 2.0
GREY = 0.5
COARSE_MM = 2.0


@dataclass(frozen=True, slots=True)
class Network:
    """What one network does.

    Attributes
    ----------
    name : str
        Its band, numbered when the band comes twice.
    band_hz : tuple of float
        Where its dipoles oscillate.
    sign : int
        +1 when band power rises with the BOLD, -1 when it falls.
    """

    name: str
    band_hz: tuple[float, float]
    sign: int


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """All networks of a dataset.

    Attributes
    ----------
    networks : tuple of Network
        What each does.
    grid : Grid
        Template grid of the regions.
    regions : ndarray of shape (x, y, z, network)
        0 to 1; to be multiplied with grey matter.
    grey_fraction : float
        Share of grey matter that they cover.
    """

    networks: tuple[Network, ...]
    grid: Grid
    regions: Floats
    grey_fraction: float


def coarser(template: Template) -> Template:
    """Leave out every other voxel of a template that is finer than networks need."""
    if template.grid.zooms_mm[0] >= COARSE_MM:
        return template
    every = (slice(None, None, 2),) * 3
    brain = template.brain.inside[every]
    affine = template.grid.affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    grid = Grid((brain.shape[0], brain.shape[1], brain.shape[2]), affine)
    t1 = Volume(template.t1.data[every], grid)
    return Template(template.name, t1, template.gm[every], template.wm[every], Mask(grid, brain))


def place_networks(template: Template, settings: SimulationSettings) -> Networks:
    """Grow each network around its site until it holds its part of the grey matter."""
    grey = template.gm > GREY
    n_wanted = settings.difficulty.grey_fraction * grey.sum() / settings.n_networks
    rng = stream(settings.seed, "networks")
    taken = np.zeros(grey.shape, dtype=bool)
    regions = []
    for site in SITES_MM[: settings.n_networks]:
        centre = np.asarray(site) + rng.normal(0, SITE_SPREAD_MM, 3)
        core = _grown(grey & ~taken, _distance_mm(template.grid, centre), int(n_wanted))
        taken |= core
        regions.append(core)
    soft = [_soft(core, taken & ~core, float(template.grid.zooms_mm[0])) for core in regions]
    weights = np.stack(soft, axis=-1)
    # Where the soft edges of two networks meet, the stronger has it alone.
    weights *= weights >= weights.max(axis=-1, keepdims=True)
    return Networks(
        tuple(_network(index) for index in range(settings.n_networks)),
        template.grid,
        weights,
        float(taken.sum() / grey.sum()),
    )


def _network(index: int) -> Network:
    name, band_hz, sign = BANDS[index % len(BANDS)]
    turn = index // len(BANDS)
    return Network(f"{name}{turn + 1}" if turn else name, band_hz, sign)


def _distance_mm(grid: Grid, centre: Floats) -> Floats:
    steps = [
        np.arange(n) * grid.affine[axis, axis] + grid.affine[axis, 3]
        for axis, n in enumerate(grid.shape)
    ]
    x, y, z = np.meshgrid(*steps, indexing="ij", sparse=True)
    distance: Floats = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    return distance


def _grown(free: Bools, distance_mm: Floats, n_wanted: int) -> Bools:
    """Take the connected piece of a ball that holds the wanted number of voxels."""
    radius_mm = np.sort(distance_mm[free])[n_wanted]
    for _ in range(20):
        labels, _ = ndimage.label(free & (distance_mm <= radius_mm))
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        piece: Bools = labels == sizes.argmax()
        if sizes.max() >= n_wanted:
            break
        radius_mm *= 1.01
    return piece


def _soft(core: Bools, others: Bools, step_mm: float) -> Floats:
    # Normalised within the cores, so that grey matter deep in a network keeps the full weight.
    near = ndimage.binary_dilation(core, iterations=max(1, round(2 / step_mm))) & ~others
    spread = ndimage.gaussian_filter(near.astype(np.float32), EDGE_MM / step_mm)
    soft: Floats = np.clip(1.5 * spread, 0, 1) * ~others
    return soft
