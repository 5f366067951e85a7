from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bids_app.errors import UsageError
from bids_app.preproc.eeg import gradient
from bids_app.preproc.eeg._epochs import Epochs
from bids_app.preproc.eeg._state import harmonics_db
from bids_app.simulate.scanner_eeg import record
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene
from tests.preproc.eeg.conftest import SCANNED, Scanned


def cleaned(recording: Recording, scene: Scene, told: list[str] | None = None) -> Recording:
    tell = ([] if told is None else told).append
    return gradient.apply(recording, gradient.Settings(), scene, tell)


@pytest.fixture(scope="module")
def done(scanned: Scanned) -> Recording:
    return cleaned(scanned.made.recording, scanned.scene)


def test_eeg_below_an_artefact_a_hundred_times_as_large_is_found_again(
    scanned: Scanned, done: Recording
) -> None:
    assert scanned.correlation(scanned.made.recording.volts[:-1]) < 0.2
    assert scanned.correlation(done.volts[:-1]) > 0.98
    assert scanned.correlation(done.volts[:-1], (8.0, 12.0)) > 0.98


def test_harmonics_are_at_the_floor_of_the_clean_eeg(scanned: Scanned, done: Recording) -> None:
    scene = scanned.scene
    before = gradient.seen(scanned.made.recording, scene)
    after = gradient.seen(done, scene)
    assert (before.present, after.present) == (True, False)
    assert before.figures["slice_harmonics_db"] > 20
    span = slice(7000, 7000 + 80000)
    for rate_hz in scene.rates_hz.values():
        found, true = (
            harmonics_db(volts[:, span], 1000.0, rate_hz, None)
            for volts in (done.volts[:-1], scanned.made.clean)
        )
        assert found == pytest.approx(true, abs=1.0)
    assert before.words.startswith("volume harmonics +")


def test_the_ecg_is_cleaned_too(scanned: Scanned, done: Recording) -> None:
    quiet = record(replace(SCANNED, gradient=False)).recording.volts[-1]
    inside = slice(8000, 90000)
    assert np.corrcoef(done.volts[-1, inside], quiet[inside])[0, 1] > 0.95
    assert np.corrcoef(scanned.made.recording.volts[-1, inside], quiet[inside])[0, 1] < 0.5


def test_eeg_before_and_after_the_scan_is_not_touched(scanned: Scanned, done: Recording) -> None:
    start, stop = (round(scanned.made.clock.eeg_s(time) * 1000) for time in (0.0, 64 * 1.4))
    for outside in (slice(None, start - 70), slice(stop + 70, None)):
        assert np.array_equal(done.volts[:, outside], scanned.made.recording.volts[:, outside])
    edge = (
        done.volts[:-1, start - 70 : start + 70] - scanned.made.clean[:, start - 70 : start + 70]
    )
    assert np.abs(edge).max() < 2e-4  # of an artefact of millivolts


def test_volumes_that_were_not_stored_are_cleaned_too(scanned: Scanned, done: Recording) -> None:
    scene = scanned.scene
    assert scene.clock is not None
    later = replace(
        scene, n_volumes=56, clock=replace(scene.clock, offset_s=float(scene.clock.eeg_s(3 * 1.4)))
    )
    epochs = gradient.scanned(scanned.made.recording, later)
    assert epochs is not None
    assert len(epochs.starts) == 64
    found = cleaned(scanned.made.recording, later)
    assert np.abs(found.volts - done.volts).max() < 2e-6


def test_a_pause_of_the_scanner_is_left_alone(scanned: Scanned) -> None:
    made, scene = scanned.made, scanned.scene
    assert scene.clock is not None
    first, last = (round(scene.clock.eeg_s(number * 1.4) * 1000) for number in (12, 15))
    volts = made.recording.volts.copy()
    volts[:-1, first:last] = made.clean[:, first:last]
    volts[-1, first:last] = 0
    found = cleaned(replace(made.recording, volts=volts), scene)
    inside = slice(first + 100, last - 100)
    assert np.array_equal(found.volts[:-1, inside], made.clean[:, inside])


def test_the_artefact_corrects_the_clock_of_the_markers(scanned: Scanned) -> None:
    true = np.asarray(scanned.made.clock.eeg_s(np.arange(64) * 1.4)) * 1000
    late = true + np.linspace(-0.2, 0.3, 64)
    epochs = Epochs(late, 1400.0, scanned.made.recording.n_samples, 1000.0)
    found = gradient._aligned(scanned.made.recording.volts, list(range(9)), epochs)
    assert np.ptp(found.starts - true) < 0.05


def test_a_loud_channel_does_not_reach_the_others(
    scanned: Scanned, rng: np.random.Generator
) -> None:
    made = scanned.made
    volts = made.recording.volts.copy()
    volts[-1] += 0.02 * rng.standard_normal(volts.shape[1])
    found = cleaned(replace(made.recording, volts=volts), scanned.scene)
    assert scanned.correlation(found.volts[:-1]) > 0.97


def test_channels_without_signal_stay_as_they_are(scanned: Scanned) -> None:
    volts = scanned.made.recording.volts.copy()
    volts[2], volts[4, 100] = 0.0, np.nan
    found = cleaned(replace(scanned.made.recording, volts=volts), scanned.scene)
    assert not found.volts[2].any()
    assert np.array_equal(found.volts[4], volts[4], equal_nan=True)
    assert np.isfinite(found.volts[[0, 1, 3]]).all()


def test_what_was_done_is_told(scanned: Scanned) -> None:
    told: list[str] = []
    cleaned(scanned.made.recording, scanned.scene, told)
    assert told == ["gradient artefacts of 64 volumes were removed with 3 components"]


@pytest.mark.parametrize("lacking", [{"clock": None}, {"tr_s": None}, {"n_volumes": 7}])
def test_without_volumes_nothing_is_done_and_told(
    scanned: Scanned, lacking: dict[str, Any]
) -> None:
    told: list[str] = []
    scene = replace(scanned.scene, **lacking)
    assert cleaned(scanned.made.recording, scene, told) is scanned.made.recording
    assert told == [
        "sub-01_task-rest_eeg.vhdr: gradient artefacts were not removed: volumes are unknown or too few"
    ]
    found = gradient.seen(scanned.made.recording, scene)
    assert (found.present, found.words) == (False, "volumes unknown")


def test_clean_eeg_shows_no_gradient_artefact(scanned: Scanned) -> None:
    quiet = replace(
        scanned.made.recording, volts=record(replace(SCANNED, gradient=False)).recording.volts
    )
    found = gradient.seen(quiet, scanned.scene)
    assert not found.present
    assert max(map(abs, found.figures.values())) < 1


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        (
            {"window_volumes": 1},
            "window_volumes = 1, most_components = 12, adapt_s = 1; expected",
        ),
        ({"most_components": 0}, "most_components = 0"),
        ({"adapt_s": 0.0}, "adapt_s = 0;"),
    ],
)
def test_settings_that_leave_nothing_are_refused(
    scanned: Scanned, chosen: dict[str, float], told: str
) -> None:
    settings = replace(gradient.Settings(), **chosen)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(UsageError, match=rf"\[eeg\.gradient\] has .*{told}"):
        gradient.apply(scanned.made.recording, settings, scanned.scene, lambda _: None)
