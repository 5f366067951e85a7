from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.values.bundle import Accepts, BoldSpec, EegSpec, ModelBundle
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

N_CHANNELS, N_TIME, N_WINDOW = 3, 40, 7
STOPS = np.array([7, 12, 13, 14, 40])


def samples(**more: Any) -> Samples:
    rng = np.random.default_rng(1)
    given: dict[str, Any] = {
        "run": "sub-01_task-rest",
        "participant": "01",
        "eeg": rng.standard_normal((N_CHANNELS, N_TIME)).astype(np.float32),
        "rate_hz": 250.0,
        "n_window": N_WINDOW,
        "stops": STOPS,
        "volumes": np.array([1, 2, 3, 4, 8]),
        "n_volumes": 9,
        "targets": rng.standard_normal((5, 2)).astype(np.float32),
    }
    return Samples(**(given | more))


def scaled(rng: np.random.Generator) -> Samples:
    """Give each window its own centre and spread."""
    return samples(
        centre=rng.standard_normal((5, N_CHANNELS)), spread=rng.uniform(1, 2, (5, N_CHANNELS))
    )


def slow(found: Samples, row: int) -> np.ndarray[Any, Any]:
    stop = int(found.stops[row])
    window = found.eeg[:, stop - found.n_window : stop].astype(np.float64)
    if found.centre is not None:
        window = window - found.centre[row][:, None]
    if found.spread is not None:
        window = window / found.spread[row][:, None]
    return window


@pytest.mark.parametrize("index", [slice(None), slice(1, 4), np.array([4, 0]), np.array([], int)])
def test_windows_are_those_of_a_slow_loop(index: Any, rng: np.random.Generator) -> None:
    for found in (samples(), scaled(rng)):
        rows = np.arange(len(found))[index]
        expected = [slow(found, row) for row in rows]
        windows = found.windows(index)
        assert windows.shape == (len(rows), N_CHANNELS, N_WINDOW)
        assert windows.dtype == np.float32
        assert windows == pytest.approx(np.reshape(expected, windows.shape), abs=1e-6)


@pytest.mark.parametrize("index", [[1, 2, 3], [0, 4], [3, 1], []])
def test_taken_samples_keep_what_is_theirs(index: list[int], rng: np.random.Generator) -> None:
    found, rows = scaled(rng), np.array(index, dtype=int)
    taken = found.take(rows)
    assert len(taken) == len(index)
    assert np.array_equal(taken.windows(), found.windows(rows))
    assert taken.targets is not None
    assert found.targets is not None
    assert np.array_equal(taken.targets, found.targets[rows])
    assert np.array_equal(taken.volumes, found.volumes[rows])
    assert taken.n_volumes == found.n_volumes


def test_neighbours_are_a_view() -> None:
    found = samples()
    neighbours, apart = found.take(np.array([1, 2, 3])), found.take(np.array([0, 2]))
    assert found.targets is not None
    assert neighbours.targets is not None
    assert apart.targets is not None
    assert np.shares_memory(neighbours.targets, found.targets)
    assert not np.shares_memory(apart.targets, found.targets)
    assert np.shares_memory(neighbours.eeg, found.eeg)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"volumes": np.arange(4)}, "5 windows for 4 volumes"),
        ({"stops": STOPS - 1}, "windows span samples -1 to 39; the recording has 40"),
        ({"stops": STOPS + 1}, "windows span samples 1 to 41; the recording has 40"),
        ({"targets": np.zeros((4, 2))}, "4 targets for 5 windows"),
        ({"centre": np.zeros((5, 2))}, r"scaling is \(5, 2\) for 5 windows of 3 channels"),
        ({"spread": np.zeros((4, 3))}, r"scaling is \(4, 3\) for 5 windows of 3 channels"),
    ],
)
def test_samples_whose_parts_disagree_are_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        samples(**more)


# ------------------------------------------------------------ bundle

SPEC = EegSpec(("Cz", "Pz", "Oz"), 250.0, 30.0)


def test_a_window_has_a_whole_number_of_samples() -> None:
    assert SPEC.n_window == 7500
    assert EegSpec(("Cz",), 250.0, 0.998).n_window == 250


def test_the_same_eeg_is_accepted() -> None:
    Accepts().refuse_eeg(SPEC, ("Cz", "Pz", "Oz"), 250.0, "a.vhdr")


@pytest.mark.parametrize(
    ("channels", "rate_hz", "told"),
    [
        (("Cz", "Pz"), 250.0, "the recording has 2 at 250 Hz; lacking: Oz"),
        (("Pz", "Cz", "Oz"), 250.0, "the recording has 3 at 250 Hz; lacking: none"),
        (("Cz", "Pz", "Oz"), 500.0, "the recording has 3 at 500 Hz; lacking: none"),
        ((), 250.0, "the recording has 0 at 250 Hz; lacking: Cz, Pz, Oz"),
    ],
)
def test_other_eeg_is_refused(channels: tuple[str, ...], rate_hz: float, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        Accepts().refuse_eeg(SPEC, channels, rate_hz, "a.vhdr")
    assert "a.vhdr: the model wants 3 channels at 250 Hz" in str(caught.value)
    assert "use a recording with the same cap" in caught.value.hint


def test_a_bundle_describes_itself_in_json() -> None:
    grid = Grid((2, 3, 4), np.diag([3.0, 3, 3, 1]))
    mask = Mask(grid, np.arange(24).reshape(2, 3, 4) % 3 == 0)
    bold = BoldSpec(mask, "MNI152NLin2009aSym", "3", 2.0, 0.5, 8.0, 1.5)
    bundle = ModelBundle("ridge", {"n": 1}, SPEC, bold, {}, np.zeros(8), {"seed": 7})
    told = json.loads(json.dumps(bundle.describe()))
    assert bold.n_voxels == 8
    assert told["eeg"]["channels"] == ["Cz", "Pz", "Oz"]
    assert told["bold"]["mask_sha256"] == mask.sha256
    assert told["bold"]["grid_shape"] == [2, 3, 4]
    assert told["bold"]["grid_affine"] == grid.affine.tolist()
    assert (told["bold"]["window_lag_s"], told["training"]) == (1.5, {"seed": 7})
