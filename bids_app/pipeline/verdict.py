"""One sentence on what the data support, chosen by rule from the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bids_app.learn.nulls import BESIDE_SCHEDULE, MEAN_R

LEVEL = 0.05
WHOM = {
    "participant": "people whom the model never saw",
    "run": "runs that the model never saw, of this same person",
    "block": "parts of the run that the model never saw",
}


def sentence(tests: Sequence[dict[str, Any]]) -> str:
    """Say whether synthesized and measured BOLD agree more than chance.

    With several models each is tested at the level divided by their number (Bonferroni), so that trying more of them
    does not find more in noise.

    Parameters
    ----------
    tests : sequence of dict
        Circular-shift tests as the record holds them.

    Returns
    -------
    str
        Empty without tests.
    """
    primary = [test for test in tests if test["statistic"] == MEAN_R]
    if not primary:
        return ""
    level = LEVEL / len(primary)
    best = min(primary, key=lambda test: test["p"])
    figures = f"{best['model']}: mean r = {best['value']:+.3f}, p = {best['p']:.3f}"
    if best["p"] < level and best["value"] > 0:
        beside = [
            test
            for test in tests
            if (test["statistic"], test["model"], test["split"])
            == (BESIDE_SCHEDULE, best["model"], best["split"])
        ]
        if beside:
            return _with_schedule(best, beside[0], figures, level)
        return (
            f"In {WHOM[best['split']]}, synthesized BOLD follows measured BOLD more than chance ({figures}, circular "
            "shifts). How much more is in the scores; whether the EEG or a schedule that everybody shares carries it, "
            "this test does not tell."
        )
    if 1 / (best["n_shifts"] + 1) >= level:
        return (
            f"These data are too short to tell: only {best['n_shifts']} different circular shifts can be made "
            f"({figures})."
        )
    return (
        f"Nothing was found: in {WHOM[best['split']]}, synthesized BOLD follows measured BOLD no more than chance "
        f"({figures}, circular shifts). Do not use the synthesized images of this model for this dataset."
    )


def _with_schedule(
    best: dict[str, Any], beside: dict[str, Any], figures: str, level: float
) -> str:
    """What a task's data support, once its events are taken out of both series."""
    whom = WHOM[best["split"]]
    left = f"beside the events r = {beside['value']:+.3f}, p = {beside['p']:.3f}"
    if beside["p"] < level and beside["value"] > 0:
        return (
            f"In {whom}, synthesized BOLD follows measured BOLD more than chance, and more than the task's events "
            f"explain ({figures}; {left}; circular shifts). How much more is in the scores."
        )
    return (
        f"The schedule, not EEG: in {whom}, synthesized BOLD follows measured BOLD more than chance, but no more than "
        f"the task's events explain ({figures}; {left}; circular shifts). Nothing shows that the EEG tells more than "
        "the schedule does."
    )
