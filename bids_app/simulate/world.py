"""What all people of a dataset share: head, networks, dipoles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.files.template import load_template
from bids_app.simulate import bold, truth
from bids_app.simulate.head import EPI, Head, make_head
from bids_app.simulate.networks import Networks, coarser, place_networks
from bids_app.simulate.sensors import Dipoles, place_dipoles
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.space import sample
from bids_app.values import Floats
from bids_app.values.space import Grid, Volume


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What all people of a dataset share.

    Attributes
    ----------
    settings : SimulationSettings
        What to simulate.
    head : Head
        Tissues in template space.
    networks : Networks
        Where the networks are.
    dipoles : Dipoles
        Where the EEG comes from.
    images : tuple of Volume
        Template images of a BOLD run: contrast, grey matter, then one region per network.
    maps : ndarray of shape (x, y, z, network)
        Fractional change for a change of 1 in each network, on the truth grid.
    """

    settings: SimulationSettings
    head: Head
    networks: Networks
    dipoles: Dipoles
    images: tuple[Volume, ...]
    maps: Floats


def make_world(settings: SimulationSettings) -> World:
    """Make what all people share."""
    template = load_template(settings.size.template_mm)
    head = make_head(template, settings.head)
    coarse = coarser(template)
    networks = place_networks(coarse, settings)
    regions = [
        Volume(np.ascontiguousarray(region), networks.grid)
        for region in np.moveaxis(networks.regions, -1, 0)
    ]
    images = (head.image(EPI), Volume(head.gm, head.grid), *regions)
    return World(
        settings,
        head,
        networks,
        place_dipoles(coarse, networks, settings),
        images,
        template_maps(images),
    )


def template_maps(images: tuple[Volume, ...]) -> Floats:
    """Fractional change per network on the truth grid, shape (x, y, z, network), given the images of a world."""
    index = np.indices(truth.TRUTH_GRID.shape).reshape(3, -1).T
    points = truth.TRUTH_GRID.points_mm(index.astype(float))
    contrast, grey, *regions = images
    base = np.maximum(_averaged(contrast.data, contrast.grid, points), bold.FAINTEST * EPI.gm)
    inside = grey.data > 0
    inside_points = grey.grid.points_mm(np.argwhere(inside).astype(float))
    change = np.zeros_like(grey.data)
    maps = []
    for region in regions:
        change[inside] = EPI.gm * grey.data[inside] * sample(region, inside_points)
        maps.append(_averaged(change, grey.grid, points) / base)
    return np.stack(maps, axis=-1).reshape(*truth.TRUTH_GRID.shape, len(maps))


def _averaged(data: Floats, grid: Grid, points: Floats) -> Floats:
    # A voxel of 3 mm is close to a Gaussian of this width.
    spread = 3.0 / np.sqrt(12) / grid.zooms_mm
    return sample(Volume(ndimage.gaussian_filter(data, spread), grid), points)
