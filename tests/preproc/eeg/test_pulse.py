from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.errors import UsageError
from bids_app.preproc.eeg import pulse
from bids_app.simulate.scanner_eeg import ScannerEegSettings, record
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene
from tests.preproc.eeg.conftest import Scanned

BEATING = ScannerEegSettings(
    n_channels=9, rate_hz=250.0, n_volumes=100, tr_s=1.4, gradient=False, pulse=True
)
SCENE = Scene("sub-01_task-rest_eeg.vhdr")


@pytest.fixture(scope="module")
def beating() -> Scanned:
    return Scanned(record(BEATING), BEATING)


def without_ecg(recording: Recording) -> Recording:
    """The same recording, its ECG declared to be something else."""
    return replace(recording, kinds=tuple(kind.replace("ECG", "MISC") for kind in recording.kinds))


def inner_beats(scanned: Scanned) -> Floats:
    """True beats in samples, those at the ends left out."""
    beats = scanned.made.beats_s * 250
    return beats[(beats > 250) & (beats < scanned.made.recording.n_samples - 250)]


@pytest.mark.parametrize("sign", [1, -1])
def test_every_r_peak_is_found(beating: Scanned, sign: int) -> None:
    volts = beating.made.recording.volts.copy()
    volts[-1] *= sign
    found = pulse.find_beats(replace(beating.made.recording, volts=volts))
    assert found is not None
    beats, source = found
    late = beats - inner_beats(beating)[:, None]
    nearest = late[np.arange(len(late)), np.abs(late).argmin(axis=1)]
    assert source == "ECG"
    assert np.ptp(nearest) <= 2
    assert len(beats) - len(nearest) in range(5)


def test_an_early_beat_and_a_pause_are_followed(
    beating: Scanned, rng: np.random.Generator
) -> None:
    beats_s = np.cumsum(np.full(80, 0.9))
    beats_s[30] -= 0.35
    beats_s[50:] += 0.5
    times_s = np.arange(0, 75, 0.004)
    ecg = 5e-5 * rng.standard_normal(len(times_s))
    for beat_s in beats_s:
        ecg += 1e-3 * np.exp(-0.5 * ((times_s - beat_s) / 0.012) ** 2)
    volts = np.vstack([beating.made.recording.volts[:-1, : len(times_s)], ecg]).astype(np.float32)
    found = pulse.find_beats(replace(beating.made.recording, volts=volts))
    assert found is not None
    distance = np.abs(found[0] - 250 * beats_s[1:-1, None]).min(axis=1)
    assert (distance <= 2).all()


def test_eeg_below_the_pulse_is_found_again(beating: Scanned) -> None:
    told: list[str] = []
    before = beating.made.recording
    done = pulse.apply(before, pulse.Settings(), SCENE, told.append)
    assert beating.correlation(before.volts[:-1]) < 0.55
    assert beating.correlation(done.volts[:-1]) > 0.9
    assert beating.correlation(done.volts[:-1], (8.0, 12.0)) > 0.95
    assert np.array_equal(done.volts[-1], before.volts[-1])
    assert told[0].endswith("beats were removed; beats are from the ECG")


def test_without_an_ecg_the_eeg_itself_tells_the_beats(beating: Scanned) -> None:
    given = without_ecg(beating.made.recording)
    found = pulse.find_beats(given)
    assert found is not None
    assert found[1] == "EEG"
    late = found[0] - inner_beats(beating)[:, None]
    nearest = late[np.arange(len(late)), np.abs(late).argmin(axis=1)]
    assert np.std(nearest) < 5  # all as late as each other
    done = pulse.apply(given, pulse.Settings(), SCENE, lambda _: None)
    assert beating.correlation(done.volts[:-1]) > 0.9


@pytest.mark.parametrize("ecg", [True, False])
def test_the_pulse_is_seen_before_and_not_after(beating: Scanned, ecg: bool) -> None:
    given = beating.made.recording if ecg else without_ecg(beating.made.recording)
    before = pulse.seen(given, SCENE)
    after = pulse.seen(pulse.apply(given, pulse.Settings(), SCENE, lambda _: None), SCENE)
    assert (before.present, after.present) == (True, False)
    assert before.figures["heart_locked_share"] > 0.5
    assert before.words.endswith(f"found in the {'ECG' if ecg else 'EEG'}")


@pytest.mark.parametrize("ecg", [True, False])
def test_clean_eeg_shows_no_pulse(ecg: bool) -> None:
    made = record(replace(BEATING, pulse=False)).recording
    found = pulse.seen(made if ecg else without_ecg(made), SCENE)
    assert not found.present


def test_without_beats_nothing_is_done_and_told(beating: Scanned) -> None:
    short = replace(beating.made.recording, volts=beating.made.recording.volts[:, :2500])
    told: list[str] = []
    assert pulse.apply(short, pulse.Settings(), SCENE, told.append) is short
    assert told == [f"{SCENE.where}: pulse artefacts were not removed: fewer than 20 beats"]
    assert pulse.seen(short, SCENE).words == "no beats"
    silent = replace(short, volts=np.zeros_like(short.volts))
    assert pulse.find_beats(silent) is None


@pytest.mark.parametrize("chosen", [{"window_beats": 1}, {"n_components": -1}])
def test_settings_that_leave_nothing_are_refused(beating: Scanned, chosen: dict[str, int]) -> None:
    settings = replace(pulse.Settings(), **chosen)
    ((name, value),) = chosen.items()
    with pytest.raises(UsageError, match=rf"\[eeg\.pulse\] has .*{name} = {value}"):
        pulse.apply(beating.made.recording, settings, SCENE, lambda _: None)
