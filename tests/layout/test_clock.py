from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import DataError
from bids_app.layout.clock import Expected, Start, fit_clock
from bids_app.values import Floats
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event

TRS = st.sampled_from([0.8, 1.28, 2.0, 2.16])
N_VOLUMES = st.integers(40, 250)
OFFSETS = st.floats(3.0, 60.0)
SEEDS = st.integers(0, 2**32 - 1)
DRIFTS = st.floats(-500e-6, 500e-6)
TAIL_TRS = 1.2  # how long the EEG goes on after the last marker


def marks(tr_s: float, n_volumes: int, offset_s: float = 10.0, drift: float = 0.0) -> Floats:
    """When each volume starts, shape (volume,), in seconds of the EEG."""
    return offset_s + (1 + drift) * tr_s * np.arange(n_volumes)


def events(onsets: Floats, label: str = "Response/R128") -> tuple[Event, ...]:
    return tuple(Event(float(onset), label) for onset in onsets)


def fit(
    found: tuple[Event, ...], tr_s: float, n_volumes: int | None, eeg_s: float, **more: Any
) -> Clock:
    expected = Expected(tr_s, n_volumes, eeg_s, **more)
    return fit_clock(found, expected, "sub-01_task-rest_eeg.vhdr", "recording")


# ------------------------------------------------------------ a planted clock comes back


@settings(max_examples=40)
@given(TRS, N_VOLUMES, OFFSETS, DRIFTS, SEEDS)
def test_offset_and_drift_come_back(
    tr_s: float, n_volumes: int, offset_s: float, drift: float, seed: int
) -> None:
    onsets = marks(tr_s, n_volumes, offset_s, drift)
    jitter = 0.004 * tr_s
    noisy = onsets + np.random.default_rng(seed).uniform(-jitter, jitter, n_volumes)
    clock = fit(events(noisy), tr_s, n_volumes, float(onsets[-1]) + TAIL_TRS * tr_s)
    bold_s = tr_s * np.arange(n_volumes)
    assert np.abs(clock.eeg_s(bold_s) - onsets).max() < 2 * jitter
    assert clock.rate == pytest.approx(1 + drift, abs=4 * jitter / bold_s[-1])
    assert clock.residual_s < 3 * jitter
    assert (clock.n_found, clock.n_expected) == (n_volumes, n_volumes)
    assert (clock.marker, clock.source) == ("R128", "recording")


def test_a_long_run_with_drift_is_counted_to_its_end() -> None:
    onsets = marks(1.28, 2500, drift=500e-6)
    clock = fit(events(onsets), 1.28, 2500, float(onsets[-1]) + 1.28)
    assert clock.n_found == 2500
    assert clock.rate == pytest.approx(1.0005, abs=1e-9)
    assert clock.offset_s == pytest.approx(10.0)
    assert clock.residual_s < 1e-6


@settings(max_examples=40)
@given(TRS, N_VOLUMES, OFFSETS, DRIFTS, SEEDS)
def test_missing_doubled_and_extra_markers_do_no_harm(
    tr_s: float, n_volumes: int, offset_s: float, drift: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    onsets = marks(tr_s, n_volumes, offset_s, drift)
    n_some = max(1, n_volumes // 100)
    inner = np.arange(1, n_volumes - 1)
    kept = np.delete(onsets, rng.choice(inner, n_some, replace=False))
    doubled = rng.choice(kept, n_some) + 0.05 * tr_s
    extra = rng.choice(onsets[:-1], n_some) + rng.uniform(0.3, 0.7, n_some) * tr_s
    found = rng.permutation(np.concatenate([kept, doubled, extra]))
    clock = fit(events(found), tr_s, n_volumes, float(onsets[-1]) + TAIL_TRS * tr_s)
    assert clock.eeg_s(tr_s * np.arange(n_volumes)) == pytest.approx(onsets, abs=1e-6)
    assert clock.n_found == n_volumes - n_some
    assert clock.residual_s < 1e-6


@settings(max_examples=40)
@given(TRS, N_VOLUMES, st.integers(1, 3), SEEDS)
def test_stray_markers_around_the_scan_do_not_move_it(
    tr_s: float, n_volumes: int, n_stray: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    onsets = marks(tr_s, n_volumes, 30.0)
    apart = 0.5 + np.arange(n_stray)
    before = onsets[0] - tr_s * (apart + rng.uniform(-0.1, 0.1))
    after = onsets[-1] + tr_s * (apart + rng.uniform(-0.1, 0.1))
    stray = [before, after][seed % 2]
    clock = fit(events(np.r_[onsets, stray]), tr_s, n_volumes, 30.0 + tr_s * (n_volumes + 5))
    assert clock.offset_s == pytest.approx(30.0)
    assert (clock.n_found, clock.n_expected) == (n_volumes, n_volumes)


def test_a_long_gap_is_counted() -> None:
    onsets = np.delete(marks(2.16, 200, drift=300e-6), np.arange(60, 120))
    clock = fit(events(onsets), 2.16, 200, float(onsets[-1]) + 2.2)
    assert clock.n_found == 140
    assert clock.offset_s == pytest.approx(10.0)
    assert clock.rate == pytest.approx(1.0003)


# ------------------------------------------------------------ EEG that covers part of the scan


@settings(max_examples=40)
@given(TRS, N_VOLUMES, st.integers(1, 20), st.floats(0.0, 0.95), DRIFTS)
def test_eeg_that_starts_during_the_scan(
    tr_s: float, n_volumes: int, n_missed: int, phase: float, drift: float
) -> None:
    # The EEG starts after n_missed volumes have started; its first marker comes within one volume.
    onsets = marks(tr_s, n_volumes, 0.0, drift)
    start_s = onsets[n_missed] - phase * tr_s
    heard = onsets[n_missed:] - start_s
    clock = fit(events(heard), tr_s, n_volumes, float(heard[-1]) + 2 * tr_s)
    assert clock.eeg_s(tr_s * np.arange(n_volumes)) == pytest.approx(onsets - start_s, abs=1e-6)
    assert (clock.n_found, clock.n_expected) == (n_volumes - n_missed, n_volumes)


@settings(max_examples=40)
@given(TRS, N_VOLUMES, st.integers(1, 20), st.floats(0.0, 0.95), OFFSETS)
def test_eeg_that_ends_during_the_scan(
    tr_s: float, n_volumes: int, n_missed: int, phase: float, offset_s: float
) -> None:
    onsets = marks(tr_s, n_volumes, offset_s)
    heard = onsets[:-n_missed]
    clock = fit(events(heard), tr_s, n_volumes, float(heard[-1]) + phase * tr_s)
    assert clock.eeg_s(tr_s * np.arange(n_volumes)) == pytest.approx(onsets, abs=1e-6)
    assert (clock.n_found, clock.n_expected) == (n_volumes - n_missed, n_volumes)


@pytest.mark.parametrize(
    ("before_s", "after_s"), [(10.0, 20.0), (0.5, 1.0), (1.9, 2.9)], ids=["room", "none", "little"]
)
def test_markers_that_may_lack_at_both_ends_are_refused(before_s: float, after_s: float) -> None:
    onsets = marks(2.0, 95, before_s)
    told = (
        f"sub-01_task-rest_eeg.vhdr: 95 volume markers for 100 volumes, and the EEG goes on for "
        f"{after_s} s after the last and {before_s} s before the first: it is unclear which 5"
    )
    with pytest.raises(DataError, match=told) as caught:
        fit(events(onsets), 2.0, 100, float(onsets[-1]) + after_s)
    assert "cut the EEG to the scan" in caught.value.hint


def test_without_bold_the_markers_say_how_many_volumes_there_were() -> None:
    clock = fit(events(marks(2.16, 70)), 2.16, None, 500.0)
    assert (clock.n_found, clock.n_expected) == (70, 70)
    assert clock.offset_s == pytest.approx(10.0)


# ------------------------------------------------------------ which marker it is


@pytest.mark.parametrize("label", ["Response/R128", "R128", "10", "Stimulus/S  7", "a/T  1"])
def test_the_marker_is_known_by_its_regularity(label: str, rng: np.random.Generator) -> None:
    pulse = 10 + np.cumsum(rng.normal(0.9, 0.05, 300))
    stimulus = marks(2.16, 30, 12.0) + rng.uniform(0, 1.5, 30)
    every_second = marks(2 * 2.16, 50, 10.0)
    found = (
        *events(pulse, "Comment/pulse"),
        *events(stimulus, "Stimulus/S  1"),
        *events(every_second, "Stimulus/S  2"),
        *events(np.array([0.0]), "New Segment/"),
        *events(marks(2.16, 100), label),
    )
    clock = fit(found, 2.16, 100, 10 + 2.16 * 101)
    assert clock.marker == " ".join(label.rsplit("/", maxsplit=1)[-1].split())
    assert clock.n_found == 100
    assert clock.offset_s == pytest.approx(10.0)


def test_a_known_name_wins_over_a_decoy() -> None:
    found = (*events(marks(2.0, 100, 10.7), "S  5"), *events(marks(2.0, 100), "Response/R128"))
    clock = fit(found, 2.0, 100, 212.0)
    assert clock.marker == "R128"
    assert clock.offset_s == pytest.approx(10.0)


def test_two_that_could_be_it_are_refused_until_one_is_named() -> None:
    found = (*events(marks(2.0, 100, 10.7), "47"), *events(marks(2.0, 100), "Stimulus/10"))
    with pytest.raises(
        DataError, match=r"eeg\.vhdr: '10' and '47' both repeat every 2 s"
    ) as caught:
        fit(found, 2.0, 100, 212.0)
    assert "with --volume-marker" in caught.value.hint
    for name in ("10", "Stimulus/10"):
        clock = fit(found, 2.0, 100, 212.0, marker=name)
        assert clock.marker == "10"
        assert clock.offset_s == pytest.approx(10.0)


def test_slice_markers_are_not_volume_markers() -> None:
    slices = marks(2.0 / 30, 100 * 30)
    both = (*events(slices, "S 1"), *events(marks(2.0, 100), "S 2"))
    assert fit(both, 2.0, 100, 211.0).marker == "S 2"


@pytest.mark.parametrize("n_slices", [3, 30])
def test_markers_of_all_slices_tell_the_volumes(n_slices: int) -> None:
    slices = marks(2.0 / n_slices, 100 * n_slices)
    clock = fit(events(slices, "S 1"), 2.0, 100, 215.0)
    assert clock.marker == "S 1"
    assert clock.n_found == 100
    assert clock.offset_s == pytest.approx(slices[0])
    assert clock.last_s == pytest.approx(slices[-n_slices])


@pytest.mark.parametrize("lost", [slice(1, None), slice(None, -1)])
def test_slice_markers_with_some_lost_are_refused(lost: slice) -> None:
    slices = marks(2.0 / 30, 100 * 30)[lost]
    with pytest.raises(DataError, match="no volume markers: nothing repeats every 2 s"):
        fit(events(slices, "S 1"), 2.0, 100, 215.0)


def test_slices_before_a_silent_gap_count_as_one_volume() -> None:
    onsets = (marks(2.16, 50)[:, None] + np.linspace(0, 1.2, 30)).ravel()
    clock = fit(events(onsets), 2.16, 50, float(onsets[-1]) + 1.0)
    assert clock.n_found == 50
    assert clock.offset_s == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ((), "markers found: none"),
        (events(np.array([1.0, 3.0])), "markers found: 'R128' x 2"),
        (
            (*events(np.array([1.0, 2.1, 5.0, 5.9]), "S  1"), Event(0.0, "New Segment/")),
            "markers found: '' x 1, 'S 1' x 4",
        ),
    ],
)
def test_a_recording_without_volume_markers_is_told(found: tuple[Event, ...], told: str) -> None:
    with pytest.raises(DataError) as caught:
        fit(found, 2.0, 100, 215.0)
    assert str(caught.value) == (
        f"sub-01_task-rest_eeg.vhdr: no volume markers: nothing repeats every 2 s; {told}"
    )
    assert "--volume-marker" in caught.value.hint


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(DataError, match="markers found: 'R128' x 100"):
        fit(events(marks(2.0, 100)), 2.0, 100, 215.0, marker="R12")


# ------------------------------------------------------------ a wrong repetition time


@settings(max_examples=40)
@given(st.floats(1.5e-3, 0.015), st.sampled_from([-1, 1]), st.integers(40, 1000))
def test_a_slightly_wrong_repetition_time_is_refused(share: float, sign: int, n: int) -> None:
    onsets = marks(2.0 * (1 + sign * share), n)
    with pytest.raises(DataError, match=r"'R128' markers are .* s apart; RepetitionTime is 2 s"):
        fit(events(onsets), 2.0, n, float(onsets[-1]) + 2.0)


def test_the_wrong_repetition_time_is_told_with_the_right_one() -> None:
    onsets = marks(2.01, 300)
    told = "eeg.vhdr: 'R128' markers are 2.01 s apart; RepetitionTime is 2 s"
    with pytest.raises(DataError, match=told) as caught:
        fit(events(onsets), 2.0, 300, 620.0)
    assert caught.value.hint == "correct RepetitionTime, or the sampling rate of the EEG"


def test_a_very_wrong_repetition_time_is_refused() -> None:
    for tr_s in (1.0, 2.16, 4.0):
        with pytest.raises(
            DataError, match=f"no volume markers: nothing repeats every {tr_s:g} s"
        ):
            fit(events(marks(2.0, 300)), tr_s, 300, 620.0)


def test_markers_that_lose_their_count_are_refused() -> None:
    onsets = np.delete(marks(2.01, 200), np.arange(90, 100))
    told = "only 100 of 190 'R128' markers are whole volumes of 2 s apart"
    with pytest.raises(DataError, match=told) as caught:
        fit(events(onsets), 2.0, 200, 420.0)
    assert "correct RepetitionTime" in caught.value.hint


def test_markers_are_told_with_their_spacing() -> None:
    found = (*events(marks(2.16, 300)), *events(np.array([1.0, 2, 4, 9, 11]), "S  1"))
    with pytest.raises(DataError, match=r"'R128' x 300 \(every 2\.16 s\), 'S 1' x 5$"):
        fit(found, 2.0, 300, 700.0)


# ------------------------------------------------------------ more markers than volumes


@pytest.mark.parametrize("n_extra", [1, 2])
def test_a_few_markers_after_the_last_volume_are_no_volumes(n_extra: int) -> None:
    onsets = marks(2.0, 100 + n_extra)
    clock = fit(events(onsets), 2.0, 100, 230.0)
    assert clock.offset_s == pytest.approx(10.0)
    assert (clock.n_found, clock.n_expected) == (100 + n_extra, 100)
    assert (clock.first_s, clock.last_s) == pytest.approx((10.0, onsets[-1]))


def test_volumes_that_were_not_stored_have_markers() -> None:
    clock = fit(events(marks(2.0, 104)), 2.0, 100, 230.0, n_discarded=4)
    assert clock.offset_s == pytest.approx(18.0)


def test_many_more_markers_are_refused_until_the_start_is_told() -> None:
    found = events(marks(2.0, 105))
    told = "105 volume markers over 5 more volumes than the 100 that are stored"
    with pytest.raises(DataError, match=told) as caught:
        fit(found, 2.0, 100, 240.0)
    assert "--eeg-start" in caught.value.hint
    for start_s in (10.0, 18.0, 19.6):
        clock = fit(found, 2.0, 100, 240.0, start=Start(start_s, "--eeg-start"))
        assert clock.offset_s == pytest.approx(2 * round(start_s / 2))


def test_a_scanner_that_paused_is_refused() -> None:
    onsets = np.r_[marks(2.0, 40), 10 + 2.0 * np.arange(102, 162)]
    with pytest.raises(DataError, match=r"with a pause of 126 s in the middle") as caught:
        fit(events(onsets), 2.0, 100, 400.0)
    assert caught.value.hint == "cut EEG and BOLD at the pause"


# ------------------------------------------------------------ a start that was told


@pytest.mark.parametrize("n_missed", [0, 1, 20])
def test_a_start_tells_which_volume_the_first_marker_is(n_missed: int) -> None:
    # Cut at a marker of the experiment, with room on neither side: the count alone cannot tell.
    heard = marks(2.0, 100, 0.004)[: 100 - 2 * n_missed]
    start = Start(-2.0 * n_missed, "XP1: first 'S 99'")
    clock = fit(events(heard), 2.0, 100, float(heard[-1]) + 10, start=start)
    assert clock.offset_s == pytest.approx(0.004 - 2 * n_missed)
    assert clock.source == "recording"


def test_markers_that_contradict_the_start_are_refused() -> None:
    told = "stand at 1.200 s of each 2 s, but the first volume starts at 4.000 s according to X"
    with pytest.raises(DataError, match=told) as caught:
        fit(events(marks(2.0, 90, 11.2)), 2.0, 100, 250.0, start=Start(4.0, "X"))
    assert "at one of the markers" in caught.value.hint


def test_a_few_markers_off_the_line_do_not_bend_it(rng: np.random.Generator) -> None:
    onsets = marks(2.0, 100)
    late = rng.choice(100, 10, replace=False)
    moved = onsets.copy()
    moved[late] += 0.03
    clock = fit(events(moved), 2.0, 100, 212.0)
    assert clock.offset_s == pytest.approx(10.0, abs=1e-6)
    assert clock.rate == pytest.approx(1.0, abs=1e-8)
    assert clock.residual_s == pytest.approx(0.03, abs=1e-6)
