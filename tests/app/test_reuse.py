"""Applying a trained bundle, EEG alone, EEG of a part of the scan, and going on after an interruption."""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.files import eeg, nifti
from bids_app.files.sidecar import read_json
from tests.app.conftest import QUICK, ROOT, Place, app, assert_valid
from tests.browser import assert_draws

pytestmark = pytest.mark.app

RUN = "task-oddball_run-1"
SPACE = "space-MNI152NLin2009aSym_res-3"
LONGEST_WAIT_S = 400


def only_eeg(finished: Place, folder: Path, label: str) -> Place:
    """Make a dataset that holds nothing but one participant's EEG."""
    place = Place(folder / "bids", folder / "out")
    place.bids.mkdir(parents=True)
    shutil.copy(finished.bids / "dataset_description.json", place.bids)
    shutil.copytree(finished.bids / "sub-01/eeg", place.bids / f"sub-{label}/eeg")
    for path in sorted((place.bids / f"sub-{label}/eeg").iterdir()):
        renamed = path.with_name(path.name.replace("sub-01", f"sub-{label}"))
        if path.suffix in {".vhdr", ".vmrk"}:
            path.write_text(
                path.read_text(encoding="utf-8").replace("sub-01", f"sub-{label}"),
                encoding="utf-8",
            )
        path.rename(renamed)
    return place


def test_a_participant_with_eeg_only_gets_bold_from_a_bundle(
    finished: Place, tmp_path: Path
) -> None:
    place = only_eeg(finished, tmp_path, "09")
    bundle = finished.out / "models" / "sources"
    # The same recording under another name: the bundle knows it by its content.
    ended = app(place.bids, place.out, "participant", "--model", bundle, *QUICK)
    assert ended.code == 0, ended.said
    stem = place.out / f"sub-09/func/sub-09_{RUN}_{SPACE}_desc-synthinsample_bold"
    about = read_json(stem.with_name(stem.name + ".json"))
    series = nifti.read_bold(stem.with_name(stem.name + ".nii.gz"), about)
    assert about["Baseline"] == "training"
    assert series.n_volumes == 50
    assert series.tr_s == 2
    assert about["VolumesWithoutPrediction"] == list(range(15))
    assert_draws(tmp_path, place.out / "sub-09.html")


def test_digitised_electrodes_stand_in_for_names(finished: Place, tmp_path: Path) -> None:
    place = only_eeg(finished, tmp_path, "09")
    folder = place.bids / "sub-09/eeg"
    for path in folder.iterdir():
        if path.suffix == ".vhdr":
            recording = eeg.read(path)
            unnamed = tuple(name if name == "ECG" else f"{name}x" for name in recording.names)
            eeg.write_brainvision(path, replace(recording, names=unnamed))
        elif path.name.endswith(("channels.tsv", "electrodes.tsv")):
            head, *rows = path.read_text(encoding="utf-8").splitlines()
            renamed = [
                row if row.startswith("ECG\t") else row.replace("\t", "x\t", 1) for row in rows
            ]
            path.write_text("\n".join([head, *renamed, ""]), encoding="utf-8")
    bundle = finished.out / "models" / "sources"
    call = ("participant", "--model", bundle, "--run", "1", *QUICK)
    ended = app(place.bids, place.out, *call)
    assert ended.code == 0, ended.said
    named = only_eeg(finished, tmp_path / "named", "09")
    assert app(named.bids, named.out, *call).code == 0
    ours, theirs = (
        nifti.read_bold(next(out.glob("sub-09/func/*_bold.nii.gz")), {"RepetitionTime": 2.0})
        for out in (place.out, named.out)
    )
    # Electrodes are a few millimetres from where caps have them.
    change = [one.volumes - one.volumes.mean(axis=3, keepdims=True) for one in (ours, theirs)]
    assert np.corrcoef(change[0].ravel(), change[1].ravel())[0, 1] > 0.95
    assert_valid(place.out)


def test_another_persons_eeg_is_predicted_as_never_seen(finished: Place, tmp_path: Path) -> None:
    place = only_eeg(finished, tmp_path, "09")
    path = place.bids / f"sub-09/eeg/sub-09_{RUN}_eeg.vhdr"
    recording = eeg.read(path)
    rng = np.random.default_rng(0)
    noisy = recording.volts + rng.normal(0, 1e-6, recording.volts.shape).astype(np.float32)
    eeg.write_brainvision(path, replace(recording, volts=noisy))
    bundle = finished.out / "models" / "sources"
    where = ("--run", "1", "--n-volumes", "44")
    ended = app(place.bids, place.out, "participant", "--model", bundle, *where, *QUICK)
    assert ended.code == 0, ended.said
    stem = f"sub-09_{RUN}_{SPACE}_desc-synth_bold"
    about = read_json(place.out / f"sub-09/func/{stem}.json")
    assert nifti.series_shape(place.out / f"sub-09/func/{stem}.nii.gz")[3] == 44
    assert about["Model"]["Origin"] == "bundle"
    assert read_json(place.out / "sub-09/log/record.json")["scores"] == []
    assert_valid(place.out)


def test_a_bundle_on_its_own_training_data_is_told_apart_and_not_scored(copied: Place) -> None:
    bundle = copied.out / "models" / "sources"
    who = ("--participant_label", "01")
    ended = app(copied.bids, copied.out, "participant", *who, "--model", bundle, *QUICK)
    assert ended.code == 0, ended.said
    assert (
        copied.out / f"sub-01/func/sub-01_{RUN}_{SPACE}_desc-synthinsample_bold.nii.gz"
    ).is_file()
    record = read_json(copied.out / "sub-01/log/record.json")
    assert record["scores"] == []
    assert any("trained on this person" in note for note in record["notes"])


def test_a_prediction_of_another_bundle_is_kept_without_overwrite(
    finished: Place, tmp_path: Path
) -> None:
    place = only_eeg(finished, tmp_path, "09")
    bundle = tmp_path / "sources"
    shutil.copytree(finished.out / "models" / "sources", bundle)
    common = (place.bids, place.out, "participant", "--run", "1", "--model", bundle, *QUICK)
    assert app(*common).code == 0
    about = place.out / f"sub-09/func/sub-09_{RUN}_{SPACE}_desc-synthinsample_bold.json"
    text = about.read_text(encoding="utf-8")
    weights = read_json(about)["Model"]["Weights"]
    about.write_text(text.replace(weights, "0" * 64), encoding="utf-8")
    refused = app(*common)
    assert refused.code == 1
    assert "weights 00000000); it is kept" in refused.said
    assert app(*common, "--overwrite").code == 0
    assert read_json(about)["Model"]["Weights"] == weights


def test_eeg_of_a_part_of_the_scan_leaves_volumes_out_and_counts_them(copied: Place) -> None:
    path = copied.bids / f"sub-01/eeg/sub-01_{RUN}_eeg.vhdr"
    recording = eeg.read(path)
    offset_s = next(event.onset_s for event in recording.events if event.label.endswith("R128"))
    kept = round((offset_s + 81.0) * recording.rate_hz)  # ends inside volume 40
    markers = tuple(
        event for event in recording.events if event.onset_s * recording.rate_hz < kept
    )
    eeg.write_brainvision(
        path, replace(recording, volts=recording.volts[:, :kept], events=markers)
    )
    ended = app(copied.bids, copied.out, "participant", "--participant_label", "01", *QUICK)
    assert ended.code == 0, ended.said
    about = read_json(copied.out / f"sub-01/func/sub-01_{RUN}_{SPACE}_desc-synthwithin_bold.json")
    start_time_s = about["StartTime"]
    last = int((81.0 - start_time_s) // 2)
    assert about["VolumesWithoutPrediction"] == [*range(15), *range(last + 1, 50)]
    row = read_json(copied.out / "sub-01/log/record.json")["pairings"][0]
    assert row["volumes_without_prediction"] == 15 + 49 - last
    assert (row["clock"]["n_found"], row["clock"]["n_expected"]) == (41, 50)


def test_killed_and_started_again_gives_the_outputs_of_an_undisturbed_run(
    finished: Place, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words: list[str | Path] = [
        finished.bids,
        out,
        "participant",
        "--participant_label",
        "01",
        *QUICK,
    ]
    words += ["--n-procs", "1"]  # as many threads as each participant had in the undisturbed run
    started = subprocess.Popen([sys.executable, "-m", "bids_app", *map(str, words)], cwd=ROOT)
    first = out / f"sub-01/func/sub-01_{RUN}_{SPACE}_desc-preproc_bold.nii.gz"
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not first.exists() and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    started.send_signal(signal.SIGKILL)
    started.wait()
    assert first.exists()
    assert not list(out.glob("sub-01/eeg/*.vhdr"))
    ended = app(*words)
    assert ended.code == 0, ended.said
    assert _contents(out / "sub-01") == _contents(finished.out / "sub-01")


def test_a_call_with_nothing_to_do_ends_at_once(finished: Place) -> None:
    before = _contents(finished.out)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = app(finished.bids, finished.out, "participant", *QUICK[:-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.code == 0, ended.said
    assert ended.said.count("done before, and nothing has changed") == 2
    assert after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime < 5
    assert _contents(finished.out) == before


def _contents(folder: Path) -> dict[str, bytes]:
    """Images, tables and recordings, but for those of the group level."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in {".gz", ".tsv", ".eeg", ".vhdr", ".vmrk", ".txt"}
        and "desc-synth_" not in path.name
        and "scans" not in path.name
        and not path.name.startswith(".")
    }
