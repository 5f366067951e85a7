from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.simulate.sensors import (
    BACKGROUND,
    CEREBRUM_CENTRE_MM,
    CEREBRUM_HALF_MM,
    Dipoles,
    lead_field,
    make_cap,
)
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.world import World
from bids_app.values import Floats

SETTINGS = SimulationSettings()


def radial(directions: Floats, depth: float) -> Dipoles:
    normals = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    points = CEREBRUM_CENTRE_MM + depth * CEREBRUM_HALF_MM * normals
    return Dipoles(points, normals, np.zeros(len(normals), dtype=int))


@pytest.mark.parametrize(
    ("direction", "nearest"),
    [((0, 0.2, 1), {"Fz", "Cz"}), ((0, -1, 0.25), {"Oz", "O1", "O2"}), ((-1, 0.1, 0.1), {"T7"})],
)
def test_a_shallow_radial_dipole_is_strongest_above_itself(
    direction: tuple[float, float, float], nearest: set[str]
) -> None:
    cap = make_cap(SETTINGS, "01")
    field = lead_field(SETTINGS, "01", cap, radial(np.array([direction]), 0.9))
    assert cap.names[int(field[:, 0].argmax())] in nearest


def test_a_deep_dipole_is_weaker_and_wider() -> None:
    cap = make_cap(SETTINGS, "01")
    direction = np.array([[0.2, -0.3, 1.0]])
    shallow, deep = (
        lead_field(SETTINGS, "01", cap, radial(direction, depth))[:, 0] for depth in (0.9, 0.3)
    )
    assert deep.std() < 0.7 * shallow.std()
    assert np.ptp(deep) / deep.std() < np.ptp(shallow) / shallow.std()


def test_caps_differ_a_little_between_people() -> None:
    one, two = (make_cap(SETTINGS, label) for label in ("01", "02"))
    apart_m = np.linalg.norm(one.positions_m - two.positions_m, axis=1)
    assert 1e-4 < apart_m.mean() < 8e-3
    assert len(one.names) == 34
    assert one.landmarks_m["NAS"][1] > 0.08
    assert one.landmarks_m["LPA"][0] < -0.07 < 0.07 < one.landmarks_m["RPA"][0]


def test_caps_take_turns() -> None:
    settings = replace(SETTINGS, caps=(34, 19, 64))
    caps = [make_cap(settings, label) for label in ("01", "02", "03", "04")]
    assert [len(cap.names) for cap in caps] == [34, 19, 64, 34]
    assert all(len(set(cap.names)) == len(cap.names) == len(cap.positions_m) for cap in caps)
    shared = [caps[2].names.index(name) for name in caps[1].names]
    assert np.abs(caps[2].positions_m[shared] - caps[1].positions_m).max() < 0.02


def test_dipoles_lie_in_their_networks_and_point_outwards(world: World) -> None:
    dipoles = world.dipoles
    voxels = np.round(world.networks.grid.voxels(dipoles.points_mm)).astype(int)
    for index in range(4):
        mine = dipoles.owner == index
        assert mine.sum() == 10
        assert (world.networks.regions[(*voxels[mine].T, index)] > 0.9).all()
    assert (dipoles.owner == BACKGROUND).sum() == 80
    assert np.allclose(np.linalg.norm(dipoles.normals, axis=1), 1, atol=1e-3)
    outwards = ((dipoles.points_mm - CEREBRUM_CENTRE_MM) * dipoles.normals).sum(axis=1)
    assert (outwards > 0).mean() > 0.6
