from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app.simulate.person import bold_pose, make_person
from bids_app.simulate.settings import SIZES, SimulationSettings
from bids_app.simulate.space import about, render, rigid
from bids_app.values.space import Grid, Volume, apply_affine

SETTINGS = SimulationSettings(size=replace(SIZES["tiny"], bold_shape=(11, 12, 9)))


def test_the_way_to_the_anatomy_and_back_ends_where_it_began(rng: np.random.Generator) -> None:
    anatomy = make_person(SETTINGS, "01").anatomy
    points = rng.uniform((-70, -100, -60), (70, 70, 80), (300, 3))
    back = anatomy.to_template(anatomy.to_t1w(points))
    assert np.abs(back - points).max() < 0.1
    assert np.linalg.norm(anatomy.to_t1w(points) - points, axis=1).mean() > 3


def test_an_image_of_coordinates_shows_where_each_voxel_comes_from() -> None:
    person = make_person(SETTINGS, "02")
    grid, moved = bold_pose(SETTINGS, person, "1")
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-160, -190, -170)
    template = Grid((81, 91, 86), affine)
    points = template.points_mm(np.indices(template.shape).reshape(3, -1).T.astype(float))
    images = [Volume(points[:, axis].reshape(template.shape), template) for axis in range(3)]
    shown = render(images, person.anatomy, grid, np.linalg.inv(moved))
    for voxel in ((0, 0, 0), (10, 11, 8), (3, 7, 5)):
        on_t1w = apply_affine(np.linalg.inv(moved), grid.points_mm(np.array([voxel], dtype=float)))
        expected = person.anatomy.to_template(on_t1w)[0]
        assert np.allclose(shown[(slice(None), *voxel)], expected, atol=0.05)


def test_a_rigid_motion_keeps_distances_and_turns_the_right_way(rng: np.random.Generator) -> None:
    quarter = rigid(np.array([0.0, 0.0, np.pi / 2]), np.array([1.0, 2.0, 3.0]))
    assert np.allclose(apply_affine(quarter, np.array([[1.0, 0, 0]])), [[1, 3, 3]])
    motion = rigid(rng.normal(size=3), rng.normal(size=3))
    assert np.allclose(motion[:3, :3] @ motion[:3, :3].T, np.eye(3))
    centre = np.array([4.0, 5.0, 6.0])
    turned = about(centre, rigid(rng.normal(size=3), np.zeros(3)))
    assert np.allclose(apply_affine(turned, centre[None]), centre)


def test_the_brain_lies_in_the_middle_of_both_grids() -> None:
    for label in ("01", "02", "03"):
        person = make_person(SETTINGS, label)
        brain = person.anatomy.to_t1w(np.array([[0.0, -18.0, 10.0]]))
        grid, moved = bold_pose(SETTINGS, person, "1")
        for where, points in ((person.t1w_grid, brain), (grid, apply_affine(moved, brain))):
            fraction = where.voxels(points)[0] / np.array(where.shape)
            assert (np.abs(fraction - 0.5) < 0.2).all()
