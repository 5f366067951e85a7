from __future__ import annotations

from dataclasses import is_dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bids_app import plugins
from bids_app.errors import DataError, UsageError
from bids_app.preproc.eeg import (
    STEPS,
    Cleaned,
    band,
    channels,
    clean,
    name,
    notch,
    reference,
    resample,
    settings_of,
)
from bids_app.values import Floats
from bids_app.values.recording import Event, Recording
from bids_app.values.scene import Scene

NAMES = ("Cz", "Pz", "Oz")
RATE_HZ = 500.0
N_TIME = 20 * 500
IMPULSE = 9 * 500 + 8  # a whole sample at half the rate too
WHERE = "sub-01_task-rest_eeg.vhdr"
SCENE = Scene(WHERE)
CASES = pytest.mark.parametrize("step", STEPS, ids=name)


def recording(volts: Floats, rate_hz: float = RATE_HZ, **more: Any) -> Recording:
    given: dict[str, Any] = {
        "names": NAMES,
        "kinds": ("EEG",) * 3,
        "positions_m": np.arange(9.0).reshape(3, 3),
        "events": (Event(1.25, "R128"),),
        "line_hz": 50.0,
    }
    return Recording(volts.astype(np.float32), rate_hz, **(given | more))


@pytest.fixture
def noise(rng: np.random.Generator) -> Recording:
    """Make a recording of noise."""
    return recording(1e-5 * rng.standard_normal((3, N_TIME)))


def run(step: ModuleType, given: Recording, **chosen: Any) -> Recording:
    done: Recording = step.apply(given, step.Settings(**chosen), SCENE, lambda _: None)
    return done


def clean_with(
    given: Recording, tables: dict[str, dict[str, Any]], told: list[str] | None = None
) -> Cleaned:
    return clean(given, settings_of(tables), SCENE, ([] if told is None else told).append)


def sine(hertz: float, rate_hz: float = RATE_HZ, seconds: float = 20.0) -> Floats:
    """Make one channel, shape (time,)."""
    return np.asarray(np.sin(2 * np.pi * hertz * np.arange(0, seconds, 1 / rate_hz)))


def share(step: ModuleType, hertz: float, **chosen: Any) -> float:
    """Amplitude that a step leaves of a sine of amplitude 1, away from the ends."""
    before = recording(np.stack([sine(hertz), np.zeros(N_TIME), -sine(hertz)]))
    after = run(step, before, **chosen)
    n_time = after.n_samples
    return float(np.abs(after.volts[0, n_time // 3 : -n_time // 3]).max())


# ------------------------------------------------------------ what every step keeps


def test_the_steps_are_the_files_of_the_folder() -> None:
    assert sorted(map(name, STEPS)) == sorted(plugins.names("preproc/eeg"))


@CASES
def test_a_step_has_settings_with_defaults(step: ModuleType) -> None:
    kind: Any = step.Settings
    assert kind() == kind()
    assert is_dataclass(kind)


@CASES
def test_a_step_keeps_what_is_not_its_business(step: ModuleType, noise: Recording) -> None:
    volts = noise.volts.copy()
    done = run(step, noise)
    assert np.array_equal(noise.volts, volts)  # what it was given stays as it was
    assert done.volts.dtype == np.float32
    assert np.isfinite(done.volts).all()
    assert (done.names, done.kinds, done.events, done.line_hz) == (
        noise.names,
        noise.kinds,
        noise.events,
        noise.line_hz,
    )
    assert np.array_equal(done.positions_m, noise.positions_m)
    assert done.duration_s == pytest.approx(noise.duration_s)


@CASES
def test_a_step_gives_the_same_again(step: ModuleType, noise: Recording) -> None:
    assert np.array_equal(run(step, noise).volts, run(step, noise).volts)


@CASES
def test_a_step_leaves_time_where_it_is(step: ModuleType) -> None:
    volts = np.zeros((3, N_TIME))
    volts[0, IMPULSE] = 1e-4
    volts[1:, 0] = 1e-9  # no channel is flat
    done = run(step, recording(volts))
    assert np.abs(done.volts[0]).argmax() / done.rate_hz == IMPULSE / RATE_HZ


@CASES
def test_a_step_treats_channels_alike(step: ModuleType, noise: Recording) -> None:
    done = run(step, noise)
    turned = run(step, noise.pick([2, 0, 1]))
    assert turned.names == ("Oz", "Cz", "Pz")
    assert turned.volts == pytest.approx(done.volts[[2, 0, 1]], abs=1e-10)


# ------------------------------------------------------------ all steps together


def test_cleaning_leaves_only_the_band(rng: np.random.Generator) -> None:
    brain = np.stack([sine(10), -sine(10), 0.5 * sine(20)])
    dirt = 3 + 5 * sine(50) + 2 * sine(0.05) + 4 * sine(150)
    told: list[str] = []
    volts = np.vstack([1e-5 * (brain + dirt), rng.standard_normal(N_TIME)])
    given = recording(
        volts,
        names=(*NAMES, "ECG"),
        kinds=("EEG", "EEG", "EEG", "ECG"),
        positions_m=np.zeros((4, 3)),
    )
    done = clean_with(given, {}, told).recording
    assert (done.names, done.rate_hz, done.n_samples) == (NAMES, 250.0, 5000)
    expected = 1e-5 * (brain - brain.mean(axis=0))[:, ::2]
    middle = slice(1500, -1500)
    assert done.volts[:, middle] == pytest.approx(expected[:, middle], abs=2e-7)
    assert told == ["channels that are not EEG were left out: ECG"]


def test_settings_reach_their_step(noise: Recording) -> None:
    tables: dict[str, dict[str, Any]] = {
        "resample": {"rate_hz": 100.0},
        "channels": {"leave_out": ["Pz"]},
    }
    done = clean_with(noise, tables).recording
    assert (done.rate_hz, done.names) == (100.0, ("Cz", "Oz"))


@pytest.mark.parametrize(
    ("tables", "told", "hint"),
    [
        ({"band": {"low": 1.0}}, r"\[eeg\.band\] has no setting 'low'", "did you mean 'low_hz'?"),
        ({"reference": {"x": 1}}, r"\[eeg\.reference\] has no setting 'x'", "known: none"),
        ({"resample": {"rate_hz": "fast"}}, r"\[eeg\.resample\] rate_hz is 'fast'", ""),
        ({"channels": {"leave_out": "Cz"}}, r"leave_out is 'Cz'; expected a list of str", ""),
    ],
)
def test_unknown_settings_are_refused(
    noise: Recording, tables: dict[str, dict[str, Any]], told: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        clean_with(noise, tables)
    assert caught.value.hint == hint


# ------------------------------------------------------------ channels


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ([np.nan, np.nan], "2 NaN or infinite samples"),
        ([np.inf], "1 NaN or infinite samples"),
        (None, "the same value throughout"),
    ],
)
def test_a_channel_without_signal_is_refused(
    noise: Recording, bad: list[float] | None, told: str
) -> None:
    if bad is None:
        noise.volts[1] = 3e-6
    else:
        noise.volts[1, 5 : 5 + len(bad)] = bad
    with pytest.raises(DataError, match=f"{WHERE}: channel Pz holds {told}") as caught:
        clean_with(noise, {})
    assert "[eeg.channels] leave_out" in caught.value.hint
    assert run(channels, noise, leave_out=("Pz",)).names == ("Cz", "Oz")
    elsewhere = replace(noise, kinds=("EEG", "MISC", "EEG"))
    assert run(channels, elsewhere).names == ("Cz", "Oz")


def test_one_channel_is_not_enough(noise: Recording) -> None:
    given = replace(noise, kinds=("EEG", "ECG", "EOG"))
    with pytest.raises(
        DataError, match=f"{WHERE}: 1 channels of type EEG among 3; expected 2 or more"
    ) as caught:
        run(channels, given)
    assert caught.value.hint == "check the type column of channels.tsv"


# ------------------------------------------------------------ resample


@pytest.mark.parametrize("before_hz", [5000.0, 1000.0, 256.0, 512.0, 200.0, 128.0])
def test_a_sine_keeps_its_phase_at_another_rate(before_hz: float) -> None:
    row = sine(7, before_hz)
    done = run(resample, recording(np.stack([row, -row, 2 * row]), before_hz))
    assert done.rate_hz == 250.0
    assert done.n_samples == 20 * 250
    expected = sine(7, 250.0)
    middle = slice(500, -500)
    assert done.volts[0, middle] == pytest.approx(expected[middle], abs=0.01)


def test_what_the_new_rate_cannot_hold_is_filtered_out() -> None:
    assert share(resample, 180, rate_hz=250.0) < 0.01
    assert share(resample, 40, rate_hz=250.0) > 0.98


def test_the_same_rate_changes_nothing(noise: Recording) -> None:
    done = run(resample, noise, rate_hz=RATE_HZ)
    assert done.volts is noise.volts
    near = replace(noise, rate_hz=RATE_HZ * (1 + 1e-12))
    assert run(resample, near, rate_hz=RATE_HZ).rate_hz == RATE_HZ


@pytest.mark.parametrize("rate_hz", [500.1, 499.9999, 250.07, 3333.3])
def test_rates_without_a_simple_ratio_are_refused(noise: Recording, rate_hz: float) -> None:
    told = f"{WHERE}: {rate_hz:g} Hz cannot be brought to 500 Hz exactly"
    with pytest.raises(DataError, match=told) as caught:
        run(resample, replace(noise, rate_hz=rate_hz), rate_hz=500.0)
    assert caught.value.hint == "choose another [eeg.resample] rate_hz"


@pytest.mark.parametrize("rate_hz", [0.0, -250.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(noise: Recording, rate_hz: float) -> None:
    with pytest.raises(UsageError, match=rf"\[eeg\.resample\] rate_hz is {rate_hz:g}; expected"):
        run(resample, noise, rate_hz=rate_hz)


def test_a_lower_recording_is_told(noise: Recording) -> None:
    told: list[str] = []
    given = replace(noise, rate_hz=125.0)
    resample.apply(given, resample.Settings(), SCENE, told.append)
    assert told == ["recorded at 125 Hz, below the model's 250 Hz"]


# ------------------------------------------------------------ band


@pytest.mark.parametrize(
    ("hertz", "least", "most"),
    [(0.02, 0, 0.01), (2, 0.98, 1.02), (10, 0.98, 1.02), (60, 0.98, 1.02), (100, 0, 0.01)],
)
def test_the_band_passes_what_is_inside(hertz: float, least: float, most: float) -> None:
    assert least <= share(band, hertz) <= most


def test_the_band_ends_below_half_the_rate(noise: Recording) -> None:
    told: list[str] = []
    band.apply(replace(noise, rate_hz=100.0), band.Settings(), SCENE, told.append)
    assert told == [f"{WHERE}: the band ends at 45 Hz, as the rate is 100 Hz"]


@pytest.mark.parametrize(("low", "high"), [(0.0, 70.0), (70.0, 0.5), (5.0, 5.0), (np.nan, 70.0)])
def test_edges_that_leave_no_band_are_refused(noise: Recording, low: float, high: float) -> None:
    told = rf"\[eeg\.band\] goes from {low:g} to {high:g} Hz; expected 0 < low_hz < high_hz"
    with pytest.raises(UsageError, match=told):
        run(band, noise, low_hz=low, high_hz=high)


def test_a_band_above_the_rate_is_refused(noise: Recording) -> None:
    told = f"{WHERE}: the band of 120 to 130 Hz lies above the rate of 200 Hz"
    with pytest.raises(DataError, match=told) as caught:
        run(band, replace(noise, rate_hz=200.0), low_hz=120.0, high_hz=130.0)
    assert "[eeg.band]" in caught.value.hint


# ------------------------------------------------------------ notch


@pytest.mark.parametrize(
    ("hertz", "least", "most"),
    [(50, 0, 0.05), (100, 0, 0.05), (200, 0, 0.05), (40, 0.97, 1.03), (75, 0.97, 1.03)],
)
def test_the_line_and_its_multiples_are_removed(hertz: float, least: float, most: float) -> None:
    assert least <= share(notch, hertz) <= most


def test_the_settings_win_over_the_sidecar() -> None:
    assert share(notch, 60, line_hz=60.0) < 0.05
    assert share(notch, 50, line_hz=60.0) > 0.9


def test_without_a_line_frequency_nothing_is_done_and_told(noise: Recording) -> None:
    told: list[str] = []
    given = replace(noise, line_hz=None)
    done = notch.apply(given, notch.Settings(), SCENE, told.append)
    assert done is given
    assert told == ["no line-noise filter: the sidecar gives no PowerLineFrequency"]


def test_a_line_above_half_the_rate_is_no_matter(noise: Recording) -> None:
    given = replace(noise, rate_hz=100.0)
    assert run(notch, given, line_hz=60.0) is given


@pytest.mark.parametrize("line_hz", [-50.0, float("nan"), float("inf")])
def test_a_line_frequency_that_is_none_is_refused(noise: Recording, line_hz: float) -> None:
    with pytest.raises(UsageError, match=rf"\[eeg\.notch\] line_hz is {line_hz:g}; expected 0"):
        run(notch, noise, line_hz=line_hz)


# ------------------------------------------------------------ reference


def test_the_reference_is_the_average(noise: Recording) -> None:
    done = run(reference, noise)
    assert np.abs(done.volts.sum(axis=0)).max() < 1e-11
    shared = recording(noise.volts + 1e-4 * sine(10))
    assert run(reference, shared).volts == pytest.approx(done.volts, abs=1e-10)
