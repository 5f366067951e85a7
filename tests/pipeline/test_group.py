"""The group level on preprocessed runs that hold nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app import pipeline
from bids_app.config import RunConfig
from bids_app.errors import DataError, MissingInputError, NoMatchError, UsageError
from bids_app.files import nifti
from bids_app.files.sidecar import read_json, write_json
from bids_app.files.tables import read_tsv
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.apply import apply_bundle
from bids_app.pipeline.group import gather, train_final
from bids_app.pipeline.record import Record
from bids_app.values.pairing import Participant
from bids_app.values.space import Grid, Volume

pytestmark = pytest.mark.slow

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("bids_app")
    before = (logger.propagate, list(logger.handlers), logger.level)
    yield
    logger.propagate, logger.handlers, logger.level = before


def test_left_out_people_are_scored_and_a_model_is_kept(
    config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02", "03"):
        preprocessed(label)
    assert pipeline.run(replace(config, uncertainty=True)) == 0
    record = read_json(config.output_dir / "log" / "group.json")
    (intervals,) = record["intervals"]
    held = [row["held"] for row in intervals["inside"]]
    assert held == pytest.approx([0.5, 0.8, 0.95], abs=0.05)
    told = read_tsv(config.output_dir / "group_desc-sources_intervals.tsv")
    assert told["on"].count("group") == told["on"].count("sub-01") == 25
    assert len(list(config.output_dir.glob("sub-*/func/*_desc-synthstd_bold.nii.gz"))) == 3
    assert [row["status"] for row in record["participants"]] == ["done"] * 3
    assert [row["name"] for row in record["bundles"]] == ["sources"]
    bundle = read_json(config.output_dir / "models" / "sources" / "bundle.json")
    assert [person["label"] for person in bundle["training"]["participants"]] == ["01", "02", "03"]
    table = read_tsv(config.output_dir / "participants.tsv")
    assert table["participant_id"] == ["sub-01", "sub-02", "sub-03"]
    assert record["verdict"]
    explained = read_tsv(config.output_dir / "group_desc-sources_patterns.tsv")
    assert set(explained["what"]) == {"topography", "spectrum", "curve"}
    assert len(set(explained["region"])) == 24
    drawn = [figure["path"] for figure in record["figures"] if "Patterns" in figure["path"]]
    assert (config.output_dir / drawn[0]).stat().st_size > 10_000


def test_a_kept_model_tells_how_far_off_it_is_of_new_recordings(
    config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    cohort = gather(["01", "02"], config, Record(config, "group"))
    train_final(cohort, config, Record(config, "group"))
    preprocessed("07")
    asked = replace(
        config,
        level="participant",
        model=config.output_dir / "models" / "sources",
        uncertainty=True,
        mask_unreliable=True,
    )
    record = Record(asked, "sub-07")
    record.content |= {
        "pairings": [{"run": "sub-07_task-rest_run-1", "status": "done"}],
        "runs": [],
    }
    apply_bundle("07", asked, record)
    assert not record.failures
    written = {
        path.name.split("_")[-2] for path in config.output_dir.glob("sub-07/func/*synth*.gz")
    }
    assert written == {"desc-synth", "desc-synthstd", "desc-synthreliable"}
    (about,) = config.output_dir.glob("sub-07/func/*_desc-synth_bold.json")
    (path,) = config.output_dir.glob("sub-07/func/*_desc-synthreliable_mask.nii.gz")
    reliable = nifti.read_mask(path)
    n_blank = cohort.bold.n_voxels - reliable.n_voxels
    assert read_json(about)["UnreliableVoxelsBlanked"] == n_blank > 0


def test_each_model_stands_beside_what_hears_no_eeg(
    config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label, n_volumes=60, eeg_s=130.0)
    few = {"train": {"epochs": 1}, "models": {"cnn": {"hidden": 8}}}
    always = few | {"evaluation": {"constant_eeg": "always"}}
    asked = replace(config, architectures=("cnn",), tables=always, mask_unreliable=True)
    assert pipeline.run(asked) == 0
    record = read_json(config.output_dir / "log" / "group.json")
    own = [row for row in record["scores"] if row["on"] == "group"]
    rows = {"zero", "training-mean", "participant-mean", "time-only", "cnn", "cnn-constant-eeg"}
    assert {row["row"] for row in own} == rows
    constant = {row["name"]: row["value"] for row in own if row["row"] == "cnn-constant-eeg"}
    assert constant["r"] is None
    assert constant["mse"] > 0
    against = {(test["statistic"], test["against"]) for test in record["tests"]}
    assert against == {
        ("mean r", "circular shifts"),
        ("max parcel r", "circular shifts"),
        ("mean r", "random phases"),
        ("max parcel r", "random phases"),
        ("max voxel r", "circular shifts"),
    }
    folder = config.output_dir / "tpl-MNI152NLin2009aSym" / "func"
    maps = {path.name.split("_stat-")[1][0]: path for path in folder.glob("*_statmap.nii.gz")}
    assert maps.keys() == {"r", "n", "p", "q"}
    n_people = nifti.read_volume(maps["n"]).data
    assert set(np.unique(n_people)) == {0, 2}
    assert read_json(maps["q"].with_name(maps["q"].name[:-7] + ".json"))["OutsideOfMask"] == 1
    assert "r is above chance in" in " ".join(record["notes"])
    assert "cnn does not tell how far off it is" in " ".join(record["notes"])


def test_a_word_that_means_nothing_is_refused(config: RunConfig, preprocessed: Write) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    odd = replace(config, tables={"evaluation": {"constant_eeg": "maybe"}})
    assert pipeline.run(odd) == UsageError.exit_code
    record = read_json(config.output_dir / "log" / "group.json")
    why = "[evaluation] constant_eeg is 'maybe'; expected auto, always or never"
    assert why in record["errors"][0]["why"]


def test_a_participant_without_a_window_is_named_and_the_others_go_on(
    config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    preprocessed("03", eeg_s=8.0)
    assert pipeline.run(config) == 1
    record = read_json(config.output_dir / "log" / "group.json")
    assert [row["status"] for row in record["participants"]] == ["done", "done", "failed"]
    assert "no volume has a whole window of 10 s" in record["participants"][2]["reason"]


def test_one_participant_alone_gives_a_model_but_no_scores(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01")
    preprocessed("01", run=2)
    assert pipeline.run(config) == 0
    record = read_json(config.output_dir / "log" / "group.json")
    assert record["scores"] == []
    assert "nobody could be left out" in record["notes"][0]


def test_nobody_with_both_is_said(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    for path in config.output_dir.rglob("*.vhdr"):
        path.unlink()
    assert pipeline.run(config) == MissingInputError.exit_code
    record = read_json(config.output_dir / "log" / "group.json")
    assert "no participant has a run with both" in record["errors"][0]["why"]


def test_the_group_of_an_empty_folder(config: RunConfig) -> None:
    with pytest.raises(NoMatchError, match=r"out: has no participant"):
        pipeline.run(config)


def test_pages_of_participants_that_were_never_run(config: RunConfig) -> None:
    (config.bids_dir / "sub-07").mkdir(parents=True)
    (config.bids_dir / "dataset_description.json").write_text('{"Name": "x"}')
    asked = replace(config, level="participant", reports_only=True)
    with pytest.raises(MissingInputError, match="no record of participant 07"):
        pipeline.run(asked)


def test_an_anatomy_without_t1w_says_what_to_do(config: RunConfig) -> None:
    anatomy = Anatomy(Participant("07", None, ()), config, Record(config, "sub-07"))
    with pytest.raises(MissingInputError, match="sub-07: has no T1w image") as caught:
        anatomy.ensure()
    assert "fmriprep=PATH" in caught.value.hint


def test_architectures_stand_side_by_side(config: RunConfig, preprocessed: Write) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    few = {"train": {"epochs": 1}, "models": {"cnn": {"hidden": 8}}}
    assert pipeline.run(replace(config, architectures=("sources", "cnn"), tables=few)) == 0
    func = config.output_dir / "sub-01" / "func"
    labels = {path.name.split("_desc-")[1] for path in func.glob("*synth*.nii.gz")}
    assert labels == {"synth_bold.nii.gz", "synthCnn_bold.nii.gz"}
    record = read_json(config.output_dir / "log" / "group.json")
    assert record["models"] == ["sources", "cnn"]
    assert {"sources", "cnn"} <= {row["row"] for row in record["scores"]}
    curves = [figure["path"] for figure in record["figures"] if "Training" in figure["path"]]
    assert curves == ["figures/group_desc-cnnTraining_figure.png"]
    assert (config.output_dir / "models" / "cnn" / "weights.safetensors").is_file()
    told = read_tsv(config.output_dir / "descriptions.tsv")
    assert "desc-synthCnn" in told["desc_id"]


def test_one_who_is_unlike_the_others_does_not_stop_the_group(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01", channels=("Fz", "Cz", "Oz", "Pz"))
    for label in ("02", "03"):
        preprocessed(label)
    assert pipeline.run(config) == 0
    record = read_json(config.output_dir / "log" / "group.json")
    assert [row["status"] for row in record["participants"]] == ["left out", "done", "done"]
    why = "has 4 EEG channels, most have 3; not in both: Oz"
    assert record["participants"][0]["reason"] == why
    assert f"sub-01_task-rest_run-1 was left out: {why}" in record["notes"]
    assert "left out" in (config.output_dir / "group.html").read_text("utf-8")
    bundle = read_json(config.output_dir / "models" / "sources" / "bundle.json")
    assert [person["label"] for person in bundle["training"]["participants"]] == ["02", "03"]


def test_one_who_failed_before_is_named_with_the_reason(config: RunConfig) -> None:
    told = {
        "what": "sub-03_task-rest BOLD",
        "why": "a.nii: is broken",
        "hint": "",
        "exit_code": 66,
    }
    write_json(config.output_dir / "sub-03/log/record.json", {"errors": [told]})
    assert pipeline.run(config) == MissingInputError.exit_code
    record = read_json(config.output_dir / "log" / "group.json")
    assert record["participants"][0] == {
        "label": "03",
        "status": "left out",
        "reason": "sub-03_task-rest BOLD: a.nii: is broken",
    }


def test_the_group_twice_at_once_and_once_more(config: RunConfig, preprocessed: Write) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    with ThreadPoolExecutor(2) as both:
        assert list(both.map(pipeline.run, [config, config])) == [0, 0]
    names = ("group_scores.tsv", "participants.tsv", "models/sources/bundle.json")
    before = {name: (config.output_dir / name).read_bytes() for name in names}
    assert pipeline.run(config) == 0
    assert {name: (config.output_dir / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("kind", ["parcels", "components"])
def test_regions_or_components_stand_for_voxels(
    kind: str, config: RunConfig, preprocessed: Write
) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    asked = replace(config, targets=kind, tables={"targets": {"count": 6}})
    assert pipeline.run(asked) == 0
    about = read_json(config.output_dir / "models" / "sources" / "bundle.json")
    assert about["bold"]["targets"] == {"kind": kind, "count": 6}


def test_an_atlas_that_lies_elsewhere_is_refused(
    config: RunConfig, preprocessed: Write, tmp_path: Path
) -> None:
    for label in ("01", "02"):
        preprocessed(label)
    grid = Grid((4, 5, 6), np.array([[3.0, 0, 0, 500], [0, 3, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]))
    values = np.random.default_rng(0).integers(1, 4, grid.shape).astype(np.float32)
    nifti.write_volume(tmp_path / "atlas.nii.gz", Volume(values, grid))
    asked = replace(config, targets="parcels", atlas=tmp_path / "atlas.nii.gz")
    assert pipeline.run(asked) == DataError.exit_code
    record = read_json(config.output_dir / "log" / "group.json")
    assert "atlas.nii.gz: has no region in the" in record["errors"][0]["why"]
