"""Nothing must come out of nothing: datasets whose EEG and BOLD are independent.

Simulates small datasets with coupling zero, trains and tests a model on each as the group level does (leave one
participant out, circular shifts), and prints the mean correlation of left-out participants and how many tests of the
largest correlation over networks reject at 5 %. The EEG goes through the app's cleaning and clock; BOLD is simulated in
template voxels. With --images each dataset is written as raw images and EEG, and both levels of the app run on it:
minutes each.

    python benchmarks/negative_control.py --datasets 20
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from left_out import WINDOW_S, leave_one_out, samples_of

from bids_app.files.sidecar import read_json
from bids_app.learn.evaluate import true_rows
from bids_app.learn.nulls import MAX_PARCEL_R, shift_profile, shift_test
from bids_app.learn.seed import generator
from bids_app.metrics import r
from bids_app.simulate.samples_level import simulate_recordings
from bids_app.simulate.settings import SIZES, sized, with_coupling

REJECT_BELOW = 0.05
N_VOXELS = 80


def main() -> None:
    """Simulate and test each dataset, and print the table."""
    asked = _arguments()
    start = time.perf_counter()
    values, rejections = [], 0
    for seed in range(asked.first_seed, asked.first_seed + asked.datasets):
        mean_r, p = _with_images(seed, asked) if asked.images else _without_images(seed, asked)
        values.append(mean_r)
        rejections += p < REJECT_BELOW
        passed = f"({time.perf_counter() - start:.0f} s)"
        print(f"seed {seed:3d}: mean r {mean_r:+.4f}, p {p:.3f}  {passed}", flush=True)
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    print(
        f"\n{len(values)} datasets: mean r {np.mean(values):+.4f} (standard error {error:.4f}), "
        f"{rejections} tests reject at {REJECT_BELOW:g}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--participants", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--volumes", type=int, default=120)
    parser.add_argument("--coupling", type=float, default=0.0)
    parser.add_argument("--architecture", default="sources")
    parser.add_argument(
        "--images", action="store_true", help="from raw images, through the whole app"
    )
    return parser.parse_args()


def _without_images(seed: int, asked: argparse.Namespace) -> tuple[float, float]:
    size = replace(SIZES["tiny"], n_volumes=asked.volumes)
    people = {"n_participants": asked.participants, "n_runs": asked.runs}
    settings = with_coupling(sized("tiny", size=size, **people), asked.coupling)
    runs = list(simulate_recordings(settings, seed, N_VOXELS))
    samples = [samples_of(run) for run in runs]
    predictions = leave_one_out(asked.architecture, runs, samples, seed)
    truths = {run.run: run for run in samples}
    pairs = [(true_rows(given, truths[given.run]), given.change) for given in predictions]
    # The pre-declared test: the largest r over networks. Where they are is known here.
    labels = runs[0].network + 1
    shortest = int(np.ceil(WINDOW_S / runs[0].tr_s))
    profiles = [shift_profile(true, change, labels, shortest) for true, change in pairs]
    tests = shift_test(profiles, generator(seed, "shift test"))
    mean_r = float(np.mean([r.overall(true, change) for true, change in pairs]))
    return mean_r, next(test.p for test in tests if test.statistic == MAX_PARCEL_R)


def _with_images(seed: int, asked: argparse.Namespace) -> tuple[float, float]:
    numbers = ["--participants", asked.participants, "--runs", asked.runs, "--seed", seed]
    numbers += ["--volumes", asked.volumes, "--coupling", asked.coupling]
    with tempfile.TemporaryDirectory() as folder:
        bids, out = f"{folder}/bids", f"{folder}/out"
        quick = ("--sloppy", "--skip-bids-validation", "-q")
        _run("bids_app.simulate.cli", bids, "--size", "tiny", *map(str, numbers))
        _run("bids_app", bids, out, "participant", *quick)
        _run("bids_app", bids, out, "group", "--architecture", asked.architecture, *quick)
        record = read_json(Path(out) / "log" / "group.json")
    wanted = ("r", asked.architecture, "group")
    scores = (row for row in record["scores"] if (row["name"], row["row"], row["on"]) == wanted)
    test = next(row for row in record["tests"] if row["statistic"] == MAX_PARCEL_R)
    return float(next(scores)["value"]), float(test["p"])


def _run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
