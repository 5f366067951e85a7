"""How much of what can be predicted is predicted: from a raw simulated dataset to left-out participants.

Simulates a dataset, runs the participant and the group level on it, and prints the correlation over time in coupled
voxels of each model and of the oracle, with measured and with noise-free BOLD. The oracle knows the lead field and
the person's haemodynamic response, but not the noise: it is the bound for a model that hears only EEG.

    python benchmarks/coupling.py --participants 4 --runs 2
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.derivatives.names import synth
from bids_app.files import nifti
from bids_app.files.sidecar import read_json
from bids_app.metrics import r
from bids_app.pipeline import prepare
from bids_app.preproc import fmri
from bids_app.simulate.truth import read_run_truth
from bids_app.values import Floats
from bids_app.values.space import Mask

SMOOTHING_MM = 8.0


def main() -> None:
    """Simulate, run, and print the table."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(asked.folder or scratch)
        dataset, out = folder / "bids", folder / "out"
        if not (dataset / "dataset_description.json").is_file():
            size = [
                "--participants",
                asked.participants,
                "--runs",
                asked.runs,
                "--seed",
                asked.seed,
                "--size",
                asked.size,
            ]
            _timed("simulate", ["-m", "bids_app.simulate.cli", str(dataset), *map(str, size)])
        models = [word for name in asked.architecture for word in ("--architecture", name)]
        common = ["-m", "bids_app", str(dataset), str(out)]
        _timed("participant", [*common, "participant", "--skip-bids-validation", "-q"])
        _timed("group", [*common, "group", "-q", *models])
        _report(dataset, out, asked.architecture)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--participants", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="default")
    parser.add_argument("--architecture", action="append", default=None)
    parser.add_argument("--folder", help="keep everything here, and go on from what is there")
    asked = parser.parse_args()
    asked.architecture = asked.architecture or ["ridge", "sources"]
    return asked


def _timed(what: str, command: list[str]) -> None:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True)
    print(f"{what}: {time.perf_counter() - start:.0f} s", flush=True)


def _report(dataset: Path, out: Path, models: list[str]) -> None:
    runs = [
        run
        for label in reuse.participants(out)
        for run in prepare.trainable(reuse.runs(out, label))
    ]
    mask = prepare.model_mask(runs)
    config = RunConfig(dataset, out, out / "work", "group", smoothing_fwhm_mm=SMOOTHING_MM)
    table: dict[str, list[tuple[float, float]]] = {
        name: [] for name in ["oracle", "noise-free BOLD", *models]
    }
    for run in runs:
        truth = read_run_truth(dataset, run.name)
        weights = _smoothed(truth.weights(mask), mask)
        coupled = truth.coupled(mask)
        measured = prepare.smoothed_rows(run, mask, config)[:, coupled]
        volumes, predicted = _predictions(run, mask, models)
        quiet = (truth.bold @ weights)[volumes][:, coupled]
        rows = {
            "oracle": (truth.oracle @ weights)[volumes],
            "noise-free BOLD": (truth.bold @ weights)[volumes],
        }
        for name, series in (rows | predicted).items():
            table[name].append((
                r.overall(measured[volumes], series[:, coupled]),
                r.overall(quiet, series[:, coupled]),
            ))
    _print(table)


def _smoothed(weights: Floats, mask: Mask) -> Floats:
    """Network maps of shape (network, voxel), smoothed as the model's targets are."""
    volumes = fmri.smooth(
        mask.unflatten(weights.astype(np.float32)), mask.grid, SMOOTHING_MM, mask.inside
    )
    return mask.flatten(volumes)


def _predictions(
    run: reuse.PreprocessedRun, mask: Mask, models: list[str]
) -> tuple[list[int], dict[str, Floats]]:
    rows, volumes = {}, []
    for name in models:
        label = synth(name, "participant")
        assert run.bold is not None
        path = run.bold.with_name(run.bold.name.replace("desc-preproc", f"desc-{label}"))
        about = read_json(path.with_name(path.name.replace(".nii.gz", ".json")))
        series = nifti.read_bold(path, about)
        volumes = sorted(set(range(series.n_volumes)) - set(about["VolumesWithoutPrediction"]))
        rows[name] = mask.flatten(series.volumes)[volumes]
    return volumes, rows


def _print(table: dict[str, list[tuple[float, float]]]) -> None:
    means = {name: np.mean(values, axis=0) for name, values in table.items()}
    print(f"\nmean r over time in coupled voxels, {len(table['oracle'])} left-out runs")
    print(
        f"{'row':18}{'measured':>10}{'noise-free':>12}{'share of oracle (measured)':>28}{'(noise-free)':>14}"
    )
    for name, (measured, quiet) in means.items():
        shares = means[name] / means["oracle"]
        print(f"{name:18}{measured:10.3f}{quiet:12.3f}{shares[0]:28.2f}{shares[1]:14.2f}")


if __name__ == "__main__":
    main()
