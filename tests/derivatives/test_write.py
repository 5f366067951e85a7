from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bids_app.derivatives import predictions, write
from bids_app.derivatives.names import Space
from bids_app.errors import CannotCreateError
from bids_app.files import eeg, nifti, tables, transforms
from bids_app.files.sidecar import read_json
from bids_app.values.bundle import BoldSpec
from bids_app.values.confounds import Confounds
from bids_app.values.entities import Entities
from bids_app.values.estimates import RunFit
from bids_app.values.outcome import Prediction
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event, Recording
from bids_app.values.space import Grid, Mask, Volume

T1W_SHAPE, SHAPE, N_VOLUMES = (4, 5, 6), (3, 4, 5), 7
T1W_GRID = Grid(T1W_SHAPE, np.array([[-1.0, 0, 0, 9], [0, 2, 0, -8], [0, 0, 3, 7], [0, 0, 0, 1]]))
GRID = Grid(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]))
SPACE = Space("MNI152NLin2009aSym", "3")
STEM = "sub-01_ses-b_task-rest_run-1"
ORDER = ("sub", "ses", "task", "run", "from", "to", "mode", "space", "res", "label", "desc")


@pytest.fixture
def target(tmp_path: Path) -> write.Target:
    """Make a place for derivatives."""
    who = Entities.of({"sub": "01", "ses": "b", "task": "rest", "run": "1"})
    return write.Target(tmp_path, who, SPACE, ("bids:raw:sub-01/anat/a.nii.gz",))


def check_names(paths: list[Path]) -> None:
    """See that all were written, once, with entities in the order of BIDS, each image with a sidecar."""
    assert len(set(paths)) == len(paths)
    for path in paths:
        assert path.is_file()
        keys = [part.split("-")[0] for part in path.name.split("_")[:-1]]
        assert keys == [key for key in ORDER if key in keys]
    images = [path for path in paths if re.search(r"(bold|mask|boldref)\.nii\.gz$", path.name)]
    assert {path.with_name(path.name.replace(".nii.gz", ".json")) for path in images} <= set(paths)


# ------------------------------------------------------------ BOLD


def bold(rng: np.random.Generator, **metadata: Any) -> write.BoldInTemplate:
    volumes = rng.random((*SHAPE, N_VOLUMES), dtype=np.float32)
    mask = Mask(GRID, rng.random(SHAPE) > 0.3)
    return write.BoldInTemplate(volumes, volumes.mean(axis=3), mask, 2.16, 1.0, metadata)


@pytest.mark.parametrize("corrected", [True, False, None])
def test_bold_comes_back_with_its_times(
    target: write.Target, rng: np.random.Generator, *, corrected: bool | None
) -> None:
    given = bold(rng, TaskName="rest", RepetitionTime=9.0, SliceTiming=[0.0], EchoTime=0.03)
    paths = write.write_bold(target, given, slice_timing_corrected=corrected)
    check_names(paths)
    sidecar = read_json(paths[1])
    assert sidecar["RepetitionTime"] == 2.16
    assert (sidecar["TaskName"], sidecar["EchoTime"]) == ("rest", 0.03)
    assert "SliceTiming" not in sidecar
    assert sidecar.get("SliceTimingCorrected") is corrected
    found = nifti.read_bold(paths[0], sidecar)
    assert np.array_equal(found.volumes, given.volumes)
    assert found.times_s[0] == 1.0
    assert nifti.repetition_time_s(paths[0], {}) == pytest.approx(2.16)
    (mask,) = [path for path in paths if path.name.endswith("mask.nii.gz")]
    assert nifti.read_mask(mask).sha256 == given.mask.sha256


def test_bold_names_its_space_and_what_it_went_through(
    target: write.Target, rng: np.random.Generator
) -> None:
    given = bold(rng)
    through = target.made_from(target.root / "sub-01" / "xfm.txt")
    paths = write.write_bold(through, given, slice_timing_corrected=None)
    assert read_json(paths[1])["Sources"] == [*target.sources, "bids::sub-01/xfm.txt"]
    assert read_json(paths[1])["TaskName"] == "rest"
    assert read_json(paths[1])["SkullStripped"] is False
    inside = given.mask.inside[..., None]
    stripped = replace(given, volumes=given.volumes * inside)
    paths = write.write_bold(target, stripped, slice_timing_corrected=None)
    assert read_json(paths[1])["SkullStripped"] is True

    t1w = replace(target, space=Space("T1w", None), reference="bids::sub-01/anat/t1w.nii.gz")
    paths = write.write_bold(t1w, given, slice_timing_corrected=None)
    check_names(paths)
    assert [path.name for path in paths if path.suffix == ".gz"] == [
        f"{STEM}_space-T1w_{ending}.nii.gz"
        for ending in ("desc-preproc_bold", "boldref", "desc-brain_mask")
    ]
    for path in paths:
        if path.suffix == ".json":
            assert read_json(path)["SpatialReference"] == "bids::sub-01/anat/t1w.nii.gz"

    other = replace(target, space=Space("MNI152Lin", "3"))
    told = read_json(write.write_bold(other, given, slice_timing_corrected=None)[1])
    assert told["SpatialReference"] == "https://github.com/templateflow/tpl-MNI152Lin"
    assert told["Resolution"] == "3 mm isotropic"

    # In its own space the series is alone: its reference and its mask are those of the estimates.
    paths = write.write_bold(target.native, given, slice_timing_corrected=None)
    assert [path.name for path in paths] == [
        f"{STEM}_desc-preproc_bold.nii.gz",
        f"{STEM}_desc-preproc_bold.json",
    ]
    assert read_json(paths[1])["SpatialReference"] == target.sources[0]


@pytest.mark.parametrize(
    ("metadata", "pause_s"),
    [
        ({"SliceTiming": [0.0, 0.5, 0.25, 0.75]}, 1.16),
        ({"SliceTiming": [0.0, 0.36, 0.72, 1.08, 1.44, 1.8]}, None),
        ({"SliceTiming": [0.0, 0.5, 0.0, 0.5]}, 1.16),
        ({"SliceTiming": [0.0, 0.5], "DelayTime": 0.3}, 0.3),
        ({"SliceTiming": [0.0]}, None),
        ({}, None),
    ],
)
def test_the_pause_between_volumes_is_told(
    target: write.Target,
    rng: np.random.Generator,
    metadata: dict[str, Any],
    pause_s: float | None,
) -> None:
    paths = write.write_bold(target, bold(rng, **metadata), slice_timing_corrected=True)
    assert read_json(paths[1]).get("DelayTime") == pause_s


def test_what_was_estimated_from_a_run_is_written(
    target: write.Target, rng: np.random.Generator
) -> None:
    motion = np.tile(np.eye(4), (N_VOLUMES, 1, 1))
    motion[:, :3, 3] = rng.standard_normal((N_VOLUMES, 3))
    to_reference = np.eye(4)
    to_reference[:3, 3] = [1, 2, 3]
    reference = Volume(rng.random(T1W_SHAPE, dtype=np.float32), T1W_GRID)
    mask = Mask(T1W_GRID, reference.data > 0.5)
    fit = RunFit(reference, mask, motion, to_reference, None, 0.0)
    found = write.write_run_fit(target, fit)
    check_names(found.written)
    assert found.motion.name == f"{STEM}_from-orig_to-boldref_mode-image_desc-hmc_xfm.txt"
    assert transforms.read_affines(found.motion) == pytest.approx(motion, abs=1e-9)
    assert transforms.read_affines(found.coregistration)[0] == pytest.approx(to_reference)
    by_name = {path.name.removeprefix(f"{STEM}_"): path for path in found.written}
    assert nifti.read_mask(by_name["desc-brain_mask.nii.gz"]).sha256 == mask.sha256
    assert read_json(by_name["desc-brain_mask.json"])["SpatialReference"] == target.sources[0]
    for desc in ("hmc", "coreg"):
        shown = nifti.read_volume(by_name[f"desc-{desc}_boldref.nii.gz"])
        assert np.array_equal(shown.data, reference.data)
        assert read_json(by_name[f"desc-{desc}_boldref.json"])["SkullStripped"] is False
    told = read_json(found.coregistration.with_suffix(".json"))
    assert told == {"Sources": [f"bids::sub-01/ses-b/func/{STEM}_desc-coreg_boldref.nii.gz"]}
    assert read_json(found.motion.with_suffix(".json")) == {"Sources": list(target.sources)}


def test_confounds_are_a_table(target: write.Target) -> None:
    columns = {"trans_x": np.array([0.0, 0.5]), "dvars": np.array([np.nan, 1.25])}
    given = Confounds(columns, {"trans_x": {"Units": "mm"}})
    table, sidecar = write.write_confounds(target, given)
    check_names([table, sidecar])
    assert tables.read_tsv(table) == {"trans_x": ["0", "0.5"], "dvars": ["n/a", "1.25"]}
    assert read_json(sidecar) == {"trans_x": {"Units": "mm"}, "Sources": list(target.sources)}


# ------------------------------------------------------------ EEG


def test_eeg_comes_back_with_its_clock(target: write.Target, rng: np.random.Generator) -> None:
    volts = (1e-5 * rng.standard_normal((2, 500))).astype(np.float32)
    places = np.full((2, 3), np.nan)
    marks = (Event(0.5, "Response/R128"),)
    given = Recording(volts, 250.0, ("Cz", "Pz"), ("EEG", "EEG"), places, marks, None)
    clock = Clock(3.5, 1.0001, 1e-4, 70, 71, "R128", "recording")
    history = write.EegHistory({}, {"band": {"low_hz": 0.5}}, clock, 71, 2.16, [{"found": False}])
    paths = write.write_eeg(target, given, history)
    check_names(paths)
    assert {path.suffix for path in paths} == {".eeg", ".vhdr", ".vmrk", ".json", ".tsv"}
    (header,) = [path for path in paths if path.suffix == ".vhdr"]
    sidecar = read_json(header.with_suffix(".json"))
    assert Clock(**sidecar["VolumeClock"]) == clock
    assert (sidecar["NumberOfVolumes"], sidecar["VolumeRepetitionTime"]) == (71, 2.16)
    assert sidecar["TaskName"] == "rest"
    assert (sidecar["EEGReference"], sidecar["PowerLineFrequency"]) == ("average", "n/a")
    assert sidecar["SoftwareFilters"] == {"band": {"low_hz": 0.5}}
    assert sidecar["ScannerArtefacts"] == [{"found": False}]
    (table,) = [path for path in paths if path.suffix == ".tsv"]
    assert tables.read_tsv(table)["type"] == ["EEG", "EEG"]
    assert eeg.read(header).volts == pytest.approx(volts, abs=1e-10)


def test_eeg_without_a_clock_says_so(target: write.Target, rng: np.random.Generator) -> None:
    volts = rng.standard_normal((2, 500)).astype(np.float32)
    given = Recording(volts, 250.0, ("Cz", "Pz"), ("EEG", "EEG"), np.full((2, 3), np.nan))
    history = write.EegHistory({"TaskName": "eyes closed"}, {}, None, None, None)
    (sidecar,) = [
        path for path in write.write_eeg(target, given, history) if path.suffix == ".json"
    ]
    found = read_json(sidecar)
    assert (found["VolumeClock"], found["NumberOfVolumes"]) == (None, None)
    assert found["TaskName"] == "eyes closed"


# ------------------------------------------------------------ figures of each run


def test_figures_of_runs_stand_in_the_scans_table(tmp_path: Path) -> None:
    rows = {"func/b.nii.gz": {"r": 0.1}, "func/a.nii.gz": {"r": 0.2, "mse": float("nan")}}
    told = {"r": "correlation", "mse": "error"}
    table, sidecar = write.write_scans(tmp_path, "01", rows, told)
    assert table == tmp_path / "sub-01" / "sub-01_scans.tsv"
    assert tables.read_tsv(table) == {
        "filename": ["func/a.nii.gz", "func/b.nii.gz"],
        "r": ["0.2", "0.1"],
        "mse": ["n/a", "n/a"],
    }
    assert read_json(sidecar)["r"] == {"Description": "correlation"}
    assert write.write_scans(tmp_path, "02", {}, told) == []
    assert not (tmp_path / "sub-02").exists()


# ------------------------------------------------------------ predictions

MODEL = {"Name": "sources", "Origin": "trained here", "Weights": "0123456789abcdef"}


@pytest.fixture
def synthesis(rng: np.random.Generator) -> predictions.Synthesis:
    """Make a prediction for some volumes of a run."""
    mask = Mask(GRID, rng.random(SHAPE) > 0.5)
    change = 0.01 * rng.standard_normal((4, mask.n_voxels)).astype(np.float32)
    return predictions.Synthesis(
        prediction=Prediction(
            "run", "01", change, np.array([2, 3, 4, 6]), N_VOLUMES, "sources", "run"
        ),
        bold=BoldSpec(mask, SPACE.name, SPACE.resolution, 2.0, 0.5, 8.0),
        baseline=rng.uniform(500, 900, mask.n_voxels).astype(np.float32),
        measured=True,
        tr_s=2.16,
        start_time_s=1.0,
        model=dict(MODEL),
        metadata={"TaskName": "eyes closed"},
    )


def test_the_standard_deviation_stands_beside_the_prediction(
    target: write.Target, synthesis: predictions.Synthesis, rng: np.random.Generator
) -> None:
    change = synthesis.prediction.change
    spread = rng.uniform(0.01, 0.02, change.shape).astype(np.float16)
    reliable = np.arange(change.shape[1]) % 3 == 0
    told = replace(synthesis.prediction, spread=spread, reliable=reliable)
    asked = predictions.Uncertainty(written=True, unreliable_blank=True)
    given = replace(synthesis, prediction=told, uncertainty=asked)
    paths = predictions.write_prediction(target, given)
    check_names(paths)
    labels = [re.search(r"desc-(\w+)_", path.name) for path in paths[::2]]
    assert [found and found[1] for found in labels] == [
        "synthwithin", "synthwithinstd", "synthwithinreliable",
    ]  # fmt: skip
    inside = synthesis.bold.mask.inside
    bold, wide = (
        np.asarray(nib.Nifti1Image.from_filename(path).dataobj)[inside] for path in paths[:3:2]
    )
    assert np.allclose(wide[:, [2, 3, 4, 6]].T, spread * synthesis.baseline, rtol=1e-6)
    assert not wide[:, [0, 1, 5]].any()
    assert not bold[~reliable].any()
    assert bold[reliable].all()
    assert read_json(paths[1])["UnreliableVoxelsBlanked"] == (~reliable).sum()
    assert np.array_equal(nifti.read_mask(paths[4]).inside[inside], reliable)
    assert "errors in people (or runs) left out" in read_json(paths[3])["Description"]


def test_nothing_more_is_written_of_a_model_that_tells_no_spread(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    asked = predictions.Uncertainty(written=True, unreliable_blank=True)
    paths = predictions.write_prediction(target, replace(synthesis, uncertainty=asked))
    assert len(paths) == 2
    assert "UnreliableVoxelsBlanked" not in read_json(paths[1])


def test_a_prediction_is_baseline_times_change(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    path, sidecar = predictions.write_prediction(target, synthesis)
    check_names([path, sidecar])
    assert path == predictions.path_of(target, synthesis.prediction)
    assert "_desc-synthwithin_bold" in path.name
    found = nifti.read_bold(path, read_json(sidecar)).volumes
    inside = synthesis.bold.mask.inside
    assert found.shape == (*SHAPE, N_VOLUMES)
    assert (found[~inside] == 0).all()
    for volume in (0, 1, 5):
        assert found[inside][:, volume] == pytest.approx(synthesis.baseline)
    for row, volume in enumerate((2, 3, 4, 6)):
        expected = synthesis.baseline * (1 + synthesis.prediction.change[row])
        assert found[inside][:, volume] == pytest.approx(expected, rel=1e-6)


def test_a_prediction_says_what_it_is(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    told = read_json(predictions.write_prediction(target, synthesis)[1])
    assert told["Synthetic"] is True
    assert told["NotForDiagnosis"] is True
    assert told["Model"] == MODEL
    assert told["VolumesWithoutPrediction"] == [0, 1, 5]
    assert (told["RepetitionTime"], told["StartTime"]) == (2.16, 1.0)
    assert (told["Split"], told["Baseline"]) == ("run", "measured")
    assert told["MaskSha256"] == synthesis.bold.mask.sha256
    assert told["TaskName"] == "eyes closed"
    assert told["Description"] == (
        "BOLD synthesized from EEG by a model trained on other runs of this person"
    )
    given = replace(synthesis, measured=False, metadata={})
    told = read_json(predictions.write_prediction(target, given)[1])
    assert (told["Baseline"], told["TaskName"]) == ("training", "rest")


def test_what_another_model_wrote_is_kept(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    path, sidecar = predictions.write_prediction(target, synthesis)
    before = path.read_bytes()
    other = replace(synthesis, model=MODEL | {"Origin": "bundle"}, baseline=2 * synthesis.baseline)
    told = re.escape(
        f"{sidecar}: was made by sources (trained here, weights 01234567); it is kept"
    )
    with pytest.raises(CannotCreateError, match=told) as caught:
        predictions.write_prediction(target, other)
    assert "use --overwrite" in caught.value.hint
    assert path.read_bytes() == before
    predictions.write_prediction(target, other, overwrite=True)
    assert path.read_bytes() != before


def test_another_bundle_is_another_model(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    bundle = MODEL | {"Origin": "bundle"}
    given = replace(synthesis, model=bundle)
    predictions.write_prediction(target, given)
    predictions.write_prediction(target, given)
    other = replace(synthesis, model=bundle | {"Weights": "fedcba9876543210"})
    with pytest.raises(
        CannotCreateError, match=r"sources \(bundle, weights 01234567\); it is kept"
    ):
        predictions.write_prediction(target, other)


def test_a_model_that_was_trained_again_replaces_its_own(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    predictions.write_prediction(target, synthesis)
    again = replace(synthesis, model=MODEL | {"Weights": "fedcba9876543210"})
    sidecar = predictions.write_prediction(target, again)[1]
    assert read_json(sidecar)["Model"]["Weights"] == "fedcba9876543210"


def test_half_a_sidecar_is_replaced(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    sidecar = predictions.write_prediction(target, synthesis)[1]
    sidecar.write_text("{")
    predictions.write_prediction(target, synthesis)
    assert read_json(sidecar)["Model"] == MODEL


def test_a_sidecar_without_a_model_is_kept(
    target: write.Target, synthesis: predictions.Synthesis
) -> None:
    sidecar = predictions.write_prediction(target, synthesis)[1]
    sidecar.write_text('{"Model": "by hand"}')
    with pytest.raises(CannotCreateError, match=r"was made by None \(None, weights None\)"):
        predictions.write_prediction(target, synthesis)
