"""Leaks that published code has: each is planted here, and a guard refuses it or the score falls to chance.

=============================================  ========================================================================
leak                                           guard
=============================================  ========================================================================
overlapping windows split at random            whole blocks, purged; ``shuffled`` says that it leaks
scaling fitted on the whole recording          a run that is split is scaled with the EEG of its training windows
BOLD filtered or interpolated before a split   coefficients are fitted on training volumes; purged; what needs the whole
                                               run is refused
epoch chosen on the test set                   only inner validation is looked at
teacher forcing at evaluation                  a prediction never sees the target; what does is a row with another name
true range used to rescale                     pictures are scaled by the baseline; predictions stay in their own unit
a schedule that is the same for everybody      tests beside the events, and against the EEG of other runs
train and test of one session without a gap    a gap of a window and the memory of BOLD; too short a run is refused
=============================================  ========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.errors import DataError
from bids_app.learn.batches import targets_of
from bids_app.learn.events import responses
from bids_app.learn.images import Frame, image_figures
from bids_app.learn.nulls import BESIDE_SCHEDULE, MAX_PARCEL_R, NullTest, shift_profile, shift_test
from bids_app.learn.predict import apply
from bids_app.learn.settings import TrainSettings
from bids_app.learn.surrogates import exchange_test
from bids_app.learn.train import Fitted, fit
from bids_app.metrics import r
from bids_app.models.base import TeacherForced
from bids_app.pipeline import denoise
from bids_app.pipeline.verdict import sentence
from bids_app.preproc.fmri.denoise import Nuisance, denoised
from bids_app.samples.scale import scale_alone, scale_split
from bids_app.samples.split import by_block, by_participant, purge_gap, shuffled
from bids_app.values import Floats, Ints
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples, Split
from bids_app.values.space import Grid, Mask

MakeRun = Callable[..., Samples]
RATE_HZ, TR_S, N_SAMPLES, N_VOXELS = 10.0, 2.0, 300, 40


@pytest.fixture
def slow_run(rng: np.random.Generator) -> Samples:
    """A run whose BOLD is slow and has nothing to do with its EEG."""
    noise = rng.standard_normal((N_SAMPLES + 9, N_VOXELS))
    slow = np.asarray(sum(noise[lag : lag + N_SAMPLES] for lag in range(10)))
    stops = 300 + (np.arange(N_SAMPLES) * TR_S * RATE_HZ).astype(int)
    eeg = rng.standard_normal((3, int(stops[-1]))).astype(np.float32)
    volumes = np.arange(N_SAMPLES) + 15
    targets = slow.astype(np.float32)
    return Samples("sub-1_run-1", "1", eeg, RATE_HZ, 300, stops, volumes, N_SAMPLES + 15, targets)


def recalled(run: Samples, split: Split) -> float:
    """Mean r of a model that recalls the targets of training windows, those most that share most EEG."""
    test = split.test[run.run]
    train = np.concatenate([part[run.run] for part in (split.train, split.valid) if part])
    apart = np.abs(run.stops[test][:, None] - run.stops[train]) / run.n_window
    weights = np.exp(-3 * (apart - apart.min(axis=1, keepdims=True)))
    targets = targets_of(run)
    return r.overall(targets[test], weights @ targets[train] / weights.sum(axis=1, keepdims=True))


def fold_of(samples: list[Samples]) -> Split:
    return by_participant(samples, np.random.default_rng(0))[0]


def test_overlapping_windows_that_are_dealt_out_at_random_look_like_skill(
    slow_run: Samples, rng: np.random.Generator
) -> None:
    leaking = shuffled([slow_run], rng)
    assert recalled(slow_run, leaking) > 0.7
    assert leaking.leaks
    honest = by_block(slow_run)
    assert abs(np.nanmean([recalled(slow_run, fold) for fold in honest])) < 0.1
    assert not any(fold.leaks for fold in honest)


def test_eeg_under_test_windows_does_not_scale_the_training_set(slow_run: Samples) -> None:
    fold = by_block(slow_run)[-1]
    first_of_test = int(slow_run.stops[fold.test[slow_run.run][0]]) - slow_run.n_window
    eeg = slow_run.eeg.copy()
    eeg[:, first_of_test:] *= 50
    planted = replace(slow_run, eeg=eeg)
    train = fold.train[slow_run.run]
    before, after = (scale_split([run], fold)[0].windows(train) for run in (slow_run, planted))
    assert np.array_equal(before, after)
    assert not np.allclose(scale_alone(planted).windows(train), before)


def test_test_volumes_do_not_reach_training_targets_through_a_regression(
    slow_run: Samples, rng: np.random.Generator
) -> None:
    fold = by_block(slow_run)[2]
    train, test = fold.train[slow_run.run], fold.test[slow_run.run]
    rows = 100 + targets_of(slow_run)
    planted = rows.copy()
    planted[test] += 30
    nuisance = Nuisance(rng.standard_normal((N_SAMPLES, 4)), np.ones(N_SAMPLES, bool))
    before, after = (denoised(some, nuisance, train, "x")[train] for some in (rows, planted))
    assert np.array_equal(before, after)
    every = np.arange(N_SAMPLES)
    leaked = denoised(planted, nuisance, every, "x")[train]
    assert not np.allclose(leaked, denoised(rows, nuisance, every, "x")[train], atol=1e-2)


def test_what_needs_the_whole_run_is_not_used_where_a_run_is_split(tmp_path: Path) -> None:
    config = RunConfig(tmp_path, tmp_path, tmp_path, "group")
    assert denoise.pools_time(replace(config, denoise="acompcor"))
    assert not denoise.pools_time(replace(config, denoise="simple"))


def test_a_filter_without_phase_does_not_reach_over_the_gap(slow_run: Samples) -> None:
    # A pulse in the test block, smeared over 20 s in either direction, as zero-phase filters and interpolation do.
    fold = by_block(slow_run)[2]
    train, test = fold.train[slow_run.run], fold.test[slow_run.run]
    pulse = np.zeros(N_SAMPLES)
    pulse[test] = 1
    smeared = np.convolve(pulse, np.ones(21) / 21, mode="same")
    assert not smeared[train].any()
    assert smeared[np.setdiff1d(np.arange(N_SAMPLES), test)].any()


def test_the_test_set_chooses_no_epoch(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    samples = [make_run(label, 1) for label in "123"]
    small = {"filters": [3, 4], "embedding": 6, "hidden": 8}
    quick = TrainSettings(epochs=2, batch=16, patience=1, device="cpu", arguments=small)
    split = fold_of(samples)

    def without(part: dict[str, Ints]) -> Fitted:
        """Train where the targets of a part of the fold are not what they were."""
        changed = [
            replace(run, targets=-3 * targets_of(run)) if run.run in part else run
            for run in samples
        ]
        return fit("cnn", eeg, bold, changed, split, quick)

    usual, tested, chosen = without({}), without(split.test), without(split.valid)
    weights, same = usual.model.state_dict(), tested.model.state_dict()
    assert all(bool((weights[name] == same[name]).all()) for name in weights)
    assert tested.history["valid"] == usual.history["valid"]
    assert chosen.history["valid"] != usual.history["valid"]


def test_a_prediction_does_not_see_the_target(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    samples = [make_run(label, 1) for label in "123"]
    small = {"width": 8, "heads": 2, "feedforward": 8, "dropout": 0.0}
    quick = TrainSettings(epochs=1, batch=32, device="cpu", arguments=small)
    model = fit("transformer", eeg, bold, samples, fold_of(samples), quick).model
    assert isinstance(model, TeacherForced)
    # Shown the truth, the model's answer follows it.
    planted = replace(samples[0], targets=50 * targets_of(samples[0])[::-1])
    given, again = (apply(model, "x", run, "participant").change for run in (samples[0], planted))
    assert np.array_equal(given, again)
    blind = apply(model, "x", replace(samples[0], targets=None), "participant").change
    assert np.array_equal(given, blind)
    shown, other = (
        apply(model, "x", run, "participant", forced=True).change for run in (samples[0], planted)
    )
    assert not np.allclose(shown, other)


def test_the_true_range_rescales_nothing(rng: np.random.Generator) -> None:
    grid = Grid((12, 13, 14), np.diag([3.0, 3.0, 3.0, 1.0]))
    mask = Mask(grid, np.ones(grid.shape, bool))
    frame = Frame(mask, 100 + 20 * rng.random(mask.n_voxels))
    true = (0.02 * rng.standard_normal((3, mask.n_voxels))).astype(np.float32)
    # A prediction of the wrong size and level: right once the range of the truth is known.
    wrong = 5 * true + np.float32(0.4)
    low, high = wrong.min(), wrong.max()
    rescaled = (wrong - low) / (high - low) * (true.max() - true.min()) + true.min()
    psnr = [
        next(value for name, value, _ in image_figures(true, change, frame) if name == "psnr")
        for change in (wrong, rescaled)
    ]
    assert psnr[0] < 10
    assert psnr[1] > 60


def scheduled(rng: np.random.Generator, *, shared: bool) -> tuple[Floats, Floats, Floats]:
    """Truth, prediction and responses to events of a run; only the events link the two."""
    onsets = np.arange(12.0, 290, 40) + (0 if shared else rng.uniform(-12, 12, 7))
    response = responses({"block": list(onsets)}, np.arange(15, 155) * TR_S)
    course = response[:, :1] / response[:, 0].std()
    noise = rng.standard_normal((2, 140, 6))
    return course + noise[0], course + noise[1], response


@pytest.mark.parametrize("shared", [True, False])
def test_a_schedule_that_everybody_shares_is_not_taken_for_eeg(
    rng: np.random.Generator, *, shared: bool
) -> None:
    runs = [scheduled(rng, shared=shared) for _ in range(6)]
    labels = np.arange(6) % 3
    usual = [shift_profile(true, given, labels, 15) for true, given, _ in runs]
    beside = [shift_profile(true, given, labels, 15, 64.0, known) for true, given, known in runs]
    tests = [told(test) for test in shift_test(usual, rng)]
    assert sentence(tests).startswith("In people whom the model never saw")
    left = next(test for test in shift_test(beside, rng) if test.statistic == MAX_PARCEL_R)
    assert sentence([*tests, told(replace(left, statistic=BESIDE_SCHEDULE))]).startswith(
        "The schedule, not EEG"
    )
    exchanged = [told(test) for test in exchange_test(usual, [shared] * 6, rng)]
    if shared:
        # Without an events file the EEG of other runs still tells.
        assert sentence([*tests, *exchanged]).startswith("What all runs share, not EEG")


def told(test: NullTest) -> dict[str, object]:
    about = {"model": "x", "split": "participant", "n_shifts": test.n_drawn}
    return asdict(test) | about


def test_without_a_gap_neighbours_look_like_skill(slow_run: Samples) -> None:
    halves = np.arange(N_SAMPLES).reshape(-1, 6)
    train, test = np.concatenate(halves[::2]), np.concatenate(halves[1::2])
    bare = Split("bare", {slow_run.run: train}, {}, {slow_run.run: test})
    assert recalled(slow_run, bare) > 0.4
    for fold in by_block(slow_run):
        apart = np.abs(
            slow_run.stops[fold.test[slow_run.run]][:, None]
            - slow_run.stops[fold.train[slow_run.run]]
        )
        assert apart.min() >= purge_gap(slow_run) == 500
    with pytest.raises(DataError, match="leave nothing to learn from beside block"):
        by_block(slow_run.take(np.arange(40)), 3)
