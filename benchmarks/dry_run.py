"""How long the pairing table of a large dataset takes.

One simulated run of 170 volumes stands, under other names, for all recordings of 20 runs a participant. Prints wall
and CPU seconds of the whole command, its start included:

    python benchmarks/dry_run.py --recordings 400
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 20
N_VOLUMES = 170


def multiply(bids_dir: Path, n_recordings: int) -> None:
    """Let the only run of the only participant stand for all others; images and samples are links."""
    first = "sub-01_task-oddball_run-1"
    files = sorted((bids_dir / "sub-01").glob("*/*"))
    for number in range(n_recordings):
        label, run = f"sub-{number // RUNS + 1:02d}", number % RUNS + 1
        for given in files:
            if first not in given.name and (run > 1 or label == "sub-01"):
                continue
            name = given.name.replace(first, f"{label}_task-oddball_run-{run}")
            made = bids_dir / label / given.parent.name / name.replace("sub-01", label)
            if made.exists():
                continue
            made.parent.mkdir(parents=True, exist_ok=True)
            if given.suffix in {".vhdr", ".vmrk"}:
                text = given.read_text(encoding="utf-8")
                made.write_text(text.replace(first, made.stem.rsplit("_", 1)[0]), encoding="utf-8")
            else:
                os.link(given, made)


def main() -> None:
    """Make the dataset, ask for its table, print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=400)
    n_recordings = parser.parse_args().recordings
    with tempfile.TemporaryDirectory() as folder:
        bids_dir = Path(folder) / "bids"
        size = f"--size tiny --participants 1 --runs 1 --volumes {N_VOLUMES}".split()
        simulate = (sys.executable, "-m", "bids_app.simulate.cli", str(bids_dir), *size)
        subprocess.run(simulate, check=True, capture_output=True)
        shutil.rmtree(bids_dir / "sourcedata")
        multiply(bids_dir, n_recordings)
        words = (
            str(bids_dir),
            f"{folder}/out",
            "participant",
            "--dry-run",
            "--dry-run-format",
            "json",
        )
        start = time.perf_counter()
        told = subprocess.run(
            (sys.executable, "-m", "bids_app", *words), check=True, capture_output=True
        )
        wall_s = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows = json.loads(told.stdout)
    print(f"{len(rows)} rows for {n_recordings} recordings: {wall_s:.1f} s")
    print(f"CPU seconds, the simulation's included: {used.ru_utime + used.ru_stime:.1f}")


if __name__ == "__main__":
    main()
