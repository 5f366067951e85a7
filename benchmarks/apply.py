"""How long it takes to apply a model to one run, from the raw EEG file to the synthesized BOLD.

The recording has 34 channels, 340 s at 1000 Hz, no artefacts of the scanner, and 170 volume markers; the model predicts
grey and white matter on a 3 mm grid. The app does all that it does for a user: it finds the clock, cleans, writes the
cleaned EEG and its figures, predicts, compresses, and writes the report. A short recording comes first, so that
libraries are loaded.

    python benchmarks/apply.py
    python benchmarks/apply.py --model cnn --model transformer --rate 1000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bids_app import pipeline, plugins
from bids_app.config import RunConfig
from bids_app.derivatives import write
from bids_app.files import nifti
from bids_app.files.eeg import write_brainvision
from bids_app.files.sidecar import write_json
from bids_app.learn import bundle as bundles
from bids_app.learn.train import Fitted
from bids_app.pipeline import apply, eeg, prepare
from bids_app.preproc import eeg as cleaning
from bids_app.report import page
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.recording import Event, Recording
from bids_app.values.space import Grid, Mask

CAP = (
    "Fp1 Fp2 F3 F4 C3 C4 P3 P4 O1 O2 F7 F8 T7 T8 P7 P8 Fz Cz Pz Oz FC1 FC2 CP1 CP2 FC5 FC6 CP5 CP6 TP9 TP10 POz AFz "
    "F1 F2"
)
CHANNELS = tuple(CAP.split())
RATE_HZ, TR_S, WINDOW_S = 1000.0, 2.0, 30.0
GRID = Grid((53, 63, 52), np.diag([3.0, 3.0, 3.0, 1.0]))
PARTS: dict[str, tuple[Any, str]] = {
    "reading": (eeg, "_read"),
    "clock": (eeg, "find_clock"),
    "filtering": (cleaning, "clean"),
    "writing EEG": (write, "write_eeg"),
    "figures of the EEG": (eeg, "_draw"),
    "reading back": (prepare, "hear"),
    "scaling": (apply, "scale_alone"),
    "predicting": (apply, "predict"),
    "compressing": (nifti, "write_bold"),
    "report": (page, "participant_page"),
}


def main() -> None:
    """Measure, and print."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    for name in asked.model or ["sources"]:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            model = _model(Path(folder), name, asked.rate)
            started = time.perf_counter()
            _applied(Path(folder) / "short", model, 20, asked)
            print(f"{name}: start-up {time.perf_counter() - started:.1f} s")
            _tell(_applied(Path(folder) / "whole", model, 170, asked))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", choices=sorted(plugins.names("models")))
    parser.add_argument("--rate", type=float, default=250.0, help="EEG that the model hears, Hz")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="where files are kept for the time being")
    return parser.parse_args()


def _model(folder: Path, name: str, rate_hz: float) -> Path:
    """Write a bundle of an untrained model."""
    place = np.stack(
        np.meshgrid(*(np.linspace(-1, 1, size) for size in GRID.shape), indexing="ij")
    )
    inside = (place**2).sum(axis=0) < 0.42
    bold = BoldSpec(Mask(GRID, inside), "MNI152NLin2009aSym", "3", TR_S, 0.0, 8.0)
    hears = EegSpec(CHANNELS, rate_hz, WINDOW_S)
    torch.manual_seed(0)
    model = plugins.load("models", name).build(hears, bold)
    for value in model.buffers():
        if value.is_floating_point() and not value.any():
            value.normal_()  # a linear model that was never fitted predicts no change
    fitted = Fitted(model.eval(), name, {}, {})
    baseline = 1e4 + 1e3 * np.random.default_rng(0).standard_normal(bold.n_voxels)
    path = folder / "model"
    bundles.save(bundles.pack(fitted, hears, bold, baseline, {"participants": []}), path)
    return path


def _recorded(folder: Path, n_volumes: int) -> Path:
    """Write a dataset of one recording: rhythms that come and go, and noise."""
    rng = np.random.default_rng(0)
    n_samples = int(n_volumes * TR_S * RATE_HZ)
    seconds = np.arange(n_samples) / RATE_HZ
    shared = np.cumsum(rng.standard_normal((4, n_samples), np.float32), axis=1)
    shared -= np.linspace(0, 1, n_samples)[None] * shared[:, -1:]
    volts = 3e-6 * (rng.standard_normal((len(CHANNELS), 4)) @ (0.02 * shared))
    volts += 1e-5 * rng.standard_normal(volts.shape, np.float32)
    volts += 1e-5 * np.sin(2 * np.pi * 10 * seconds) * (1 + np.sin(2 * np.pi * seconds / 17))
    events = tuple(Event(TR_S * index, "Response/R128") for index in range(n_volumes))
    nowhere = np.full((len(CHANNELS), 3), np.nan)
    kinds = ("EEG",) * len(CHANNELS)
    recording = Recording(volts.astype(np.float32), RATE_HZ, CHANNELS, kinds, nowhere, events)
    root = folder / "bids"
    write_brainvision(root / "sub-01" / "eeg" / "sub-01_task-rest_eeg.vhdr", recording)
    about = {"TaskName": "rest", "PowerLineFrequency": 50, "SamplingFrequency": RATE_HZ}
    write_json(root / "sub-01" / "eeg" / "sub-01_task-rest_eeg.json", about)
    write_json(root / "dataset_description.json", {"Name": "one run", "BIDSVersion": "1.9.0"})
    return root


def _applied(
    folder: Path, model: Path, n_volumes: int, asked: argparse.Namespace
) -> dict[str, float]:
    """Apply the model to a recording of some length; give seconds by part."""
    config = RunConfig(
        _recorded(folder, n_volumes),
        folder / "out",
        folder / "work",
        "participant",
        model=model,
        n_procs=asked.threads,
        omp_nthreads=asked.threads,
        skip_bids_validation=True,
        eeg_steps="none",
        device="cpu",
        tables={"eeg": {"resample": {"rate_hz": asked.rate}}},
    )
    with _clocked() as spent:
        start = time.perf_counter()
        code = pipeline.run(config)
        whole_s = time.perf_counter() - start
    made = list(config.output_dir.rglob("*desc-synth*_bold.nii.gz"))
    if code or len(made) != 1:
        raise SystemExit(f"exit code {code}, {len(made)} images; see {config.output_dir}")
    return {**spent, "all": whole_s, "MB": made[0].stat().st_size / 2**20}


@contextmanager
def _clocked() -> Iterator[dict[str, float]]:
    """Add up what the parts of the app take, while the block lasts."""
    spent: dict[str, float] = defaultdict(float)
    before = {part: getattr(*where) for part, where in PARTS.items()}
    for part, (module, name) in PARTS.items():
        setattr(module, name, _timed(part, before[part], spent))
    try:
        yield spent
    finally:
        for part, (module, name) in PARTS.items():
            setattr(module, name, before[part])


def _timed(part: str, call: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            spent[part] += time.perf_counter() - start

    return timed


def _tell(spent: dict[str, float]) -> None:
    told = {part: spent.get(part, 0.0) for part in PARTS}
    told["everything else"] = spent["all"] - sum(told.values())
    for part, seconds in told.items():
        print(f"    {part:20s} {seconds:5.2f} s")
    until = spent["all"] - told["report"]
    print(f"    {'to the image':20s} {until:5.2f} s ({spent['MB']:.0f} MB)")
    print(f"    {'with the report':20s} {spent['all']:5.2f} s", flush=True)


if __name__ == "__main__":
    main()
