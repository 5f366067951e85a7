from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from bids_app.preproc.fmri.nuisance_masks import _far_from, nuisance_masks
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, Volume
from tests.preproc.fmri.phantom import turned

CENTRE_MM = np.array([3.0, -5.0, 2.0])
PLACE = turned((4, -3, 6), (2, 5, -1))


@pytest.fixture(scope="module")
def onion() -> AnatFit:
    """Balls in each other: CSF inside, then white matter, grey matter and a coat of CSF."""
    affine = np.diag([-1.5, 1.5, 1.6, 1.0])
    affine[:3, 3] = CENTRE_MM + np.array([52, -56, -54])
    grid = Grid((70, 76, 68), affine)
    away = _away_mm(grid, CENTRE_MM)
    edges = {"CSF": (0, 12), "WM": (12, 34), "GM": (34, 40)}
    tissues = {
        name: ((away >= low) & (away < high)).astype(np.float32)
        for name, (low, high) in edges.items()
    }
    tissues["CSF"] += (away >= 40) & (away < 42)
    return AnatFit(
        Volume(100 - away.astype(np.float32), grid),
        Mask(grid, away < 42),
        tissues,
        np.eye(4),
        None,
    )


def _away_mm(grid: Grid, centre: np.ndarray) -> np.ndarray:
    points = grid.points_mm(np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
    return np.asarray(np.linalg.norm(points - centre, axis=1).reshape(grid.shape))


def _fit(zoom_mm: float, brain_mm: float = 42.0) -> tuple[RunFit, np.ndarray]:
    n_x, n_y, n_z = (int(length / zoom_mm) for length in (110, 104, 98))
    affine = turned((0, 10, 0), (0, 0, 0)) @ np.diag([zoom_mm, zoom_mm, zoom_mm, 1.0])
    centre = PLACE[:3, :3] @ CENTRE_MM + PLACE[:3, 3]
    affine[:3, 3] = centre - affine[:3, :3] @ (np.array([n_x, n_y, n_z]) / 2 - 0.5)
    grid = Grid((n_x, n_y, n_z), affine)
    away = _away_mm(grid, centre)
    volume = Volume(np.ones(grid.shape, dtype=np.float32), grid)
    return RunFit(volume, Mask(grid, away < brain_mm), np.eye(4)[None], PLACE, None, 0.0), away


def test_masks_are_where_their_tissue_is(onion: AnatFit) -> None:
    fit, away = _fit(3.0)
    masks = nuisance_masks(fit, onion)
    assert not masks.notes
    assert away[masks.csf].max() < 12
    assert (away[masks.csf] < 8).sum() > 0.95 * (away < 8).sum()
    # away from grey matter by 3 mm, and not half CSF
    assert away[masks.white_matter].min() > 12
    assert away[masks.white_matter].max() < 34 - 1.5
    middle = (away > 16) & (away < 28)
    assert masks.white_matter[middle].mean() > 0.95
    # the voxels between both are in the combined mask only
    assert masks.combined[(away > 11) & (away < 13)].mean() > 0.9
    assert not (masks.csf | masks.white_matter)[(away > 11.5) & (away < 12.5)].any()


def test_the_crown_surrounds_both_brains(onion: AnatFit) -> None:
    fit, away = _fit(3.0, brain_mm=37.0)  # the T1w brain reaches to 42 mm
    crown = nuisance_masks(fit, onion).crown
    assert away[crown].min() > 40
    assert away[crown].max() < 42 + 3 * 3
    assert crown[(away > 44) & (away < 46)].mean() > 0.95
    brain = ndimage.binary_fill_holes(crown) & ~crown
    assert not ndimage.binary_dilation(brain, iterations=2)[~(brain | crown)].any()


def test_where_no_voxel_is_sure_the_surest_are_taken_and_told(onion: AnatFit) -> None:
    fit, away = _fit(9.0)
    masks = nuisance_masks(fit, onion)
    assert masks.csf.sum() == 20
    assert sorted(away[masks.csf])[:8] == pytest.approx(sorted(away[fit.brain.inside])[:8])
    (told,) = [note for note in masks.notes if note.startswith("confound csf:")]
    assert "the surest 20 are taken" in told
    dry = replace(onion, tissues=onion.tissues | {"CSF": 0 * onion.tissues["CSF"]})
    masks = nuisance_masks(_fit(3.0)[0], dry)
    assert not masks.csf.any()
    assert "csf: 0 voxels hold this tissue only; the surest 0 are taken" in masks.notes[0]


def test_far_is_what_a_distance_transform_says() -> None:
    mask = np.random.default_rng(0).random((23, 31, 19)) < 0.004
    zooms = np.array([1.0, 0.7, 2.1])
    away = ndimage.distance_transform_edt(~mask, sampling=zooms)
    assert (_far_from(mask, zooms, 3.0) == (away > 3)).all()
    assert (_far_from(mask, zooms, 1.5) == (away > 1.5)).all()
