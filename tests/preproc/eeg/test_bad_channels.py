from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.errors import DataError, UsageError
from bids_app.preproc.eeg import bad_channels, channels, clean, settings_of
from bids_app.simulate.scanner_eeg import ScannerEegSettings, record
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

SCENE = Scene("sub-01_task-rest_eeg.vhdr")


@pytest.fixture(scope="module")
def good() -> Recording:
    settings = ScannerEegSettings(n_channels=19, rate_hz=250.0, n_volumes=20, gradient=False)
    made = record(settings).recording
    return made.pick(made.rows("EEG"))


def found(recording: Recording) -> tuple[Recording, list[str]]:
    told: list[str] = []
    return bad_channels.apply(recording, bad_channels.Settings(), SCENE, told.append), told


def test_good_channels_stay_as_they_are(good: Recording) -> None:
    done, told = found(good)
    assert done is good
    assert told == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("silent", "no signal"),
        ("loud", "too loud"),
        ("quiet", "too quiet"),
        ("noise", "like no other"),
    ],
)
def test_a_bad_channel_is_put_in_from_its_neighbours(
    good: Recording, rng: np.random.Generator, spoil: str, reason: str
) -> None:
    volts = good.volts.copy()
    noise = rng.standard_normal(volts.shape[1])
    volts[7] = {
        "silent": 0 * noise,
        "loud": 60 * volts[7],
        "quiet": volts[7] / 60,
        "noise": volts[7].std() * noise,
    }[spoil]
    done, told = found(replace(good, volts=volts))
    assert told == [f"channels that were interpolated from the others: E8 ({reason})"]
    assert np.corrcoef(done.volts[7], good.volts[7])[0, 1] > 0.9
    others = [row for row in range(19) if row != 7]
    assert np.array_equal(done.volts[others], volts[others])


def test_too_many_bad_channels_are_told_and_left(good: Recording) -> None:
    volts = good.volts.copy()
    volts[:6] = 0
    done, told = found(replace(good, volts=volts))
    assert np.array_equal(done.volts, volts)
    assert told[0].startswith("6 of 19 channels look bad, too many to interpolate: E1 (no signal)")


def test_channels_without_position_or_neighbours_are_not_judged(good: Recording) -> None:
    volts = good.volts.copy()
    volts[3] = 0
    few = replace(good, volts=volts).pick(list(range(7)))
    assert found(few)[0] is few
    nowhere = replace(good, volts=volts, positions_m=np.full((19, 3), np.nan))
    assert found(nowhere)[0] is nowhere


def test_a_dead_channel_is_told_and_interpolated_by_all_steps(good: Recording) -> None:
    volts = good.volts.copy()
    volts[4] = 2e-6
    told: list[str] = []
    done = clean(replace(good, volts=volts), settings_of({}), SCENE, told.append)
    whole = clean(good, settings_of({}), SCENE)
    assert told[0] == "channel E5 holds the same value throughout"
    assert "E5 (no signal)" in told[-1]
    assert np.corrcoef(done.recording.volts[4], whole.recording.volts[4])[0, 1] > 0.8


def test_dead_channels_that_cannot_be_interpolated_are_refused(good: Recording) -> None:
    volts = good.volts.copy()
    volts[:6] = 1e-6
    with pytest.raises(DataError, match=f"{SCENE.where}: channel E1 holds the same value through"):
        channels.apply(replace(good, volts=volts), channels.Settings(), SCENE, lambda _: None)


def test_a_channel_with_gaps_is_a_broken_file(good: Recording) -> None:
    volts = good.volts.copy()
    volts[4, 90] = np.nan
    with pytest.raises(DataError, match=f"{SCENE.where}: channel E5 holds 1 NaN or infinite"):
        channels.apply(replace(good, volts=volts), channels.Settings(), SCENE, lambda _: None)


@pytest.mark.parametrize("chosen", [{"largest_z": 0.0}, {"least_correlation": 1.0}])
def test_limits_that_judge_nothing_are_refused(good: Recording, chosen: dict[str, float]) -> None:
    settings = replace(bad_channels.Settings(), **chosen)
    ((name, value),) = chosen.items()
    with pytest.raises(UsageError, match=rf"\[eeg\.bad_channels\] has .*{name} = {value:g}"):
        bad_channels.apply(good, settings, SCENE, lambda _: None)
