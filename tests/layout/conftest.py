"""Public datasets rebuilt from the lists of their files: side files as they are, stand-ins for what is binary."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.io import savemat

FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
EXPECTED = Path(__file__).parent / "expected"

Rebuild = Callable[[str], Path]
XP_SCAN_LEAD_S = 5.0
VHDR = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile={stem}{suffix}
MarkerFile={stem}.vmrk
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=2
SamplingInterval={microseconds}
[Binary Infos]
BinaryFormat={kind}
[Channel Infos]
Ch1=Fp1,,0.5,µV
Ch2=ECG,,0.5,µV
"""


def image(path: Path, n_volumes: int) -> None:
    """Write a small image in place of a large one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (2, 3, 4, n_volumes) if n_volumes else (2, 3, 4)
    nib.Nifti1Image(np.zeros(shape, dtype=np.int8), np.eye(4)).to_filename(path)


def brainvision(
    path: Path, rate_hz: float, duration_s: float, markers: dict[str, list[float]]
) -> None:
    """Write a header with markers, and samples that take no room on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_raw = rate_hz > 1000
    told = {
        "stem": path.stem,
        "suffix": ".eeg" if is_raw else ".dat",
        "microseconds": round(1e6 / rate_hz),
        "kind": "INT_16" if is_raw else "IEEE_FLOAT_32",
    }
    path.write_text(VHDR.format(**told), "utf-8")
    sparse(
        path.with_suffix(str(told["suffix"])), round(duration_s * rate_hz) * (4 if is_raw else 8)
    )
    marks = sorted((time, name) for name, times in markers.items() for time in times)
    lines = [
        f"Mk{index}={name},{round(time * rate_hz) + 1},1,0"
        for index, (time, name) in enumerate(marks, start=1)
    ]
    path.with_suffix(".vmrk").write_text("[Marker Infos]\n" + "\n".join(lines) + "\n", "utf-8")


def sparse(path: Path, n_bytes: int) -> None:
    """Make a file of zeros that takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as opened:
        opened.truncate(n_bytes)


def paths_of(name: str) -> list[str]:
    """Files of a dataset, as its ``tree.txt`` lists them."""
    lines = (FIXTURES / name / "tree.txt").read_text("utf-8").splitlines()
    return [line.split("\t")[2] for line in lines if line and not line.startswith("#")]


@pytest.fixture
def rebuilt(tmp_path: Path) -> Rebuild:
    """Give a function that rebuilds a dataset by name."""

    def rebuild(name: str) -> Path:
        if not FIXTURES.is_dir():
            pytest.skip("the lists of files of public datasets are not here")
        root = tmp_path / name
        shutil.copytree(FIXTURES / name / "files", root)
        for file in paths_of(name):
            if not (root / file).exists():
                STAND_INS[name](root / file)
        return root

    return rebuild


def noddi(path: Path) -> None:
    if path.suffix in {".dat", ".eeg"}:
        header = path.with_suffix(".vhdr").read_text("utf-8", errors="replace")
        told = dict(line.split("=", 1) for line in header.splitlines() if "=" in line[:25])
        width = 64 * (4 if path.suffix == ".dat" else 2)
        sparse(path, int(told.get("DataPoints", 4_000_000)) * width)
    elif path.name.endswith((".nii.gz",)):
        image(path, 300 if "_bold" in path.name else 0)


def ds000116(path: Path) -> None:
    if path.name.endswith(".nii.gz"):
        image(path, 170 if "_bold" in path.name else 0)


def ds002725(path: Path) -> None:
    if path.name.endswith("_bold.nii.gz"):
        events = path.with_name(path.name.replace("_bold.nii.gz", "_events.tsv"))
        rows = events.read_text("utf-8").splitlines() if events.exists() else []
        image(path, sum(row.endswith("\t10") for row in rows) or 2)
    elif path.name.endswith("_T1w.nii.gz"):
        image(path, 0)
    elif path.suffix == ".edf":
        edf(path)


def edf(path: Path) -> None:
    """Write the header of a recording of two channels at 1000 Hz, 2000 s long, over empty samples."""
    n_records, n_channels = 2000, 2
    fields = [
        ("0", 8), ("X X X X", 80), ("Startdate X X X X", 80), ("01.01.00", 8), ("00.00.00", 8),
        (str(256 * (n_channels + 1)), 8), ("", 44), (str(n_records), 8), ("1", 8), (str(n_channels), 4),
    ]  # fmt: skip
    columns: list[tuple[tuple[str, str], int]] = [
        (("FP1", "ECG"), 16), (("", ""), 80), (("uV", "uV"), 8), (("-3276", "-3276"), 8), (("3276", "3276"), 8),
        (("-32767", "-32767"), 8), (("32767", "32767"), 8), (("", ""), 80), (("1000", "1000"), 8), (("", ""), 32),
    ]  # fmt: skip
    for values, width in columns:
        fields += [(value, width) for value in values]
    header = "".join(value.ljust(width) for value, width in fields).encode("ascii")
    sparse(path, len(header) + n_records * n_channels * 1000 * 2)
    with path.open("r+b") as opened:
        opened.write(header)


def xp(path: Path) -> None:
    """Stand in for a file of XP1 or XP2, whose markers are those that its description tells."""
    name, is_second = path.name, "xp2" in path.name
    tr_s = 1.0 if is_second else 2.0
    task = name.split("task-")[-1].split("_")[0]
    protocol_s = {"MIpre": 200, "MIpost": 200, "motorloc": 320}.get(task, 400)
    protocol_s = 320 if is_second else protocol_s
    n_volumes = round((protocol_s + 20) / tr_s)
    if name.endswith("_bold.nii.gz"):
        image(path, n_volumes)
    elif name.endswith("_T1w.nii.gz"):
        image(path, 0)
    elif name.endswith(".vhdr"):
        is_cut = "eeg_pp" in name and task != "motorloc" and "xp203_task-1dNF_run-01" not in name
        skipped_s = XP_SCAN_LEAD_S + 2.0 if is_cut else 0.0
        late_s = 40.0 if "xp203_task-MIpre" in name else 0.0
        end_s = XP_SCAN_LEAD_S + 2.0 + protocol_s
        times: dict[str, list[float]] = {
            "Response,R128": [XP_SCAN_LEAD_S + tr_s * volume for volume in range(n_volumes)],
            "Stimulus,S 99": [
                XP_SCAN_LEAD_S + 2.0 + at for at in np.arange(late_s, protocol_s, 40)
            ],
            "Stimulus,S  2": [XP_SCAN_LEAD_S + 22.0 + at for at in np.arange(0, protocol_s, 40)],
            "Pulse Artifact,R": [float(at) for at in np.arange(0.5, end_s, 0.93)],
        }
        start_s, stop_s = (skipped_s + late_s, end_s) if is_cut else (0.0, end_s + 60)
        heard = {
            label: [float(at - start_s) for at in found if start_s <= at < stop_s]
            for label, found in times.items()
        }
        rate_hz = 200.0 if "eeg_pp" in name else 5000.0
        brainvision(path, rate_hz, stop_s - start_s, heard)


STAND_INS: dict[str, Callable[[Path], None]] = {
    "eeg_rest_fmri_NODDI": noddi,
    "ds000116": ds000116,
    "ds002725": ds002725,
    "ds002336": xp,
}


@pytest.fixture
def openfmri(tmp_path: Path) -> Path:
    """Make the second tree of ds000116, as its users describe it."""
    root = tmp_path / "openfmri"
    block = {
        "EEG_raw": ("data", 49),
        "EEG_noGA": ("data_noGA", 49),
        "EEG_rereferenced": ("data_reref", 37),
    }
    made: dict[str, bytes] = {}
    for name, (variable, n_rows) in block.items():
        savemat(tmp_path / "one.mat", {variable: np.zeros((n_rows, 400), dtype=np.int8)})
        made[name] = (tmp_path / "one.mat").read_bytes()
    for person in range(1, 18):
        for task in (1, 2):
            for run in (1, 2, 3):
                folder = root / f"sub{person:03d}" / "EEG" / f"task{task:03d}_run{run:03d}"
                folder.mkdir(parents=True)
                for name, content in made.items():
                    (folder / f"{name}.mat").write_bytes(content)
    return root


@pytest.fixture
def ds002338(tmp_path: Path) -> Path:
    """Make the participants of XP2 that its description names, with what it says of them."""
    root = tmp_path / "ds002338"
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "XP2", "BIDSVersion": "1.2.0"}')
    for task in ("MIpre", "1dNF", "2dNF"):
        (root / f"task-{task}_bold.json").write_text('{"RepetitionTime": 1.0}')
    runs = {
        "xp203": ("MIpre", "1dNF_run-01"),
        "xp210": ("MIpre", "2dNF_run-03"),
        "xp219": ("1dNF_run-01", "1dNF_run-03"),
        "xp220": ("1dNF_run-04",),
    }
    for label, tasks in runs.items():
        for task in tasks:
            stem = f"sub-{label}_task-{task}"
            xp(root / f"sub-{label}/func/{stem}_bold.nii.gz")
            if label != "xp220":
                xp(root / f"sub-{label}/eeg/{stem}_eeg.vhdr")
                xp(root / f"derivatives/sub-{label}/eeg_pp/d_{stem}_eeg_pp.vhdr")
    xp(root / "derivatives/sub-xp220/eeg_pp/d_sub-xp220_NF4_eeg_pp.vhdr")
    (root / "sub-xp219/func/sub-xp219_task-1dNF_run-03_bold.nii.gz").unlink()
    for file in root.glob("derivatives/sub-xp210/eeg_pp/*MIpre*"):
        file.unlink()
    pointers = ("eeg/sub-xp210_task-MIpre_eeg.vhdr", "func/sub-xp210_task-2dNF_run-03_bold.nii.gz")
    for file_name in pointers:
        (root / "sub-xp210" / file_name).write_text("/annex/objects/MD5E-s11673--0.vhdr\n")
    return root
