from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from bids_app.preproc import fmri
from bids_app.preproc.fmri.confounds import cosines, dvars
from bids_app.preproc.fmri.motion_parameters import (
    framewise_displacement,
    motion_parameters,
    rms_displacement,
)
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Mask, Volume
from tests.preproc.fmri.phantom import PLACE, Head, turned


@pytest.fixture(scope="module")
def fit(bold: BoldSeries, head: Head, anat: AnatFit) -> RunFit:
    back = np.linalg.inv(anat.template_to_t1w) @ np.linalg.inv(PLACE)
    inside = head.on(bold.grid, back)[:3].sum(axis=0) > 0.5
    still = np.tile(np.eye(4), (60, 1, 1))
    reference = Volume(bold.volumes[..., 0], bold.grid)
    return RunFit(reference, Mask(bold.grid, inside), still, PLACE, None, 0.0, n_dummies=2)


def test_planted_nuisances_are_found(
    bold: BoldSeries, fit: RunFit, anat: AnatFit, head: Head
) -> None:
    rng = np.random.default_rng(0)
    nuisance = ndimage.gaussian_filter1d(rng.standard_normal((2, 60)), 2, axis=1)
    back = np.linalg.inv(anat.template_to_t1w) @ np.linalg.inv(PLACE)
    parts = head.on(bold.grid, back)
    volumes = bold.volumes[..., :1] * (
        1
        + 0.05 * parts[2][..., None] * nuisance[0] / nuisance[0].std()
        + 0.05 * parts[1][..., None] * nuisance[1] / nuisance[1].std()
        + 0.01 * rng.standard_normal((*bold.grid.shape, 60))
    )
    series = BoldSeries(volumes.astype(np.float32), bold.grid, 2.0)
    given = fmri.confounds(series, fit, anat)
    found = given.columns
    assert np.corrcoef(found["csf"], nuisance[0])[0, 1] > 0.9
    assert np.corrcoef(found["white_matter"], nuisance[1])[0, 1] > 0.9
    assert np.isnan(found["csf_derivative1"][0])
    assert np.allclose(found["csf_derivative1_power2"][1:], np.diff(found["csf"]) ** 2)
    assert np.corrcoef(found["c_comp_cor_00"][2:], nuisance[0, 2:])[0, 1] > 0.9
    assert np.corrcoef(found["w_comp_cor_00"][2:], nuisance[1, 2:])[0, 1] > 0.9
    assert not found["a_comp_cor_00"][:2].any()
    assert np.isclose(np.linalg.norm(found["edge_comp_00"]), 1)
    assert np.isnan(found["dvars"][:3]).all()
    assert found["non_steady_state_outlier01"].argmax() == 1
    assert all(len(column) == 60 for column in found.values())
    assert given.about.keys() == found.keys()
    assert given.about["w_comp_cor_00"]["Mask"] == "WM"
    assert (
        given.about["csf_power2"]["Description"]
        == "Mean intensity of cerebrospinal fluid, squared"
    )
    assert given.about["trans_x"]["Units"] == "mm"


def test_a_jump_is_an_outlier(bold: BoldSeries, fit: RunFit, anat: AnatFit) -> None:
    motion = np.tile(np.eye(4), (14, 1, 1))
    axes = bold.grid.affine[:3, :3] / bold.grid.zooms_mm
    motion[9:, :3, 3] = axes @ [0.0, 0.0, 0.9]
    still = replace(bold, volumes=np.repeat(bold.volumes[..., :1], 14, axis=3))
    found = fmri.confounds(still, replace(fit, motion=motion), anat).columns
    assert np.isclose(found["framewise_displacement"][9], 0.9)
    assert found["motion_outlier00"].argmax() == 9
    assert "motion_outlier01" not in found


def test_a_shift_along_the_voxel_axes_has_fsls_signs(fit: RunFit) -> None:
    grid = fit.reference.grid
    axes = grid.affine[:3, :3] / grid.zooms_mm
    motion = np.tile(np.eye(4), (2, 1, 1))
    motion[1, :3, 3] = axes @ [0.5, -0.3, 0.2]
    found = motion_parameters(replace(fit, motion=motion))
    # The volume goes back to the reference; these axes are left-handed, so FSL flips none.
    assert np.linalg.det(grid.affine[:3, :3]) < 0
    assert np.allclose(found[1], [-0.5, 0.3, -0.2, 0, 0, 0], atol=1e-6)
    assert np.isclose(framewise_displacement(found)[1], 1.0)
    assert np.isclose(rms_displacement(replace(fit, motion=motion))[1], np.sqrt(0.38))


def test_a_rotation_about_the_centre_of_mass_has_no_shift(fit: RunFit) -> None:
    grid = fit.reference.grid
    centre = grid.points_mm(np.array([ndimage.center_of_mass(fit.reference.data)]))[0]
    axes = grid.affine[:3, :3] / grid.zooms_mm
    about = np.eye(4)
    about[:3, :3] = axes @ turned((0.5, 0, 0), (0, 0, 0))[:3, :3] @ np.linalg.inv(axes)
    about[:3, 3] = centre - about[:3, :3] @ centre
    found = motion_parameters(replace(fit, motion=np.stack([np.eye(4), about])))
    assert np.allclose(found[1, :3], 0, atol=0.02)
    assert np.isclose(abs(found[1, 3]), np.deg2rad(0.5), atol=1e-4)


def test_dvars_of_noise_is_its_spread_and_one() -> None:
    rng = np.random.default_rng(0)
    series = 500 + 5 * rng.standard_normal((200, 3000))
    series[120] += 60
    plain, standard = dvars(series)
    assert np.isnan(plain[0])
    assert np.isclose(np.median(plain[1:]), 10 * np.sqrt(2), rtol=0.02)
    assert np.isclose(np.median(standard[1:]), 1, rtol=0.03)
    assert set(np.argsort(plain[1:])[-2:] + 1) == {120, 121}
    assert np.isnan(dvars(series[:2])[0]).all()
    many = np.concatenate([series, np.full((200, 9000), np.median(series)), series], axis=1)
    assert np.allclose(dvars(many)[0][1:], plain[1:])  # voxels that never vary do not count
    assert np.allclose(dvars(many)[1][1:], standard[1:])


def test_cosines_are_orthonormal_after_the_dummies() -> None:
    found = cosines(173, 2.0, 3)
    stack = np.stack(list(found.values()))
    assert list(found) == ["cosine00", "cosine01", "cosine02", "cosine03"]
    assert not stack[:, :3].any()
    assert np.allclose(stack @ stack.T, np.eye(4), atol=1e-9)
    assert not cosines(30, 2.0, 0)
