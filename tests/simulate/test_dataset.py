"""A whole small dataset: valid, repeatable, and true to its truth."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bids_app.errors import CannotCreateError, MissingInputError
from bids_app.files import eeg, nifti, sidecar, tables
from bids_app.simulate import truth
from bids_app.simulate.dataset import simulate
from bids_app.simulate.settings import SimulationSettings, with_coupling
from bids_app.simulate.space import displacement
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Mask, apply_affine

RUN = "sub-02_task-oddball_run-1"


def measured(dataset: Path, run: str) -> BoldSeries:
    path = dataset / run.split("_", maxsplit=1)[0] / "func" / f"{run}_bold.nii.gz"
    return nifti.read_bold(path, sidecar.inherited(dataset, path))


def in_template(dataset: Path, run: str, series: BoldSeries, mask: Mask) -> Floats:
    """Pull a run into the template through the true transforms: rows of shape (time, voxel)."""
    person = truth.read_anatomy_truth(dataset, run.split("_", maxsplit=1)[0].removeprefix("sub-"))
    told = truth.read_run_truth(dataset, run)
    points = mask.points_mm()
    on_t1w = apply_affine(person.template_to_t1w, points + displacement(person.warp, points))
    reference = apply_affine(told.t1w_to_reference, on_t1w)
    rows = []
    for time, pose in enumerate(told.motion):
        voxels = series.grid.voxels(apply_affine(pose, reference)).T
        rows.append(ndimage.map_coordinates(series.volumes[..., time], voxels, order=1))
    return np.stack(rows)


def cores(dataset: Path, run: str) -> list[Mask]:
    """The inner voxels of each network."""
    maps = truth.read_run_truth(dataset, run).maps
    return [Mask(truth.TRUTH_GRID, one > 0.85) for one in np.moveaxis(maps, -1, 0)]


@pytest.mark.slow
def test_the_dataset_is_valid_bids(dataset: Path) -> None:
    validator = shutil.which("bids-validator-deno") or shutil.which(
        "bids-validator-deno", path=str(Path(__import__("sys").executable).parent)
    )
    assert validator, "the test extra brings bids-validator-deno"
    done = subprocess.run(
        [validator, str(dataset), "--format", "json"], capture_output=True, text=True, check=False
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert done.returncode == 0


def test_true_transforms_and_network_bold_explain_the_measured_bold(dataset: Path) -> None:
    told = truth.read_run_truth(dataset, RUN)
    series = measured(dataset, RUN)
    for index, core in enumerate(cores(dataset, RUN)):
        rows = in_template(dataset, RUN, series, core)
        course = (rows / rows.mean(axis=0) - 1).mean(axis=1)
        expected = told.noise_free_rows(core).mean(axis=1)
        found = np.corrcoef(course, expected)[0, 1]
        assert found > 0.7, told.networks[index]
        # Voxels of 8 mm mix the network with what lies around it.
        assert 0.35 < np.polyfit(expected, course, 1)[0] < 1.3


def test_noise_free_bold_moves_and_pulses_as_told(dataset: Path) -> None:
    path = dataset / truth.FOLDER / "sub-02" / f"{RUN}_desc-noisefree_bold.nii.gz"
    series = nifti.read_bold(path, {"RepetitionTime": 2.0})
    told = truth.read_run_truth(dataset, RUN)
    for core in cores(dataset, RUN):
        rows = in_template(dataset, RUN, series, core)
        course = (rows / rows.mean(axis=0) - 1).mean(axis=1)
        assert np.corrcoef(course, told.noise_free_rows(core).mean(axis=1))[0, 1] > 0.9


def test_tissue_truth_lies_where_the_anatomy_shows_it(dataset: Path) -> None:
    person = truth.read_anatomy_truth(dataset, "01")
    t1w = nifti.read_volume(dataset / "sub-01" / "anat" / "sub-01_T1w.nii.gz")
    assert t1w.grid.matches(person.t1w_grid)
    white, grey, fluid = (
        t1w.data[person.tissues[name] > 0.95].mean() for name in ("WM", "GM", "CSF")
    )
    assert white > 1.2 * grey > 1.2 * 1.5 * fluid


def test_markers_events_and_clock_agree(dataset: Path, settings: SimulationSettings) -> None:
    told = truth.read_run_truth(dataset, RUN)
    stem = dataset / "sub-02" / "eeg" / RUN
    recording = eeg.read(Path(f"{stem}_eeg.vhdr"), tables.read_tsv(Path(f"{stem}_channels.tsv")))
    volumes = [event.onset_s for event in recording.events if event.label == "Response/R128"]
    assert len(volumes) == 40
    assert np.allclose(volumes, told.offset_s + np.arange(40) * settings.tr_s, atol=0.002)
    events = tables.read_tsv(Path(f"{stem}_events.tsv"))
    in_table = [
        float(t)
        for t, kind in zip(events["onset"], events["trial_type"], strict=True)
        if kind == "volume"
    ]
    assert np.allclose(in_table, volumes, atol=0.002)
    shown = tables.read_tsv(dataset / "sub-02" / "func" / f"{RUN}_events.tsv")
    in_eeg = [
        float(t)
        for t, kind in zip(events["onset"], events["trial_type"], strict=True)
        if kind != "volume"
    ]
    assert np.allclose(
        np.array(in_eeg) - told.offset_s, [float(t) for t in shown["onset"]], atol=0.002
    )
    assert recording.kinds.count("EEG") == 34
    assert recording.kinds[-1] == "ECG"


def test_clean_eeg_is_the_recording_without_amplifier_noise(dataset: Path) -> None:
    recorded = eeg.read(dataset / "sub-02" / "eeg" / f"{RUN}_eeg.vhdr")
    clean = eeg.read(dataset / truth.FOLDER / "sub-02" / f"{RUN}_desc-clean_eeg.vhdr")
    difference = recorded.volts[:34] - clean.volts
    assert clean.volts.std() == pytest.approx(14e-6, rel=0.25)
    assert difference.std() == pytest.approx(0.05e-6 * np.sqrt(125), rel=0.05)


def test_the_oracle_on_disk_predicts_the_bold(dataset: Path) -> None:
    both = [
        truth.read_run_truth(dataset, f"sub-{label}_task-oddball_run-1") for label in ("01", "02")
    ]
    found = [np.corrcoef(run.oracle.T, run.bold.T)[:4, 4:].diagonal() for run in both]
    assert 0.75 < np.mean(found) < 0.995
    assert [network.name for network in both[0].networks] == ["theta", "alpha", "beta", "gamma"]


def test_truth_rows_are_the_maps_times_the_network_bold(dataset: Path) -> None:
    told = truth.read_run_truth(dataset, RUN)
    inside = told.maps.max(axis=-1) > 0.3
    mask = Mask(truth.TRUTH_GRID, inside)
    expected = told.maps[inside] @ told.bold.T
    assert np.allclose(told.noise_free_rows(mask), expected.T, atol=1e-6)
    assert np.allclose(truth.noise_free_rows(dataset, RUN, mask), expected.T, atol=1e-6)
    assert np.allclose(
        truth.oracle_volumes(dataset, RUN, mask), told.oracle @ told.maps[inside].T, atol=1e-6
    )
    assert np.array_equal(
        told.coupled(mask), (told.maps[inside] >= truth.COUPLED_WEIGHT).any(axis=1)
    )
    assert 0.1 < told.coupled(mask).mean() < 1


def test_a_run_without_truth_is_named(dataset: Path) -> None:
    with pytest.raises(MissingInputError, match=r"run-9_latents\.tsv"):
        truth.read_run_truth(dataset, "sub-01_task-oddball_run-9")


def test_an_occupied_folder_is_refused(dataset: Path, settings: SimulationSettings) -> None:
    with pytest.raises(
        CannotCreateError, match=rf"{dataset.name}: exists already; expected a folder"
    ):
        simulate(settings, dataset)


def hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_a_person_is_the_same_in_every_dataset_of_a_seed_and_uncoupling_changes_the_bold_alone(
    dataset: Path, settings: SimulationSettings, tmp_path: Path
) -> None:
    alone = with_coupling(replace(settings, n_participants=1), 0.0)
    other = hashes(simulate(alone, tmp_path / "other") / "sub-01")
    first = hashes(dataset / "sub-01")
    assert first.keys() == other.keys()
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"func/sub-01_task-oddball_run-1_bold.nii.gz"}
    told = truth.read_run_truth(tmp_path / "other", "sub-01_task-oddball_run-1")
    assert told.bold.std() > 0.005
