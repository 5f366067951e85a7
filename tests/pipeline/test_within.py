"""Within a person: rows, surrogates and blocks that are put together, on runs that hold nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.pipeline.record import Record
from bids_app.pipeline.within import predict_within

pytestmark = pytest.mark.slow

Write = Callable[..., None]
NO_EEG = {"zero", "training-mean", "participant-mean", "sources-constant-eeg"}


@pytest.mark.parametrize("n_runs", [1, 2])
def test_rows_without_eeg_stand_beside_the_model(
    config: RunConfig, preprocessed: Write, n_runs: int
) -> None:
    for run in range(1, n_runs + 1):
        preprocessed("01", run=run, n_volumes=70, eeg_s=150.0)
    record = Record(replace(config, level="participant"), "sub-01")
    names = [f"sub-01_task-rest_run-{run}" for run in range(1, n_runs + 1)]
    record.content["pairings"] = [{"run": name, "status": "done"} for name in names]
    record.content["runs"] = [{"run": name, "figures": [], "notes": []} for name in names]
    predict_within("01", record.config, record)
    assert not record.failures
    scores = [score for score in record.content["scores"] if score["on"] == "sub-01"]
    # Of a single run blocks are left out, and no other run tells of their position.
    rows = NO_EEG | {"sources"} | ({"time-only"} if n_runs > 1 else set())
    assert {score["row"] for score in scores} == rows
    assert {score["split"] for score in scores} == {"run" if n_runs > 1 else "block"}
    r = {score["row"]: score["value"] for score in scores if score["name"] == "r"}
    assert np.isnan(r["sources-constant-eeg"])
    assert abs(r["sources"]) < 0.2
    tests = {(test["statistic"], test["against"]) for test in record.content["tests"]}
    assert ("max voxel r", "circular shifts") in tests
    assert ("max parcel r", "random phases") in tests
