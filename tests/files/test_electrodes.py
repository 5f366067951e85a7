from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bids_app.files import electrodes
from bids_app.files.electrodes import in_standard_frame, standard_position_m, standard_sphere
from bids_app.values import Floats

NAMED = ("Fp1", "F8", "T7", "C4", "Pz", "O2", "Fz", "P3")
OTHERS = (
    "AF3",
    "AF4",
    "FC1",
    "FC2",
    "FC5",
    "FC6",
    "CP1",
    "CP2",
    "CP5",
    "CP6",
    "PO3",
    "PO4",
    "POz",
    "FCz",
    "CPz",
    "F1",
)


def cap(names: tuple[str, ...]) -> Floats:
    found = [standard_position_m(name) for name in names]
    return np.array([place for place in found if place is not None])


@pytest.fixture
def digitised() -> dict[str, Floats]:
    """Named electrodes and others in a frame of their own: turned, larger, elsewhere, with an error of 2 mm."""
    names = (*NAMED, *(f"E{row}" for row in range(len(OTHERS))))
    turn = Rotation.from_euler("xyz", (20, -35, 80), degrees=True).as_matrix()
    points = 1.1 * cap((*NAMED, *OTHERS)) @ turn.T + [0.03, -0.02, 0.05]
    points += np.random.default_rng(0).normal(0, 2e-3 / 3**0.5, points.shape)
    return dict(zip(names, points, strict=True))


def test_names_lead_the_others_to_their_places(digitised: dict[str, Floats]) -> None:
    found = in_standard_frame(digitised, "eeg")
    assert found.keys() == digitised.keys()
    away = np.linalg.norm([found[f"E{row}"] for row in range(len(OTHERS))] - cap(OTHERS), axis=1)
    assert away.mean() < 2.5e-3
    assert away.max() < 6e-3


def test_names_that_are_not_where_they_were_digitised_are_noticed(
    digitised: dict[str, Floats], caplog: pytest.LogCaptureFixture
) -> None:
    wrong = dict(zip(digitised, reversed(digitised.values()), strict=True))
    assert in_standard_frame(wrong, "sub-01_eeg.vhdr") == {}
    assert "sub-01_eeg.vhdr: electrodes.tsv is not used: its positions are" in caplog.text
    assert "mm from where their names put them" in caplog.text


def test_without_names_the_sphere_tells_the_direction() -> None:
    true = cap((*NAMED, *OTHERS))
    placed = {f"E{row}": point for row, point in enumerate(0.9 * true + [0, 0.01, 0.03])}
    found = np.array([*in_standard_frame(placed, "eeg").values()]) - standard_sphere()[0]
    there = true - standard_sphere()[0]
    cosine = (found * there).sum(axis=1) / np.prod(np.linalg.norm([found, there], axis=2), axis=0)
    assert np.degrees(np.arccos(cosine)).max() < 8


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        (lambda points: points[:, [1, 0, 2]], "not those of a cap whose axes run right"),
        (lambda points: -points, "not those of a cap whose axes run right"),
        (lambda points: points * [1, 1, 0.01], "not those of a cap whose axes run right"),
        (lambda points: points[:7], "7; expected 16 or more without standard names"),
    ],
)
def test_positions_that_are_no_cap_are_not_used(
    turn: Callable[[Floats], Floats], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    points = turn(cap((*NAMED, *OTHERS, "F2", "F5", "F6", "P1")))
    assert in_standard_frame({f"E{row}": at for row, at in enumerate(points)}, "eeg") == {}
    assert said in caplog.text


def test_nothing_digitised_is_nothing_wrong(caplog: pytest.LogCaptureFixture) -> None:
    assert in_standard_frame({}, "eeg") == {}
    assert not caplog.text


def test_the_sphere_through_points_is_found() -> None:
    rng = np.random.default_rng(1)
    rays = rng.standard_normal((30, 3))
    points = [0.01, 0.02, -0.03] + 0.095 * rays / np.linalg.norm(rays, axis=1, keepdims=True)
    centre, radius_m = electrodes.sphere(points)
    assert centre == pytest.approx([0.01, 0.02, -0.03])
    assert radius_m == pytest.approx(0.095)
