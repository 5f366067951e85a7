"""The paper's grid on preprocessed runs that hold nothing: every row, every fold, and no peeking."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app import pipeline
from bids_app.config import RunConfig
from bids_app.errors import UsageError
from bids_app.files import nifti
from bids_app.files.sidecar import read_json
from bids_app.files.tables import read_tsv
from bids_app.pipeline.experiment import labels_of_paper
from bids_app.pipeline.record import Record
from bids_app.values import Floats
from tests.browser import assert_draws

pytestmark = pytest.mark.slow

Write = Callable[..., None]
SMALL = {
    "train": {"epochs": 1},
    "models": {
        "cnn": {"filters": [3, 4], "hidden": 8},
        "dense": {"embedding": 4, "hidden": 8},
        "siamese": {"embedding": 4, "hidden": 8},
        "transformer": {"width": 8, "heads": 2, "feedforward": 8},
    },
}
CHANNELS = ("Fz", "Cz", "Pz", "O1", "O2", "F3")
ROWS = {
    "zero", "training-mean", "participant-mean", "time-only", "siamese", "transformer", "transformer-teacher-forced",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("bids_app")
    before = (logger.propagate, list(logger.handlers), logger.level)
    yield
    logger.propagate, logger.handlers, logger.level = before


@pytest.fixture
def asked(config: RunConfig) -> RunConfig:
    return replace(config, experiment="paper", tables=SMALL, max_steps=2, device="cpu")


def test_the_table_has_every_row_in_every_way(
    asked: RunConfig, preprocessed: Write, tmp_path: Path
) -> None:
    models = {"experiment": {"models": ["siamese", "transformer"]}}
    asked = replace(asked, tables=asked.tables | models)
    for label in ("01", "02"):
        preprocessed(label, channels=CHANNELS)
    assert pipeline.run(asked) == 0
    table = read_tsv(asked.output_dir / "group_experiment_table.tsv")
    ways = {"shuffled", "participant", "shuffled-normalised", "participant-normalised"}
    assert set(zip(table["split"], table["row"], strict=True)) == {
        (w, r) for w in ways for r in ROWS
    }
    found = {
        (split, row): float(value)
        for split, row, value in zip(table["split"], table["row"], table["mse"], strict=True)
    }
    assert all(float(value) >= 0 for value in table["mse_low"] if value != "n/a")
    assert found["participant-normalised", "zero"] == pytest.approx(1, abs=0.05)
    assert found["participant", "participant-mean"] <= found["participant", "zero"]
    rows = zip(table["split"], table["row"], table["published_mse"], strict=True)
    assert {(split, row): float(value) for split, row, value in rows if value != "n/a"} == {
        ("participant", "siamese"): 9.527e-4,
        ("participant", "transformer-teacher-forced"): 4.976e-4,
    }
    folds = read_tsv(asked.output_dir / "group_experiment_folds.tsv")
    assert {"sub-01", "sub-02", "sub-02_task-rest_run-1"} <= set(folds["on"])
    record = read_json(asked.output_dir / "log" / "group.json")
    assert "experiment: 2 participants, 2 runs, 70 samples" in record["notes"]
    assert "cut off after 2 steps" in " ".join(record["notes"])
    assert record["figures"][0]["path"].endswith("channelPositions_figure.png")
    page = (asked.output_dir / "group.html").read_text("utf-8")
    assert "Only the row “transformer” is a prediction" in page or "did not help it" in page
    assert "This leaks" in page
    assert_draws(tmp_path, asked.output_dir / "group.html")


def test_the_true_volumes_change_no_prediction(asked: RunConfig, preprocessed: Write) -> None:
    only = asked.tables | {"experiment": {"regimes": ["participant"], "courses": ["raw"]}}
    asked = replace(asked, tables=only)
    for label in ("01", "02"):
        preprocessed(label)
    assert pipeline.run(asked) == 0
    before = kept(asked)
    path = next(asked.output_dir.glob("sub-02/func/*desc-preproc_bold.nii.gz"))
    bold = nifti.read_bold(path, {"RepetitionTime": 2.0})
    changed = bold.volumes[..., ::-1] + 1
    nifti.write_bold(path, np.ascontiguousarray(changed), bold.grid, 2.0)
    assert pipeline.run(asked) == 0
    after = kept(asked)
    new = {name: rows for name, rows in after.items() if name not in before}
    for way, same in (("free", True), ("forced", False)):
        # Whoever is left out is sub-02; models of sub-01 were trained on what was changed.
        pairs = [
            (rows, other)
            for name, rows in new.items()
            for old, other in before.items()
            if name.split("/")[1:] == old.split("/")[1:] == [way, "sub-02_task-rest_run-1.npy"]
        ]
        assert pairs
        matches = [any(np.array_equal(rows, other) for _, other in pairs) for rows, _ in pairs]
        assert all(matches) if same else not any(matches)


def kept(asked: RunConfig) -> dict[str, Floats]:
    folds = asked.work_dir / "folds"
    found = (path for way in ("free", "forced") for path in folds.glob(f"*/{way}/*.npy"))
    return {path.relative_to(folds).as_posix(): np.load(path) for path in found}


def test_folds_can_be_spread_and_gathered(asked: RunConfig, preprocessed: Write) -> None:
    only = {"experiment": {"regimes": ["participant"], "courses": ["raw"], "models": ["siamese"]}}
    asked = replace(asked, tables=asked.tables | only)
    for label in ("01", "02"):
        preprocessed(label)
    for fold in (1, 2):
        assert pipeline.run(replace(asked, fold=fold)) == 0
        assert not (asked.output_dir / "group_experiment_table.tsv").exists()
        assert (asked.output_dir / "log" / f"group_fold-{fold}.json").is_file()
    trained = {
        path.name: path.stat().st_mtime_ns
        for path in (asked.work_dir / "folds").glob("*/fold.json")
    }
    assert pipeline.run(asked) == 0
    assert "siamese" in read_tsv(asked.output_dir / "group_experiment_table.tsv")["row"]
    folds = (asked.work_dir / "folds").glob("*/fold.json")
    assert {path.name: path.stat().st_mtime_ns for path in folds} == trained


def test_usual_folds_can_be_spread_too(config: RunConfig, preprocessed: Write) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    assert pipeline.run(replace(config, fold=2)) == 0
    assert len(list((config.work_dir / "folds").iterdir())) == 1
    assert not (config.output_dir / "models").exists()
    assert pipeline.run(replace(config, fold=3)) == UsageError.exit_code
    record = read_json(config.output_dir / "log" / "group_fold-3.json")
    assert record["errors"][0]["why"] == "--fold 3: there are 2 folds"


@pytest.mark.parametrize("regime", ["run", "block"])
def test_ways_within_people(regime: str, asked: RunConfig, preprocessed: Write) -> None:
    only = {"experiment": {"regimes": [regime], "courses": ["raw"], "models": ["ridge"]}}
    asked = replace(asked, tables=asked.tables | only, window_s=4.0)
    for run in (1, 2):
        preprocessed("01", run)
    assert pipeline.run(asked) == 0
    table = read_tsv(asked.output_dir / "group_experiment_table.tsv")
    assert set(table["split"]) == {regime}
    folds = read_tsv(asked.output_dir / "group_experiment_folds.tsv")
    assert {f"sub-01_task-rest_run-{run}" for run in (1, 2)} < set(folds["on"])


@pytest.mark.parametrize(("name", "value"), [("regimes", "random"), ("courses", "smooth")])
def test_an_unknown_way_is_named(
    name: str, value: str, asked: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    asked = replace(asked, tables={"experiment": {name: [value]}})
    assert pipeline.run(asked) == UsageError.exit_code
    record = read_json(asked.output_dir / "log" / "group.json")
    assert record["errors"][0]["why"] == f"config file: [experiment] {name} has {value!r}"


@pytest.mark.parametrize("digits", [2, 3])
def test_whom_the_paper_leaves_out(digits: int, asked: RunConfig) -> None:
    everybody = tuple(f"{number:0{digits}d}" for number in range(1, 18))
    record = Record(asked, "group")
    left = labels_of_paper(everybody, asked, record)
    assert len(left) == 16
    assert everybody[3] not in left
    assert f"{everybody[3]} is left out" in record.content["notes"][0]
    assert labels_of_paper(everybody[:5], asked, record) == everybody[:5]
    assert labels_of_paper((*everybody, "pilot"), asked, record) == (*everybody, "pilot")
    chosen = replace(asked, participant_labels=everybody)
    assert labels_of_paper(everybody, chosen, record) == everybody
