from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from bids_app.files.template import load_template
from bids_app.simulate.networks import coarser, place_networks
from bids_app.simulate.settings import SimulationSettings, sized
from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template


@pytest.mark.parametrize(("n_networks", "seed"), [(4, 1), (4, 7), (6, 1)])
def test_networks_are_separate_contiguous_pieces_of_grey_matter(
    n_networks: int, seed: int
) -> None:
    template = load_template(3)
    settings = sized("tiny", n_networks=n_networks, seed=seed)
    placed = place_networks(template, settings)
    assert 0.15 <= placed.grey_fraction <= 0.25
    cores = (placed.regions > 0.9) & (template.gm > 0.5)[..., None]
    assert cores.sum(axis=-1).max() == 1
    for index in range(n_networks):
        labels, _ = ndimage.label(cores[..., index])
        assert np.bincount(labels.ravel())[1:].max() > 0.9 * cores[..., index].sum()


def test_the_bands_take_turns_and_each_has_its_sign() -> None:
    networks = place_networks(load_template(3), sized("tiny", n_networks=5)).networks
    assert [one.name for one in networks] == ["theta", "alpha", "beta", "gamma", "theta2"]
    assert [one.sign for one in networks] == [1, -1, -1, 1, 1]
    assert networks[1].band_hz == (8.0, 13.0)


def test_a_fine_template_is_thinned_without_moving_it(rng: np.random.Generator) -> None:
    affine = np.eye(4)
    affine[:3, 3] = (-3, -4, -5)
    grid = Grid((7, 8, 9), affine)
    gm = rng.random(grid.shape)
    template = Template("x", Volume(gm, grid), gm, gm, Mask(grid, gm > 0.5))
    thin = coarser(template)
    assert thin.grid.shape == (4, 4, 5)
    assert np.allclose(thin.grid.points_mm(np.array([[1.0, 2, 3]])), [[-1, 0, 1]])
    assert thin.gm[1, 2, 3] == gm[2, 4, 6]
    assert coarser(replace(thin, t1=thin.t1)).grid.shape == thin.grid.shape


def test_no_site_depends_on_the_number_of_people() -> None:
    template = load_template(3)
    few, many = (place_networks(template, SimulationSettings(n_participants=n)) for n in (1, 99))
    assert np.array_equal(few.regions, many.regions)
