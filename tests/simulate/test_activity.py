from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.simulate.activity import make_activity
from bids_app.simulate.hemodynamics import hrf
from bids_app.simulate.settings import SIZES, SimulationSettings

SETTINGS = SimulationSettings(size=replace(SIZES["tiny"], n_volumes=200))


def test_the_eeg_surrounds_the_scan_and_starts_at_another_time_in_each_run() -> None:
    offsets = []
    for run in ("1", "2", "3"):
        activity = make_activity(SETTINGS, "01", run, 5.0)
        assert 4 <= activity.offset_s <= 20
        assert activity.eeg_length_s > activity.offset_s + SETTINGS.duration_s + 1
        assert activity.bold.start_s <= 0
        assert activity.bold.times_s[-1] > SETTINGS.duration_s
        offsets.append(activity.offset_s)
    assert len(set(offsets)) == 3


def test_activity_follows_the_oddballs_as_far_as_asked() -> None:
    apart = make_activity(SETTINGS, "01", "1", 5.0)
    both = make_activity(replace(SETTINGS, evoked_share=0.36), "01", "1", 5.0)
    assert both.eeg_latents is both.bold_latents
    assert both.trials == apart.trials
    driven = make_activity(replace(SETTINGS, evoked_share=1.0), "01", "1", 5.0).eeg_latents
    times = np.arange(0, SETTINGS.duration_s, 0.1)
    for row, (slow, evoked) in enumerate(
        zip(apart.eeg_latents.at(times), driven.at(times), strict=True)
    ):
        expected = 0.8 * slow + 0.6 * evoked
        assert np.abs(both.eeg_latents.at(times)[row] - expected).max() < 1e-9
    during = [trial.onset_s + 0.5 for trial in both.trials if trial.oddball]
    assert driven.at(np.array(during)).min() > 0
    assert both.bold.values.std(axis=1) == pytest.approx(1)


def test_one_activity_drives_both_signals_unless_they_are_uncoupled() -> None:
    coupled = make_activity(SETTINGS, "01", "1", 5.0)
    assert coupled.eeg_latents is coupled.bold_latents
    apart = make_activity(replace(SETTINGS, coupled=False), "01", "1", 5.0)
    assert np.array_equal(apart.eeg_latents.values, coupled.eeg_latents.values)
    both = np.corrcoef(apart.eeg_latents.values, apart.bold_latents.values)[:4, 4:]
    assert np.abs(np.diag(both)).max() < 0.6
    assert apart.trials == coupled.trials


def test_with_the_schedule_alone_the_events_explain_the_bold_and_gains_are_independent() -> None:
    activity = make_activity(replace(SETTINGS, schedule_only=True), "01", "1", 5.0)
    times = np.arange(-40, SETTINGS.duration_s, 0.1)
    drive = np.zeros(len(times))
    for trial in activity.trials:
        if trial.oddball:
            drive[(times >= trial.onset_s) & (times < trial.onset_s + 1)] = 1
    expected = np.convolve(drive, hrf(5.0))[: len(times)]
    inside = times > 0
    for row in activity.bold.at(times[inside]):
        assert np.corrcoef(row, expected[inside])[0, 1] > 0.9
    onsets = np.array([trial.onset_s + 0.5 for trial in activity.trials if trial.oddball])
    gains = [series.at(onsets) for series in (activity.eeg_latents, activity.bold_latents)]
    for first, second in zip(*gains, strict=True):
        assert first.std() > 0.1
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.5


def test_oddballs_are_rare_and_never_in_a_row() -> None:
    trials = make_activity(SETTINGS, "01", "1", 5.0).trials
    oddballs = np.array([trial.oddball for trial in trials])
    assert 0.08 < oddballs.mean() < 0.3
    assert not (oddballs[1:] & oddballs[:-1]).any()
    gaps = np.diff([trial.onset_s for trial in trials])
    assert gaps.min() >= 1.99
    assert gaps.max() <= 3.01
