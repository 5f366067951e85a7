"""No fold lets its test set into its training set."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import DataError
from bids_app.samples.split import (
    HEMODYNAMIC_MEMORY_S,
    by_block,
    by_participant,
    by_run,
    shuffled,
    whole,
)
from bids_app.values import Ints
from bids_app.values.samples import Samples, Split


def run_of(participant: str, number: int, n_samples: int = 155, tr_s: float = 2.0) -> Samples:
    n_window = 300
    volumes = np.arange(n_samples) + int(30 / tr_s)
    stops = n_window + np.round(np.arange(n_samples) * tr_s * 10).astype(int)
    eeg = np.zeros((3, int(stops[-1])), np.float32)
    name = f"sub-{participant}_run-{number}"
    return Samples(name, participant, eeg, 10.0, n_window, stops, volumes, int(volumes[-1]) + 1)


def study(n_participants: int, n_runs: int) -> list[Samples]:
    return [
        run_of(f"{participant:02}", number)
        for participant in range(1, n_participants + 1)
        for number in range(1, n_runs + 1)
    ]


def people(split: dict[str, Ints]) -> set[str]:
    return {name.split("_")[0] for name in split}


@pytest.mark.parametrize(("n_participants", "n_runs"), [(2, 1), (2, 3), (4, 2), (5, 1)])
def test_each_participant_is_left_out_once(n_participants: int, n_runs: int) -> None:
    samples = study(n_participants, n_runs)
    folds = by_participant(samples, np.random.default_rng(0))
    assert len(folds) == n_participants
    for fold in folds:
        assert len(people(fold.test)) == 1
        assert not people(fold.test) & (people(fold.train) | people(fold.valid))
        assert fold.train
        assert not fold.leaks
        assert fold.name == f"participant-{next(iter(people(fold.test)))[4:]}"
    tested = [name for fold in folds for name in fold.test]
    assert sorted(tested) == sorted(run.run for run in samples)


def test_inner_validation_takes_one_whole_participant() -> None:
    for fold in by_participant(study(5, 3), np.random.default_rng(0)):
        assert len(people(fold.valid)) == 1
        assert not people(fold.valid) & people(fold.train)
        assert len(fold.train) == 9


def test_inner_validation_depends_on_the_seed() -> None:
    drawn = {
        tuple(sorted(by_participant(study(6, 1), np.random.default_rng(seed))[0].valid))
        for seed in range(20)
    }
    assert len(drawn) > 2


def test_each_run_is_left_out_once() -> None:
    samples = study(1, 4)
    folds = by_run(samples, np.random.default_rng(0))
    assert [list(fold.test) for fold in folds] == [[run.run] for run in samples]
    for fold in folds:
        assert (len(fold.train), len(fold.valid)) == (2, 1)
        assert not set(fold.test) & (set(fold.train) | set(fold.valid))


def test_with_two_runs_the_end_of_the_other_validates() -> None:
    samples = study(1, 2)
    fold = by_run(samples, np.random.default_rng(0))[0]
    train, valid = fold.train[samples[1].run], fold.valid[samples[1].run]
    assert_apart(samples[1], train, valid)
    assert len(train) > len(valid) > 20


def assert_apart(run: Samples, one: Ints, other: Ints) -> None:
    distance = np.abs(run.stops[one][:, None] - run.stops[other]).min(initial=10**9)
    assert distance >= run.n_window + HEMODYNAMIC_MEMORY_S * run.rate_hz


@settings(max_examples=60, deadline=None)
@given(
    n_samples=st.integers(200, 400),
    n_blocks=st.integers(2, 8),
    tr_s=st.sampled_from([1.28, 2.0, 2.16]),
)
def test_blocks_are_purged(n_samples: int, n_blocks: int, tr_s: float) -> None:
    run = run_of("01", 1, n_samples, tr_s)
    folds = by_block(run, n_blocks)
    tested = np.concatenate([fold.test[run.run] for fold in folds])
    assert np.array_equal(tested, np.arange(n_samples))
    for fold in folds:
        train, valid, test = (part[run.run] for part in (fold.train, fold.valid, fold.test))
        assert len(train)
        assert (np.diff(test) == 1).all()
        for one, other in ((train, test), (valid, test), (train, valid)):
            assert_apart(run, one, other)
        assert not fold.leaks


def test_a_run_too_short_for_blocks_is_refused() -> None:
    with pytest.raises(DataError, match=r"sub-01_run-1: 40 samples .* block 2 of 3 .* of 50 s"):
        by_block(run_of("01", 1, 40), 3)


def test_the_final_model_learns_from_everything_but_inner_validation() -> None:
    split = whole(study(3, 2), np.random.default_rng(0))
    assert not split.test
    assert len(split.train) == 4
    assert len(split.valid) == 2


def test_only_shuffling_leaks_and_says_so() -> None:
    samples = study(2, 1)
    split = shuffled(samples, np.random.default_rng(0))
    assert split.leaks
    for run in samples:
        parts = [part[run.run] for part in (split.train, split.valid, split.test)]
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(run)))
        assert len(parts[2]) == 16


def test_a_single_block_leaves_nothing_out() -> None:
    with pytest.raises(DataError, match="sub-01_run-1: 1 blocks of 155 samples"):
        by_block(run_of("01", 1), 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [(by_participant, r"1 participant\(s\) with"), (by_run, r"1 run\(s\) of this")],
)
def test_one_of_a_kind_cannot_be_left_out(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(DataError, match=message):
        make(study(1, 1), np.random.default_rng(0))


def test_folds_are_splits() -> None:
    assert all(isinstance(fold, Split) for fold in by_run(study(1, 3), np.random.default_rng(1)))
