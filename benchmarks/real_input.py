"""Real images and real EEG that have nothing to do with each other: the scores must lie at chance.

Makes a BIDS dataset of a real BOLD run and T1w of one person and the real EEG of another, with one marker a volume,
runs the participant level on it (one run: contiguous blocks with a purge gap) and prints scores and tests.

    python benchmarks/real_input.py FOLDER_WITH_DATA [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.signal import resample_poly

from bids_app.files import eeg
from bids_app.files.sidecar import read_json, write_json
from bids_app.files.tables import write_tsv
from bids_app.values.recording import Event, Recording

TRUE_TR_S = 2.0  # the header and the JSON say 1.79
RATE_HZ = 1000
STEM = "sub-01_task-movie"


def main() -> None:
    """Make the dataset, run the app, print what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="holds studyforrest_bold_t1/ and eeglab_sample/")
    parser.add_argument("--keep", type=Path, help="keep dataset and output here")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        dataset, out = folder / "bids", folder / "out"
        recording = _recording(asked.data / "eeglab_sample" / "eeglab_data.set")
        n_volumes = _images(asked.data / "studyforrest_bold_t1", dataset, recording.duration_s)
        _eeg(dataset, recording, n_volumes)
        start = time.perf_counter()
        command = [sys.executable, "-m", "bids_app", str(dataset), str(out), "participant"]
        code = subprocess.run(command, check=False).returncode
        print(
            f"participant: exit code {code}, {time.perf_counter() - start:.0f} s, {n_volumes} volumes"
        )
        _report(out)


def _recording(path: Path) -> Recording:
    """Real EEG, resampled to the rate of an EEG-fMRI amplifier."""
    found = eeg.read(path)
    ratio = RATE_HZ / found.rate_hz
    up, down = (125, 16) if ratio == 125 / 16 else (RATE_HZ, round(found.rate_hz))
    volts = resample_poly(found.volts.astype(np.float64), up, down, axis=1).astype(np.float32)
    return replace(found, volts=volts, rate_hz=float(RATE_HZ), events=(), line_hz=None)


def _images(source: Path, dataset: Path, eeg_s: float) -> int:
    """Copy the T1w, and cut the BOLD to the length of the EEG; gives the number of volumes."""
    for kind in ("anat", "func", "eeg"):
        (dataset / "sub-01" / kind).mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "t1.nii.gz", dataset / "sub-01/anat/sub-01_T1w.nii.gz")
    write_json(dataset / "sub-01/anat/sub-01_T1w.json", read_json(source / "t1.json"))
    image = nib.load(source / "func.nii.gz")
    n_volumes = min(image.shape[3], int(eeg_s // TRUE_TR_S))
    # slicer would re-encode the data; the voxels as stored are kept, with the true repetition time
    stored = nib.Nifti1Image(
        np.asarray(image.dataobj)[..., :n_volumes], image.affine, image.header
    )
    stored.header.set_zooms((*image.header.get_zooms()[:3], TRUE_TR_S))
    stored.header.set_xyzt_units("mm", "sec")
    nib.save(stored, dataset / f"sub-01/func/{STEM}_bold.nii.gz")
    about = {
        key: value for key, value in read_json(source / "func.json").items() if "Slice" not in key
    }
    write_json(
        dataset / f"sub-01/func/{STEM}_bold.json",
        about | {"RepetitionTime": TRUE_TR_S, "TaskName": "movie"},
    )
    write_json(
        dataset / "dataset_description.json",
        {
            "Name": "BOLD of one person, EEG of another",
            "BIDSVersion": "1.10.0",
            "DatasetType": "raw",
            "License": "PDDL",
        },
    )
    (dataset / "README").write_text(
        "These two people were never measured together: nothing can be predicted.\n"
    )
    write_tsv(dataset / "participants.tsv", {"participant_id": ["sub-01"]})
    return n_volumes


def _eeg(dataset: Path, recording: Recording, n_volumes: int) -> None:
    markers = tuple(Event(volume * TRUE_TR_S, "Response/R128") for volume in range(n_volumes))
    eeg.write_brainvision(
        dataset / f"sub-01/eeg/{STEM}_eeg.vhdr", replace(recording, events=markers)
    )
    write_json(
        dataset / f"sub-01/eeg/{STEM}_eeg.json",
        {
            "TaskName": "movie",
            "SamplingFrequency": RATE_HZ,
            "EEGReference": "n/a",
            "PowerLineFrequency": 60,
            "SoftwareFilters": "n/a",
        },
    )
    write_tsv(
        dataset / f"sub-01/eeg/{STEM}_channels.tsv",
        {"name": recording.names, "type": recording.kinds, "units": ["µV"] * len(recording.names)},
    )


def _report(out: Path) -> None:
    record = read_json(out / "sub-01" / "log" / "record.json")
    for row in record["scores"]:
        if row["on"] == "sub-01" and row["name"] in {"r", "r_parcel_max", "skill"}:
            print(
                f"{row['row']:18}{row['name']:14}{row['value'] if row['value'] is not None else 'n/a'}"
            )
    for test in record.get("tests", []):
        print(
            f"{test['statistic']}: {test['value']:.3f}, p = {test['p']:.3f} over {test['n_shifts']} {test['against']}"
        )
    print(f"report: {out / 'sub-01.html'}")


if __name__ == "__main__":
    main()
