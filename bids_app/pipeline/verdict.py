"""One sentence on what the data support, chosen by rule from the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bids_app.learn.nulls import BESIDE_SCHEDULE, MAX_PARCEL_R, MEAN_R, OTHER_RUNS, PHASES, SHIFTS

LEVEL = 0.05
WHOM = {
    "participant": "people whom the model never saw",
    "run": "runs that the model never saw, of this same person",
    "block": "parts of the run that the model never saw",
}


def sentence(tests: Sequence[dict[str, Any]]) -> str:
    """Say whether synthesized and measured BOLD agree more than chance.

    The one test that decides is that of the largest correlation over regions against circular shifts, which asks no
    more of a model than one region, and takes their number into account. With several models each is tested at the
    level divided by their number (Bonferroni), so that trying more of them does not find more in noise. Where runs are
    so short that circular shifts reject too often, random phases must reject as well.

    Parameters
    ----------
    tests : sequence of dict
        As the record holds them.

    Returns
    -------
    str
        Empty without tests.
    """
    primary = [test for test in tests if _is(test, MAX_PARCEL_R, SHIFTS)]
    if not primary:
        return ""
    level = LEVEL / len(primary)
    best = min((_in_short_runs(test, tests) for test in primary), key=lambda test: test["p"])
    own = [test for test in tests if all(test[name] == best[name] for name in ("model", "split"))]
    mean = next(
        (f"mean r = {test['value']:+.3f}; " for test in own if _is(test, MEAN_R, SHIFTS)), ""
    )
    figures = (
        f"{best['model']}: {mean}largest r of a region = {best['value']:+.3f}, p = {best['p']:.3f}"
    )
    whom = WHOM[best["split"]]
    if best["p"] < level and best["value"] > 0:
        return _found(own, whom, figures, level)
    if 1 / (best["n_shifts"] + 1) >= level:
        return (
            f"These data are too short to tell: only {best['n_shifts']} different circular shifts can be made "
            f"({figures})."
        )
    if not best.get("long", True):
        return (
            f"These data are too short to tell: in {whom}, synthesized BOLD does not follow measured BOLD more than "
            f"chance ({figures}, circular shifts and random phases), but runs of less than five windows show little."
        )
    return (
        f"Nothing was found: in {whom}, synthesized BOLD follows measured BOLD no more than chance "
        f"({figures}, circular shifts). Do not use the synthesized images of this model for this dataset."
    )


def _found(own: Sequence[dict[str, Any]], whom: str, figures: str, level: float) -> str:
    """What carries an agreement: the EEG, or what all runs share."""
    beside = [test for test in own if test["statistic"] == BESIDE_SCHEDULE]
    others = [
        test
        for test in own
        if _is(test, MAX_PARCEL_R, OTHER_RUNS) and 1 / (test["n_shifts"] + 1) < level
    ]
    told = [f"beside the events r = {test['value']:+.3f}, p = {test['p']:.3f}" for test in beside]
    told += [
        f"against EEG of other runs with the same schedule p = {test['p']:.3f}" for test in others
    ]
    figures = "; ".join([f"{figures}, circular shifts", *told])
    follows = f"n {whom}, synthesized BOLD follows measured BOLD more than chance"
    lacking = [
        test for test in (*beside, *others) if not (test["p"] < level and test["value"] > 0)
    ]
    if lacking and lacking[0] in beside:
        return (
            f"The schedule, not EEG: i{follows}, but no more than the task's events explain ({figures}). Nothing "
            "shows that the EEG tells more than the schedule does."
        )
    if lacking:
        return (
            f"What all runs share, not EEG: i{follows}, but no more than with the EEG of other runs with the same "
            f"schedule ({figures})."
        )
    more = ", and more than the task's events explain" if beside else ""
    more += ", and more than with the EEG of other runs" if others else ""
    doubt = (
        ""
        if more
        else " Whether the EEG or a schedule that everybody shares carries it, these tests do not tell."
    )
    return f"I{follows}{more} ({figures}). How much more is in the scores.{doubt}"


def _in_short_runs(test: dict[str, Any], tests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """In short runs, the test with the larger p of its own and of random phases."""
    if test.get("long", True):
        return test
    phases = [
        other["p"]
        for other in tests
        if _is(other, MAX_PARCEL_R, PHASES)
        and all(other[name] == test[name] for name in ("model", "split"))
    ]
    return test | {"p": max([test["p"], *phases])}


def _is(test: dict[str, Any], statistic: str, against: str) -> bool:
    return bool(test["statistic"] == statistic and test.get("against", SHIFTS) == against)
