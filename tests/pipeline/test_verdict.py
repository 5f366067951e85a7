"""The sentence at the top of the report, by rule."""

from __future__ import annotations

from typing import Any

from bids_app.pipeline.verdict import sentence


def a_test(p: float, value: float = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "model": "ridge",
        "split": "participant",
        "statistic": "mean r",
        "value": value,
        "p": p,
        "n_shifts": 999,
    } | more


def test_a_coupling_is_told_with_its_figures() -> None:
    told = sentence([a_test(0.001, 0.123)])
    assert told.startswith("In people whom the model never saw, synthesized BOLD follows measured")
    assert "ridge: mean r = +0.123, p = 0.001" in told


def test_nothing_is_told_as_nothing() -> None:
    assert sentence([a_test(0.2)]).startswith("Nothing was found: in people whom the model never")


def test_agreement_below_zero_is_nothing() -> None:
    assert sentence([a_test(0.001, -0.2)]).startswith("Nothing was found")


def test_trying_two_models_halves_the_level() -> None:
    both = [a_test(0.03), a_test(0.9, model="cnn")]
    assert sentence(both).startswith("Nothing was found")
    assert sentence(both[:1]).startswith("In people")


def test_the_best_parcel_does_not_count() -> None:
    assert sentence([a_test(0.5), a_test(0.001, statistic="max parcel r")]).startswith("Nothing")


def test_too_few_shifts_are_told() -> None:
    told = sentence([a_test(0.1, n_shifts=6, split="block")])
    assert told.startswith("These data are too short to tell: only 6 different circular shifts")


def test_without_tests_there_is_no_verdict() -> None:
    assert sentence([]) == ""


def test_the_schedule_is_told_from_the_eeg() -> None:
    first = a_test(0.001, 0.2)
    beside = a_test(0.4, 0.003, statistic="mean r beside the schedule")
    told = sentence([first, beside])
    assert told.startswith("The schedule, not EEG: in people whom the model never saw")
    assert "beside the events r = +0.003, p = 0.400" in told
    more = sentence([first, beside | {"p": 0.002}])
    assert more.startswith("In people whom the model never saw")
    assert "more than the task's events explain" in more
    assert sentence([a_test(0.3), beside | {"p": 0.002}]).startswith("Nothing was found")
