from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event, Recording
from bids_app.values.space import Grid

GRID = Grid((3, 4, 5), np.eye(4))


def series(**more: Any) -> BoldSeries:
    return BoldSeries(np.ones((3, 4, 5, 6), dtype=np.float32), GRID, 2.16, **more)


def recording(**more: Any) -> Recording:
    given: dict[str, Any] = {
        "volts": np.arange(12.0).reshape(3, 4),
        "rate_hz": 250.0,
        "names": ("Cz", "ECG", "Pz"),
        "kinds": ("EEG", "ECG", "EEG"),
        "positions_m": np.arange(9.0).reshape(3, 3),
        "events": (Event(0.004, "R128"),),
        "line_hz": 50.0,
    }
    return Recording(**(given | more))


def test_volumes_stand_for_a_time() -> None:
    found = series(start_time_s=0.5)
    assert found.n_volumes == 6
    assert found.times_s == pytest.approx([0.5, 2.66, 4.82, 6.98, 9.14, 11.3])


def test_volumes_that_are_not_on_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"volumes are \(3, 4, 5\); the grid is \(3, 4, 5\)"):
        BoldSeries(np.ones((3, 4, 5)), GRID, 2.0)
    with pytest.raises(ValueError, match=r"volumes are \(5, 4, 3, 6\); the grid is \(3, 4, 5\)"):
        BoldSeries(np.ones((5, 4, 3, 6)), GRID, 2.0)


def test_slice_times_belong_to_the_slice_axis() -> None:
    assert series(slice_times_s=np.linspace(0, 2.16, 4), slice_axis=1).slice_axis == 1
    with pytest.raises(ValueError, match="4 slice times for 5 slices"):
        series(slice_times_s=np.linspace(0, 2, 4))


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ([0, 0, 0, 0, 2.2], "slice times span 0 to 2.2 s; expected within 0 to the .* 2.16 s"),
        ([-0.1, 0, 0, 0, 2], "slice times span -0.1 to 2 s"),
        ([np.nan, 0, 0, 0, 2], "slice times span nan to nan s"),
    ],
)
def test_slice_times_lie_within_the_repetition_time(times: list[float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        series(slice_times_s=np.array(times))


def test_a_recording_knows_its_length_and_channels() -> None:
    found = recording()
    assert (found.n_samples, found.duration_s) == (4, 0.016)
    assert found.rows("EEG") == [0, 2]
    assert found.rows("MISC") == []


def test_picked_channels_keep_their_order_and_belongings() -> None:
    found = recording().pick([2, 0])
    assert (found.names, found.kinds) == (("Pz", "Cz"), ("EEG", "EEG"))
    assert found.volts.tolist() == [[8, 9, 10, 11], [0, 1, 2, 3]]
    assert found.positions_m.tolist() == [[6, 7, 8], [0, 1, 2]]
    assert (found.events, found.line_hz, found.rate_hz) == (recording().events, 50.0, 250.0)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"names": ("Cz", "ECG")}, "3 channels, 2 names, 3 types, 3 positions"),
        ({"kinds": ("EEG",)}, "3 channels, 3 names, 1 types, 3 positions"),
        ({"positions_m": np.zeros((4, 3))}, "3 channels, 3 names, 3 types, 4 positions"),
        ({"rate_hz": 0.0}, "sampling rate is 0 Hz"),
        ({"rate_hz": float("nan")}, "sampling rate is nan Hz"),
    ],
)
def test_a_recording_whose_parts_disagree_is_refused(more: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        recording(**more)


@pytest.mark.parametrize("bold_s", [3.0, np.array([0.0, 2.16, 100.0])])
def test_the_clock_goes_there_and_back(bold_s: Floats | float) -> None:
    clock = Clock(offset_s=12.5, rate=1.0001)
    assert clock.eeg_s(bold_s) == pytest.approx(12.5 + 1.0001 * np.asarray(bold_s))
    assert clock.bold_s(clock.eeg_s(bold_s)) == pytest.approx(bold_s)
