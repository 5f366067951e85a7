"""Windows are found by time, whatever the clocks, rates and repetition times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import DataError
from bids_app.samples.windows import Scan, WindowSettings, cut
from bids_app.values import Floats
from bids_app.values.pairing import Clock


def silence(seconds: float, rate_hz: float, n_channels: int = 3) -> Floats:
    return np.zeros((n_channels, int(seconds * rate_hz)), np.float32)


@pytest.mark.parametrize("offset_s", [0.0, 0.0004, 3.217, 12.5, 61.0])
@pytest.mark.parametrize("rate_hz", [250.0, 1000.0])
def test_the_paper_has_155_samples_of_170_volumes(offset_s: float, rate_hz: float) -> None:
    eeg = silence(offset_s + 341, rate_hz)
    samples = cut(eeg, rate_hz, Clock(offset_s), Scan("run-1", "01", 170, 2.0))
    assert samples.volumes.tolist() == list(range(15, 170))
    assert samples.n_window == 30 * rate_hz
    assert samples.n_volumes - len(samples) == 15


def test_a_window_holds_the_half_minute_before_its_volume() -> None:
    rate_hz, offset_s = 250.0, 7.3
    eeg = np.tile(np.arange(250 * 120, dtype=np.float32) / 250, (2, 1))
    samples = cut(eeg, rate_hz, Clock(offset_s), Scan("run-1", "01", 50, 2.0))
    window = samples.windows(np.array([4]))[0, 0]
    onset_s = offset_s + 2.0 * samples.volumes[4]
    assert window[-1] == pytest.approx(onset_s - 1 / 250, abs=1e-4)
    assert window[0] == pytest.approx(onset_s - 30, abs=1e-4)


@settings(max_examples=200, deadline=None)
@given(
    steps=st.tuples(
        st.sampled_from([0.8, 1.28, 2.0, 2.16, 3.0]), st.sampled_from([200.0, 250.0, 512.0, 1e3])
    ),
    offset_s=st.floats(0, 100),
    drift=st.floats(-1e-4, 1e-4),
    start_time_s=st.floats(0, 1),
    lag_s=st.floats(-2, 6),
    window_s=st.floats(2, 30),
)
def test_each_window_ends_just_before_its_time(
    steps: tuple[float, float],
    offset_s: float,
    drift: float,
    start_time_s: float,
    lag_s: float,
    window_s: float,
) -> None:
    (tr_s, rate_hz), clock = steps, Clock(offset_s, 1 + drift)
    scan = Scan("run-1", "01", 60, tr_s, start_time_s)
    eeg = np.broadcast_to(np.float32(0), (2, int((offset_s + 60 * tr_s + 5) * rate_hz)))
    samples = cut(eeg, rate_hz, clock, scan, WindowSettings(window_s, lag_s))
    ends_s = samples.volumes * tr_s + start_time_s - lag_s
    last_s, next_s = (samples.stops - 1) / rate_hz, samples.stops / rate_hz
    assert (last_s < clock.eeg_s(ends_s)).all()
    assert (next_s >= clock.eeg_s(ends_s) - 1e-8).all()
    first_s = (samples.stops - samples.n_window) / rate_hz
    slack_s = abs(drift) * window_s + 1 / rate_hz
    assert (first_s >= clock.eeg_s(0.0) - slack_s).all()
    assert (np.diff(samples.volumes) == 1).all()


@settings(max_examples=100, deadline=None)
@given(tr_s=st.sampled_from([1.28, 2.0, 2.16]), earlier_s=st.floats(0, 50))
def test_earlier_eeg_does_not_change_the_count(tr_s: float, earlier_s: float) -> None:
    eeg = np.broadcast_to(np.float32(0), (2, int((earlier_s + 100 * tr_s + 1) * 250)))
    samples = cut(eeg, 250.0, Clock(earlier_s), Scan("run-1", "01", 100, tr_s))
    assert samples.volumes[0] == int(np.ceil(30 / tr_s - 1e-9))
    assert samples.volumes[-1] == 99


def test_volumes_that_the_eeg_does_not_cover_have_no_window() -> None:
    targets = np.random.default_rng(0).random((40, 7))
    samples = cut(
        silence(61.0, 250.0),
        250.0,
        Clock(5.0),
        Scan("run-1", "01", 40, 2.0, channels=("Fz", "Cz", "Pz")),
        WindowSettings(window_s=10),
        targets,
    )
    assert samples.volumes.tolist() == list(range(5, 29))
    assert samples.n_volumes == 40
    assert samples.targets is not None
    assert np.array_equal(samples.targets, targets[5:29])
    assert np.shares_memory(samples.targets, targets)
    assert samples.channels == ("Fz", "Cz", "Pz")


def test_eeg_that_starts_after_the_scanner_loses_the_first_volumes() -> None:
    samples = cut(
        silence(100.0, 250.0),
        250.0,
        Clock(-11.0),
        Scan("run-1", "01", 40, 2.0),
        WindowSettings(window_s=10),
    )
    assert samples.volumes[0] == 11  # its window starts 1 s into the EEG


def test_eeg_without_a_whole_window_is_refused() -> None:
    with pytest.raises(DataError, match=r"run-7: .* window of 30 s: the EEG lasts 29 s, the scan"):
        cut(silence(29.0, 250.0), 250.0, Clock(0.0), Scan("run-7", "01", 40, 2.0))


def test_targets_of_another_length_are_refused() -> None:
    with pytest.raises(DataError, match="run-7: 39 BOLD volumes; expected 40"):
        cut(
            silence(90.0, 250.0),
            250.0,
            Clock(0.0),
            Scan("run-7", "01", 40, 2.0),
            targets=np.zeros((39, 5)),
        )
