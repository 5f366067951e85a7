"""Time and memory of ``--preproc-only``: a participant, a long multiband run, and a fine T1w image.

``python benchmarks/memory.py BIDS_DIR`` takes a dataset of ``eeg2fmri-simulate``; without it, one is simulated. EEG is
left out. The long run is the first one played forwards and backwards, the fine image an interpolated one. Memory is
that of all processes, shared parts counted once, looked at four times a second.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.processing import resample_to_output

LOOK_S = 0.25
CASES = ("participant", "long", "fine")


def processes(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from processes(int(child))


def held_mb(pid: int) -> float:
    """Memory that a process and all below it hold, in megabytes."""
    total_kb = 0
    for one in processes(pid):
        with suppress(OSError):
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                total_kb += int(line.split()[1]) if line.startswith("Pss:") else 0
    return total_kb / 1000


def measure(name: str, bids: Path, out: Path) -> None:
    """Run the app and print what it took."""
    command = [sys.executable, "-m", "bids_app", str(bids), str(out), "participant"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    peak_mb = 0.0
    with subprocess.Popen(
        [*command, "--preproc-only", "--skip-bids-validation"], stderr=subprocess.DEVNULL
    ) as app:
        while app.poll() is None:
            peak_mb = max(peak_mb, held_mb(app.pid))
            time.sleep(LOOK_S)
    if app.returncode:
        raise SystemExit(f"{name}: the app ended with {app.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall_s = time.perf_counter() - start
    print(
        f"{name:36s} {wall_s:6.0f} s wall {cpu_s:6.0f} s CPU {peak_mb / 1000:6.2f} GB", flush=True
    )


def case(source: Path, made: Path, volumes: int) -> str:
    """Make the dataset of the case that a folder is named after, and tell what it is."""
    shutil.copytree(
        source, made, ignore=shutil.ignore_patterns("eeg", "sourcedata", "derivatives")
    )
    runs = sorted(made.glob("sub-*/func/*_bold.nii.gz"))
    if made.name == "participant":
        return f"1 participant, {len(runs)} runs"
    for path in runs[1:]:
        path.unlink()
    if made.name == "long":
        image: Any = nib.Nifti1Image.from_filename(runs[0])
        n_volumes = image.shape[3]
        there_and_back = np.r_[np.arange(n_volumes), np.arange(n_volumes - 2, 0, -1)]
        shown = np.resize(there_and_back, volumes)
        longer = np.asarray(image.dataobj.get_unscaled())[..., shown]
        nib.save(nib.Nifti1Image(longer, image.affine, image.header), runs[0])
        return f"1 run of {volumes} volumes"
    (t1w,) = made.glob("sub-*/anat/*_T1w.nii.gz")
    fine = resample_to_output(nib.Nifti1Image.from_filename(t1w), (0.67, 0.67, 0.67), order=1)
    nib.save(fine, t1w)
    return "1 run, T1w of 0.67 mm"


def main() -> None:
    """Make and measure each case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bids", nargs="?", type=Path, help="dataset of one participant")
    parser.add_argument("--volumes", type=int, default=900, help="of the long run")
    parser.add_argument("--case", choices=CASES, action="append", help="only this one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        source = chosen.bids or root / "simulated"
        if chosen.bids is None:
            asked = ["--participants", "1", "--runs", "6"]
            simulate = [sys.executable, "-m", "bids_app.simulate.cli", str(source), *asked]
            subprocess.run(simulate, check=True)
        for name in chosen.case or CASES:
            told = case(source, root / name, chosen.volumes)
            measure(told, root / name, root / f"{name}_out")
            shutil.rmtree(root / name)
            shutil.rmtree(root / f"{name}_out")


if __name__ == "__main__":
    main()
