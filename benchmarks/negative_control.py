"""Nothing must come out of nothing: datasets whose EEG and BOLD are independent.

Simulates small datasets with coupling zero, trains and tests a model on each as the group level does (leave one
participant out), and prints the mean correlation of left-out participants, how many tests of the largest correlation
over networks against circular shifts reject at 5 %, and what the sentence at the top of a report says of each dataset.
The EEG goes through the app's cleaning and clock; BOLD is simulated in template voxels. With --schedule-only the events
drive EEG and BOLD, and nothing else couples them. With --images each dataset is written as raw images and EEG, and both
levels of the app run on it: minutes each.

    python benchmarks/negative_control.py --datasets 100
    python benchmarks/negative_control.py --datasets 10 --schedule-only --networks 1
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from left_out import WINDOW_S, leave_one_out, samples_of

from bids_app.files.sidecar import read_json
from bids_app.learn.evaluate import true_rows
from bids_app.learn.events import responses
from bids_app.learn.nulls import (
    BESIDE_SCHEDULE,
    MAX_PARCEL_R,
    cross_fitted_width,
    shift_profile,
    shift_test,
)
from bids_app.learn.seed import generator
from bids_app.metrics import r
from bids_app.pipeline.chance import DRIFT_S
from bids_app.pipeline.verdict import sentence
from bids_app.simulate.samples_level import SimulatedRun, simulate_recordings
from bids_app.simulate.settings import SIZES, sized, with_coupling
from bids_app.simulate.tree import VOLUME_MARKER
from bids_app.values import Floats
from bids_app.values.outcome import Prediction

Outcome = tuple[float, list[dict[str, Any]], str]

REJECT_BELOW = 0.05
N_VOXELS = 80
VERDICTS = (
    "Nothing was found",
    "The schedule, not EEG",
    "What all runs share",
    "These data are too short",
)


def main() -> None:
    """Simulate and test each dataset, and print the table."""
    asked = _arguments()
    start = time.perf_counter()
    values, rejections, sentences = [], 0, Counter[str]()
    for seed in range(asked.first_seed, asked.first_seed + asked.datasets):
        test = _with_images if asked.images else _without_images
        mean_r, tests, verdict = test(seed, asked)
        p = next(row["p"] for row in tests if row["statistic"] == MAX_PARCEL_R)
        said = next((words for words in VERDICTS if verdict.startswith(words)), "Found")
        values.append(mean_r)
        rejections += p < REJECT_BELOW
        sentences[said] += 1
        passed = f"({time.perf_counter() - start:.0f} s)"
        print(f"seed {seed:3d}: mean r {mean_r:+.4f}, p {p:.3f}  {said}  {passed}", flush=True)
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    print(
        f"\n{len(values)} datasets: mean r {np.mean(values):+.4f} (standard error {error:.4f}), "
        f"{rejections} tests reject at {REJECT_BELOW:g}"
    )
    print("sentences: " + ", ".join(f"{said!r} {count}" for said, count in sentences.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--participants", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--volumes", type=int, default=100)
    parser.add_argument("--coupling", type=float, default=0.0)
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--schedule-only", action="store_true")
    parser.add_argument("--architecture", default="sources")
    parser.add_argument(
        "--images", action="store_true", help="from raw images, through the whole app"
    )
    return parser.parse_args()


def _without_images(seed: int, asked: argparse.Namespace) -> Outcome:
    size = replace(SIZES["tiny"], n_volumes=asked.volumes)
    people = {"n_participants": asked.participants, "n_runs": asked.runs}
    settings = sized("tiny", size=size, n_networks=asked.networks, **people)
    settings = (
        replace(settings, schedule_only=True)
        if asked.schedule_only
        else with_coupling(settings, asked.coupling)
    )
    runs = list(simulate_recordings(settings, seed, N_VOXELS))
    samples = [samples_of(run) for run in runs]
    predictions = leave_one_out(asked.architecture, runs, samples, seed)
    truths = {run.run: run for run in samples}
    pairs = [(true_rows(given, truths[given.run]), given.change) for given in predictions]
    tests = _tests(runs, predictions, pairs, seed)
    mean_r = float(np.mean([r.overall(true, change) for true, change in pairs]))
    return mean_r, tests, sentence(tests)


def _tests(
    runs: list[SimulatedRun],
    predictions: list[Prediction],
    pairs: list[tuple[Floats, Floats]],
    seed: int,
) -> list[dict[str, Any]]:
    """Test against circular shifts, and beside the events; where the networks are is known here."""
    by_name = {run.name: run for run in runs}
    labels = runs[0].network + 1
    shortest = int(np.ceil(WINDOW_S / runs[0].tr_s))
    longest = DRIFT_S / runs[0].tr_s
    profiles, beside = [], []
    for given, (true, change) in zip(predictions, pairs, strict=True):
        run = by_name[given.run]
        schedule = responses(_schedule(run), given.volumes * run.tr_s + run.start_time_s)
        profiles.append(shift_profile(true, change, labels, shortest, longest))
        beside.append(shift_profile(true, change, labels, shortest, longest, schedule))
    rng = generator(seed, "shift test")
    width = cross_fitted_width(profiles)
    found = shift_test(profiles, rng, width=width)
    found += [
        replace(test, statistic=BESIDE_SCHEDULE)
        for test in shift_test(beside, rng, width=width)
        if test.statistic == MAX_PARCEL_R
    ]
    about = {"model": predictions[0].model, "split": predictions[0].split}
    return [
        about
        | {"statistic": test.statistic, "value": test.value, "p": test.p, "n_shifts": test.n_drawn}
        for test in found
    ]


def _schedule(run: SimulatedRun) -> dict[str, list[float]]:
    """Onsets of each kind of event, in seconds after the first volume began."""
    schedule: dict[str, list[float]] = {}
    for event in run.eeg.events:
        if event.label != VOLUME_MARKER:
            schedule.setdefault(event.label, []).append(event.onset_s - run.clock.offset_s)
    return schedule


def _with_images(seed: int, asked: argparse.Namespace) -> Outcome:
    numbers = ["--participants", asked.participants, "--runs", asked.runs, "--seed", seed]
    numbers += ["--volumes", asked.volumes, "--networks", asked.networks]
    numbers += ["--schedule-only"] if asked.schedule_only else ["--coupling", asked.coupling]
    with tempfile.TemporaryDirectory() as folder:
        bids, out = f"{folder}/bids", f"{folder}/out"
        quick = ("--sloppy", "--skip-bids-validation", "-q")
        _run("bids_app.simulate.cli", bids, "--size", "tiny", *map(str, numbers))
        _run("bids_app", bids, out, "participant", *quick)
        _run("bids_app", bids, out, "group", "--architecture", asked.architecture, *quick)
        record = read_json(Path(out) / "log" / "group.json")
    wanted = ("r", asked.architecture, "group")
    scores = (row for row in record["scores"] if (row["name"], row["row"], row["on"]) == wanted)
    return float(next(scores)["value"]), record["tests"], record["verdict"]


def _run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
