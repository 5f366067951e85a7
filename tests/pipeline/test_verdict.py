"""The sentence at the top of the report, by rule."""

from __future__ import annotations

from typing import Any

from bids_app.pipeline.verdict import sentence


def a_test(p: float, value: float = 0.1, **more: Any) -> dict[str, Any]:
    return {
        "model": "ridge",
        "split": "participant",
        "statistic": "max parcel r",
        "value": value,
        "p": p,
        "n_shifts": 999,
    } | more


def others(p: float, n_shifts: int = 999) -> dict[str, Any]:
    return a_test(p, against="EEG of other runs", n_shifts=n_shifts)


def test_a_coupling_is_told_with_its_figures() -> None:
    mean = a_test(0.2, 0.045, statistic="mean r")
    told = sentence([mean, a_test(0.001, 0.123)])
    assert told.startswith("In people whom the model never saw, synthesized BOLD follows measured")
    assert "ridge: mean r = +0.045; largest r of a region = +0.123, p = 0.001" in told
    assert "these tests do not tell" in told


def test_nothing_is_told_as_nothing() -> None:
    assert sentence([a_test(0.2)]).startswith("Nothing was found: in people whom the model never")


def test_agreement_below_zero_is_nothing() -> None:
    assert sentence([a_test(0.001, -0.2)]).startswith("Nothing was found")


def test_trying_two_models_halves_the_level() -> None:
    both = [a_test(0.03), a_test(0.9, model="cnn")]
    assert sentence(both).startswith("Nothing was found")
    assert sentence(both[:1]).startswith("In people")


def test_one_test_decides_and_the_others_do_not() -> None:
    found = [
        a_test(0.001, statistic="mean r"),
        a_test(0.001, statistic="max voxel r"),
        a_test(0.001, against="random phases"),
    ]
    assert sentence([a_test(0.5), *found]).startswith("Nothing")
    assert sentence(found) == ""


def test_too_few_shifts_are_told() -> None:
    told = sentence([a_test(0.1, n_shifts=6, split="block")])
    assert told.startswith("These data are too short to tell: only 6 different circular shifts")


def test_without_tests_there_is_no_verdict() -> None:
    assert sentence([]) == ""


def test_the_schedule_is_told_from_the_eeg() -> None:
    first = a_test(0.001, 0.2)
    beside = a_test(0.4, 0.003, statistic="max parcel r beside the schedule")
    told = sentence([first, beside])
    assert told.startswith("The schedule, not EEG: in people whom the model never saw")
    assert "beside the events r = +0.003, p = 0.400" in told
    more = sentence([first, beside | {"p": 0.002}])
    assert more.startswith("In people whom the model never saw")
    assert "more than the task's events explain" in more
    assert sentence([a_test(0.3), beside | {"p": 0.002}]).startswith("Nothing was found")


def test_what_all_runs_share_is_told_from_the_eeg() -> None:
    told = sentence([a_test(0.001), others(0.3)])
    assert told.startswith("What all runs share, not EEG: in people")
    assert "against EEG of other runs with the same schedule p = 0.300" in told
    assert "and more than with the EEG of other runs" in sentence([a_test(0.001), others(0.004)])


def test_short_runs_must_pass_random_phases_too() -> None:
    short = a_test(0.001, long=False)
    phases = a_test(0.3, against="random phases", long=False)
    told = sentence([short, phases])
    assert told.startswith("These data are too short to tell: in people whom the model never saw")
    assert "p = 0.300" in told
    assert sentence([short, phases | {"p": 0.002}]).startswith("In people whom the model never")
    assert sentence([short | {"long": True}, phases]).startswith("In people whom the model never")


def test_few_exchanges_decide_nothing() -> None:
    assert "other runs" not in sentence([a_test(0.001), others(0.05, n_shifts=19)])
