"""Rows without EEG: fitted on the training set alone, and what they can know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bids_app.learn.batches import targets_of
from bids_app.learn.references import (
    EVENTS,
    TIME_ONLY,
    ZERO,
    References,
    joined,
    references_of,
    time_courses,
)
from bids_app.metrics import r
from bids_app.samples.split import by_block, by_participant
from bids_app.values import Floats
from bids_app.values.samples import Samples, Split

MakeRun = Callable[..., Samples]


@pytest.fixture
def samples(make_run: MakeRun) -> list[Samples]:
    return [make_run(str(label), 1, strength=0.0) for label in (1, 2, 3)]


def fold(samples: list[Samples]) -> Split:
    return by_participant(samples, np.random.default_rng(0))[0]


def with_course(samples: list[Samples], course: Floats) -> list[Samples]:
    """Add a course of shape (sample,), the same in all runs, to a third of the voxels."""
    found = []
    for run in samples:
        targets = targets_of(run).copy()
        targets[:, ::3] += 0.02 * course[:, None]
        found.append(replace(run, targets=targets))
    return found


def test_what_all_runs_do_at_the_same_time_is_known_from_the_clock(samples: list[Samples]) -> None:
    course = np.sin(2 * np.pi * samples[0].volumes * 2.0 / 60)
    shared = with_course(samples, course)
    found = references_of(shared, fold(shared), {TIME_ONLY: time_courses(shared)})["sub-1_run-1"]
    by_voxel = r.score(targets_of(shared[0]), found.rows[TIME_ONLY].change)
    assert by_voxel[::3].mean() > 0.6
    assert abs(np.delete(by_voxel, np.s_[::3]).mean()) < 0.1


def test_responses_to_events_are_weighed_on_the_training_set(samples: list[Samples]) -> None:
    rng = np.random.default_rng(0)
    columns = {run.run: rng.standard_normal((len(run), 2)) for run in samples}
    driven = [
        replace(run, targets=targets_of(run) + np.float32(0.02) * columns[run.run][:, :1])
        for run in samples
    ]
    found = references_of(driven, fold(driven), {EVENTS: columns})["sub-1_run-1"].rows[EVENTS]
    assert r.score(targets_of(driven[0]), found.change).mean() > 0.8
    assert found.volumes[0].mean() == pytest.approx(0.02, rel=0.1)
    # The tested person's BOLD decides nothing.
    other = [replace(driven[0], targets=-targets_of(driven[0])), *driven[1:]]
    again = references_of(other, fold(other), {EVENTS: columns})["sub-1_run-1"].rows[EVENTS]
    assert np.array_equal(again.change, found.change)


def test_courses_are_not_free_where_the_training_runs_have_a_gap(make_run: MakeRun) -> None:
    seen, other = (make_run("1", run, strength=0.0) for run in (1, 2))
    n = len(seen)
    train = np.r_[: n // 2, 3 * n // 4 : n]
    split = Split("run-2", {seen.run: train}, {}, {other.run: np.arange(n)})
    runs = [seen, other]
    row = references_of(runs, split, {TIME_ONLY: time_courses(runs)})[other.run].rows[TIME_ONLY]
    true = targets_of(other) - targets_of(other).mean(axis=0)
    assert np.mean((row.change - true) ** 2) < 2 * np.mean(true**2)


def test_a_column_that_is_nowhere_gets_no_weight(samples: list[Samples]) -> None:
    rng = np.random.default_rng(0)
    columns = {
        run.run: np.c_[rng.standard_normal(len(run)), np.zeros(len(run))] for run in samples
    }
    row = references_of(samples, fold(samples), {EVENTS: columns})["sub-1_run-1"].rows[EVENTS]
    assert np.abs(row.volumes[0]).max() > 0
    assert not row.volumes[1].any()


def test_a_trace_of_a_column_gets_no_large_weight(samples: list[Samples]) -> None:
    rng = np.random.default_rng(0)
    columns = {run.run: rng.standard_normal((len(run), 2)) for run in samples}
    for run in samples[1:]:
        columns[run.run][:, 1] *= 1e-4
    row = references_of(samples, fold(samples), {EVENTS: columns})["sub-1_run-1"].rows[EVENTS]
    true = targets_of(samples[0]) - targets_of(samples[0]).mean(axis=0)
    assert np.mean((row.change - true) ** 2) < 2 * np.mean(true**2)


def test_columns_that_are_nowhere_make_no_row(samples: list[Samples]) -> None:
    nothing = {run.run: np.zeros((len(run), 3)) for run in samples}
    assert (
        EVENTS not in references_of(samples, fold(samples), {EVENTS: nothing})["sub-1_run-1"].rows
    )


def test_blocks_are_put_together_in_time_order(make_run: MakeRun) -> None:
    run = make_run("1", 1)
    run = replace(run, n_window=64)
    columns = {run.run: np.random.default_rng(0).standard_normal((len(run), 2))}
    parts = [references_of([run], split, {EVENTS: columns}) for split in by_block(run, 2)]
    whole = joined(reversed(parts))[run.run]
    assert np.array_equal(whole.tested, run.volumes)
    for part in parts:
        own = part[run.run]
        where = np.searchsorted(whole.tested, own.tested)
        for name in (ZERO, EVENTS):
            assert np.allclose(whole.rows[name].change[where], own.rows[name].change, atol=1e-7)


def test_a_row_that_a_block_lacks_is_left_out(samples: list[Samples]) -> None:
    some = references_of(samples, fold(samples), {TIME_ONLY: time_courses(samples)})["sub-1_run-1"]
    first, second = (
        References(some.tested + shift, rows)
        for shift, rows in ((0, some.rows), (500, {ZERO: some.rows[ZERO]}))
    )
    assert list(joined([{"x": first}, {"x": second}])["x"].rows) == [ZERO]


def test_a_run_of_one_window_has_a_course() -> None:
    one = Samples(
        "a", "1", np.zeros((3, 90), np.float32), 10.0, 50, np.array([70]), np.array([4]), 9
    )
    assert time_courses([one])["a"].shape == (1, 1)
