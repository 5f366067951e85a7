"""Models calibrated on some runs of a person: never scored on those, and told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bids_app import pipeline
from bids_app.config import RunConfig
from bids_app.errors import DataError, UsageError
from bids_app.files.sidecar import read_json
from bids_app.learn.references import References
from bids_app.pipeline import calibrated
from bids_app.pipeline.apply import apply_bundle
from bids_app.pipeline.judge import Case, Judgement
from bids_app.pipeline.record import Record
from bids_app.values.bundle import BoldSpec, EegSpec, Targets
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

Write = Callable[..., None]
EEG = EegSpec(("Fz", "Cz", "Pz"), 50.0, 10.0)
GRID = Grid((4, 5, 6), np.diag([3.0, 3.0, 3.0, 1.0]))
MASK = Mask(GRID, np.ones(GRID.shape, bool))
BOLD = BoldSpec(MASK, "MNI152NLin2009aSym", "3", 2.0, 0.0, 0.0)


def predicted(run: str, change: np.ndarray, split: str) -> Prediction:
    return Prediction(run, "01", change, np.arange(len(change)), len(change), "ridge", split)


def case_of(config: RunConfig, true: dict[str, np.ndarray]) -> Case:
    truths = {
        name: Samples(
            name, "01", np.zeros((3, 3000), np.float32), 50.0, 500, 500 + 10 * np.arange(len(rows)),
            np.arange(len(rows)), len(rows), rows,
        )
        for name, rows in true.items()
    }  # fmt: skip
    bare = {name: References(run.volumes, {}) for name, run in truths.items()}
    return Case(truths, bare, {}, MASK, {}, config)


def test_the_first_runs_calibrate_and_the_others_are_left() -> None:
    runs = [("01", "a"), ("02", "d"), ("01", "b"), ("01", "c"), ("03", "e"), ("03", "f")]
    assert calibrated.parted(runs, 2) == {"01": (["a", "b"], ["c"])}
    assert calibrated.parted(runs, 1) == {"01": (["a"], ["b", "c"]), "03": (["e"], ["f"])}


def test_a_run_that_was_calibrated_on_is_not_scored(
    config: RunConfig, rng: np.random.Generator
) -> None:
    true = rng.standard_normal((40, MASK.n_voxels)).astype(np.float32)
    leak = [predicted("a", true, calibrated.SPLIT)]
    judgement = Judgement()
    with pytest.raises(DataError, match="a: the model was calibrated on this run; it is not"):
        calibrated.score(leak, leak, {"01": ["a"]}, case_of(config, {"a": true}), judgement)
    assert not judgement.scores


def test_both_models_are_scored_in_the_same_runs(
    config: RunConfig, rng: np.random.Generator
) -> None:
    true = {name: rng.standard_normal((60, MASK.n_voxels)).astype(np.float32) for name in "ab"}
    noise = rng.standard_normal((60, MASK.n_voxels)).astype(np.float32)
    plain = [predicted(name, true[name] + 2 * noise, "participant") for name in "ab"]
    judgement = Judgement()
    given = [predicted("b", true["b"] + noise, calibrated.SPLIT)]
    calibrated.score(given, plain, {"01": ["a"]}, case_of(config, true), judgement)
    assert {score["split"] for score in judgement.scores} == {"calibrated"}
    assert {score["on"] for score in judgement.scores} == {"b", "sub-01", "group"}
    found = {
        score["row"]: score["value"]
        for score in judgement.scores
        if (score["name"], score["on"]) == ("r", "b")
    }
    assert found["ridge-calibrated"] == pytest.approx(0.5**0.5, abs=0.02)
    assert found["ridge-uncalibrated"] == pytest.approx(0.2**0.5, abs=0.03)
    assert not judgement.tests
    (note,) = judgement.notes
    assert "ridge, calibrated on 1 run(s) of each person: mean r +0.7" in note
    assert "no interval, 1 people" in note


def test_what_cannot_be_calibrated_is_refused_before_training() -> None:
    small = {"filters": (3, 4), "embedding": 8, "hidden": 8}
    with pytest.raises(UsageError, match="--calibrate-runs: cnn cannot be calibrated"):
        calibrated.refuse_untrained("cnn", EEG, BOLD, small)
    parcels = replace(BOLD, targets=Targets("parcels", 4))
    with pytest.raises(UsageError, match="ridge predicts parcels; only models of voxels can be"):
        calibrated.refuse_untrained("ridge", EEG, parcels, {})
    calibrated.refuse_untrained("ridge", EEG, BOLD, {})


@pytest.mark.slow
def test_left_out_people_and_new_ones_are_calibrated_apart(
    config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label, 1)
        preprocessed(label, 2)
    preprocessed("03")
    assert pipeline.run(replace(config, calibrate_runs=1)) == 0
    written = {
        path.name.split("_space")[0] for path in config.output_dir.glob("*/func/*calibrated*.gz")
    }
    assert written == {"sub-01_task-rest_run-2", "sub-02_task-rest_run-2"}
    (about,) = config.output_dir.glob("sub-01/func/*_desc-synthcalibrated_bold.json")
    told = read_json(about)
    assert told["Split"] == "calibrated"
    assert told["Model"]["CalibratedOn"] == ["sub-01_task-rest_run-1"]
    assert not any("sub-01" in run for run in told["Model"]["TrainedOn"])
    record = read_json(config.output_dir / "log" / "group.json")
    apart = {row["row"] for row in record["scores"] if row["split"] == "calibrated"}
    assert apart == {"sources-calibrated", "sources-uncalibrated"}
    assert {test["split"] for test in record["tests"]} == {"participant"}
    assert any("sub-03 has no run beside those" in note for note in record["notes"])
    page = (config.output_dir / "group.html").read_text()
    assert "calibrated on the first runs of this person" in page
    preprocessed("07", 1)
    preprocessed("07", 2)
    asked = replace(
        config, level="participant", calibrate_runs=1, model=config.output_dir / "models/sources"
    )
    own = Record(asked, "sub-07")
    own.content |= {
        "pairings": [{"run": f"sub-07_task-rest_run-{run}", "status": "done"} for run in (1, 2)],
        "runs": [],
    }
    apply_bundle("07", asked, own)
    assert not own.failures
    (image,) = config.output_dir.glob("sub-07/func/*_desc-synthcalibrated_bold.nii.gz")
    assert "_run-2_" in image.name
    rows = {row["row"] for row in own.content["scores"] if row["split"] == "calibrated"}
    assert rows == {"sources-calibrated", "sources-uncalibrated"}
