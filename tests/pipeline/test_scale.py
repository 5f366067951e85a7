"""A group of two hundred: what it costs to list, tabulate and report them, when the scores are there."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bids_app import pipeline
from bids_app.config import RunConfig
from bids_app.files.sidecar import read_json
from bids_app.files.tables import read_tsv
from bids_app.pipeline import group, story
from bids_app.pipeline.fold import Task
from bids_app.pipeline.judge import Judgement
from bids_app.values.samples import Split

pytestmark = pytest.mark.app

N_PEOPLE = 200
LONGEST_S, MOST_MB = 60.0, 1024


def peak_kb() -> int:
    """Most memory that this process has held since its peak was last forgotten."""
    return int(re.findall(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text("utf-8"))[0])


def test_two_hundred_participants(
    config: RunConfig,
    preprocessed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    labels = [f"{number:03d}" for number in range(1, N_PEOPLE + 1)]
    for label in labels:
        preprocessed(label)

    def judged(
        task: Task, cohort: group.Cohort, splits: Sequence[Split]
    ) -> tuple[list[Path], Judgement]:
        """Scores of every run, person and row, as they are found again."""
        assert len(splits) == N_PEOPLE
        names = [*cohort.runs, *(f"sub-{label}" for label in cohort.levels), "group"]
        rows = ("zero", "training-mean", "participant-mean", task.architecture)
        found = Judgement([
            {"name": name, "value": 0.01, "unit": "", "row": row, "on": on, "split": "participant"}
            for on in names
            for row in rows
            for name in ("r_mean", "mse", "skill")
        ])
        return [], found

    monkeypatch.setattr(group, "_predict", judged)
    monkeypatch.setattr(story, "train_final", lambda *_: None)
    before_s = time.process_time()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of earlier tests
    assert pipeline.run(config) == 0
    used_s = time.process_time() - before_s
    peak_mb = peak_kb() // 1024
    with capfd.disabled():
        print(f" {N_PEOPLE} participants: {used_s:.1f} s of CPU, {peak_mb} MB", end="")  # noqa: T201 (the figure)
    assert len(read_json(config.output_dir / "log/group.json")["participants"]) == N_PEOPLE
    assert len(read_tsv(config.output_dir / "group_scores.tsv")["on"]) == (2 * N_PEOPLE + 1) * 12
    assert (config.output_dir / "group.html").read_text("utf-8").count("sub-200") >= 1
    assert used_s < LONGEST_S
    assert peak_mb < MOST_MB
