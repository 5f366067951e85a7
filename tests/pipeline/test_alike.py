from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.pipeline import alike, prepare

Write = Callable[..., None]


def chosen(config: RunConfig) -> tuple[list[str], dict[str, str]]:
    runs = [
        run
        for label in reuse.participants(config.output_dir)
        for run in reuse.runs(config.output_dir, label)
    ]
    kept, samples, left_out = alike.choose(runs, [prepare.samples_of(run, config) for run in runs])
    assert [run.name for run in kept] == [one.run for one in samples]
    return [run.entities.participant for run in kept], left_out


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"channels": ("Fz", "Pz", "Cz")}, "most have 3; not in both: none, but the order"),
        (
            {"channels": ("Fz", "Cz", "Oz", "Pz")},
            "has 4 EEG channels, most have 3; not in both: Oz",
        ),
        ({"tr_s": 1.5}, "its repetition time is 1.5 s, that of most 2"),
        ({"space": "space-MNI152NLin6Asym_res-2"}, "is in MNI152NLin6Asym res-2, most are in MNI"),
        ({"brain": (4, 6)}, "its brain covers 25% of where most brains are: look at its"),
    ],
)
def test_the_odd_one_is_left_out_with_the_reason(
    config: RunConfig, preprocessed: Write, odd: dict[str, Any], why: str
) -> None:
    preprocessed("01", **odd)
    for label in ("02", "03", "04"):
        preprocessed(label)
    people, left_out = chosen(config)
    assert people == ["02", "03", "04"]
    assert list(left_out) == ["sub-01_task-rest_run-1"]
    assert why in left_out["sub-01_task-rest_run-1"]


def test_people_count_not_runs(config: RunConfig, preprocessed: Write) -> None:
    for run in (1, 2, 3):
        preprocessed("01", run=run, tr_s=1.5)
    for label in ("02", "03"):
        preprocessed(label)
    people, left_out = chosen(config)
    assert people == ["02", "03"]
    assert len(left_out) == 3


def test_nobody_is_nobody() -> None:
    assert alike.choose([], []) == ([], [], {})
