"""Nothing must come out of nothing: datasets whose EEG and BOLD are independent.

Simulates small datasets with coupling zero, runs both levels on each, and prints the mean correlation of left-out
participants and how many circular-shift tests reject at 5 %.

    python benchmarks/negative_control.py --datasets 20
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bids_app.files.sidecar import read_json

REJECT_BELOW = 0.05


def main() -> None:
    """Simulate and run each dataset, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--participants", type=int, default=2)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--volumes", type=int, default=100)
    parser.add_argument("--coupling", type=float, default=0.0)
    asked = parser.parse_args()
    start = time.perf_counter()
    values, rejections = [], 0
    for seed in range(1, asked.datasets + 1):
        with tempfile.TemporaryDirectory() as scratch:
            mean_r, p = _one(Path(scratch), seed, asked)
        values.append(mean_r)
        rejections += p < REJECT_BELOW
        print(
            f"seed {seed:3d}: mean r {mean_r:+.3f}, p {p:.3f}  ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )
    spread = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    print(
        f"\n{len(values)} datasets: mean r {np.mean(values):+.4f} (standard error {spread:.4f}), "
        f"{rejections} tests reject at {REJECT_BELOW:g}"
    )


def _one(folder: Path, seed: int, asked: argparse.Namespace) -> tuple[float, float]:
    dataset, out = folder / "bids", folder / "out"
    numbers = ["--participants", asked.participants, "--runs", asked.runs, "--seed", seed]
    numbers += ["--volumes", asked.volumes, "--coupling", asked.coupling]
    _run("-m", "bids_app.simulate.cli", str(dataset), "--size", "tiny", *map(str, numbers))
    _run(
        "-m",
        "bids_app",
        str(dataset),
        str(out),
        "participant",
        "--sloppy",
        "--skip-bids-validation",
        "-q",
    )
    _run("-m", "bids_app", str(dataset), str(out), "group", "--sloppy", "-q")
    record = read_json(out / "log" / "group.json")
    score = next(
        row
        for row in record["scores"]
        if (row["name"], row["row"], row["on"]) == ("r", "ridge", "group")
    )
    test = next(row for row in record["tests"] if row["statistic"] == "mean r")
    return float(score["value"]), float(test["p"])


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True)


if __name__ == "__main__":
    main()
