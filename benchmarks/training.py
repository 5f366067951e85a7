"""How fast models are trained, beside a usual data loader and the machine's matrix products.

Windows per second of each model (a) as this app trains it and (b) fed by a ``Dataset`` and ``DataLoader`` (batches of
32, two workers, float32) that copy each window of 34 x 30,000 samples; what a step spends where; and which share of
the machine's measured rate of matrix products is reached. ``cnn`` is also trained both ways for equal epochs, to
compare validation losses. EEG and BOLD are random numbers with a coupling that can be learned. Both ways take turns,
and the fastest round of each counts: other work on the machine slows single rounds.

    python benchmarks/training.py
    python benchmarks/training.py --memory 16 --steps 200    # 6 runs each; anonymous memory at half of them and at all
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from bids_app import plugins
from bids_app.learn.descent import SMALLEST_GRADIENT, Descent, loss_of
from bids_app.learn.objective import Objective, geometry_of
from bids_app.learn.settings import TrainSettings
from bids_app.learn.store import Store
from bids_app.learn.watch import Watch
from bids_app.models._network import Network
from bids_app.models.base import TeacherForced
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

RATE_HZ, TR_S, N_VOLUMES, WINDOW_S = 1000.0, 2.0, 170, 30.0
GRID = Grid((53, 63, 52), np.diag([3.0, 3.0, 3.0, 1.0]))
EEG = EegSpec(tuple(f"E{index}" for index in range(34)), RATE_HZ, WINDOW_S)
NETWORKS = ("dense", "siamese", "cnn", "transformer")
RUNS_OF_A_PERSON = 6
MB = 2**20


def main() -> None:
    """Measure, and print."""
    asked = _arguments()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        if asked.memory:
            _memory(Path(folder), asked)
            return
        runs = [_run(Path(folder), "1", number) for number in range(4)]
        rate = _matrix_rate()
        print(f"matrix products: {rate / 1e9:.0f} GFLOP/s on {asked.threads} threads")
        print(
            "windows/s        app  loader  ratio   forward backward optimizer outside   of matrix rate"
        )
        for name in asked.model or NETWORKS:
            _compare(name, runs, rate, asked)
        if "cnn" in (asked.model or NETWORKS):
            _losses(runs, asked.epochs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", action="append", choices=NETWORKS)
    parser.add_argument("--folder", help="where runs are kept for the time being")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0, metavar="PARTICIPANTS")
    parser.add_argument(
        "--limit-gb", type=float, default=3.0, help="of private memory, with --memory"
    )
    return parser.parse_args()


def _bold() -> BoldSpec:
    """Give an ellipsoid with as many voxels as grey and white matter have."""
    place = np.stack(
        np.meshgrid(*(np.linspace(-1, 1, size) for size in GRID.shape), indexing="ij")
    )
    inside = (place**2).sum(axis=0) < 0.42
    return BoldSpec(Mask(GRID, inside), "MNI152NLin2009aSym", "3", TR_S, 0.0, 8.0)


BOLD = _bold()


def _run(folder: Path, person: str, number: int) -> Samples:
    """Give a memory-mapped run whose BOLD follows what all channels share, each by a weight of its own."""
    rng = np.random.default_rng([int(person), number])
    n_samples = int(N_VOLUMES * TR_S * RATE_HZ)
    eeg = rng.standard_normal((34, n_samples), np.float32)
    slow = np.repeat(rng.standard_normal(N_VOLUMES, np.float32), int(TR_S * RATE_HZ))
    eeg += np.linspace(-2, 2, 34, dtype=np.float32)[:, None] * slow
    volumes = np.arange(15, N_VOLUMES)
    weights = np.random.default_rng(0).standard_normal(BOLD.n_voxels, np.float32)
    change = 0.01 * (np.outer(slow[:: int(TR_S * RATE_HZ)][volumes - 3], weights))
    change += 0.01 * rng.standard_normal(change.shape, np.float32)
    for name, values in (("eeg", eeg), ("targets", change.astype(np.float32))):
        np.save(folder / f"{person}_{number}_{name}.npy", values)
    return _mapped(folder, person, number)


def _mapped(folder: Path, person: str, number: int) -> Samples:
    eeg, targets = (
        np.load(folder / f"{person}_{number}_{name}.npy", mmap_mode="r")
        for name in ("eeg", "targets")
    )
    volumes = np.arange(15, N_VOLUMES)
    return Samples(
        f"sub-{person}_run-{number}", person, eeg, RATE_HZ, int(WINDOW_S * RATE_HZ),
        (volumes * TR_S * RATE_HZ).astype(int), volumes, N_VOLUMES, targets, EEG.channels,
    )  # fmt: skip


def _matrix_rate() -> float:
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = np.inf
    for _ in range(8):
        start = time.perf_counter()
        for _ in range(4):
            a @ b
        best = min(best, (time.perf_counter() - start) / 4)
    return 2 * 1024**3 / best


def _built(name: str, **settings: Any) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = plugins.load("models", name).build(EEG, BOLD, **settings)
    return model


class _Clocked(Descent):
    """Adds up what steps spend on their parts."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.spent = {"forward": 0.0, "optimizer": 0.0, "step": 0.0}
        self.begun = 0.0
        objective, optimizer = self.objective, self.optimizer
        self._clock(
            "forward", objective.register_forward_pre_hook, objective.register_forward_hook
        )
        self._clock(
            "optimizer", optimizer.register_step_pre_hook, optimizer.register_step_post_hook
        )
        self.ended: list[float] = []

    @property
    def wall(self) -> float:
        """Seconds of all steps that count."""
        return self.ended[-1] - self.ended[1]

    def _clock(self, name: str, before: Any, after: Any) -> None:
        def start(*_: Any) -> None:
            self.begun = time.perf_counter()

        def stop(*_: Any) -> None:
            self.spent[name] += time.perf_counter() - self.begun

        before(start)
        after(stop)

    def _step(self, pieces: Any, n_samples: int, number: int) -> Tensor:
        start = time.perf_counter()
        total = super()._step(pieces, n_samples, number)
        self.ended.append(time.perf_counter())
        if len(self.ended) == 2:  # what is done once is not counted
            self.spent = dict.fromkeys(self.spent, 0.0)
        elif len(self.ended) > 2:
            self.spent["step"] += time.perf_counter() - start
        return total


def _compare(name: str, runs: Sequence[Samples], rate: float, asked: argparse.Namespace) -> None:
    settings = TrainSettings(epochs=99, steps=asked.steps + 2, device="cpu")
    store = Store(runs, geometry_of(_built(name), EEG))
    ways = [
        (_timed(name, store, settings), _loader_rate(_built(name), runs, asked.steps))
        for _ in range(asked.rounds)
    ]
    descent = min((way for way, _ in ways), key=lambda way: way.wall)
    loader = max(found for _, found in ways)
    wall, spent, n_timed = descent.wall, descent.spent, len(descent.ended) - 2
    flops = _flops(descent.model, store, settings)
    app = 32 * n_timed / wall
    shares = {
        "forward": spent["forward"] / wall,
        "backward": (spent["step"] - spent["forward"] - spent["optimizer"]) / wall,
        "optimizer": spent["optimizer"] / wall,
        "outside": 1 - spent["step"] / wall,
    }
    told = "  ".join(f"{share:7.1%}" for share in shares.values())
    print(
        f"{name:12s} {app:7.1f} {loader:7.1f} {app / loader:6.1f}   {told}   {flops * n_timed / wall / rate:6.1%}"
    )
    most = max(shares, key=lambda part: shares[part])
    size = sum(value.numel() for value in descent.model.parameters()) / 1e6
    print(
        f"             limited by {most} ({size:.1f} M parameters, {flops / 1e9:.1f} GFLOP a step)",
        flush=True,
    )


def _timed(name: str, store: Store, settings: TrainSettings) -> _Clocked:
    """Make the steps of the settings; the first two are not counted."""
    descent = _Clocked(_built(name), EEG, settings, 0)
    watch = Watch(settings.steps, 0, None, silent=True)
    while not descent._epoch(store, watch):
        descent.standing.epoch += 1
        descent.standing.step = 0
    return descent


def _flops(model: nn.Module, store: Store, settings: TrainSettings) -> float:
    first, count = store.batches(settings.batch, settings.neighbours, np.random.default_rng(0))[0]
    counter = FlopCounterMode(display=False)
    objective = Objective(model.train())
    with counter:
        for piece in store.pieces(first, count, 99):
            true = torch.from_numpy(store.targets(piece.samples))
            objective(
                torch.from_numpy(store.gather(piece)), piece.count, piece.hop, true
            ).sum().backward()
    model.zero_grad()
    return float(counter.get_total_flops())


class _Windows(Dataset[tuple[Tensor, Tensor]]):
    """Copies each window, as is usual."""

    def __init__(self, runs: Sequence[Samples]) -> None:
        self.runs = runs
        self.places = [(run, row) for run in runs for row in range(len(run))]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        run, row = self.places[index]
        assert run.targets is not None
        stop = int(run.stops[row])
        window = np.array(run.eeg[:, stop - run.n_window : stop], np.float32)
        return torch.from_numpy(window), torch.from_numpy(np.array(run.targets[row]))


def _loader(runs: Sequence[Samples]) -> DataLoader[tuple[Tensor, Tensor]]:
    return DataLoader(
        _Windows(runs), 32, shuffle=True, num_workers=2, generator=torch.Generator().manual_seed(0)
    )


def _usual_step(
    model: Network, optimizer: torch.optim.Optimizer, eeg: Tensor, true: Tensor
) -> None:
    shown = isinstance(model, TeacherForced)
    given = model.forced(model.averages(eeg), true) if shown else model(eeg)
    loss = nn.functional.mse_loss(given, true)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _loader_rate(model: nn.Module, runs: Sequence[Samples], n_steps: int) -> float:
    optimizer = torch.optim.AdamW(model.train().parameters(), 1e-3)
    done, start = 0, 0.0
    for eeg, true in _loader(runs):
        _usual_step(model, optimizer, eeg, true)
        done += 1
        if done == 2:
            start = time.perf_counter()
        if done == n_steps + 2:
            break
    return 32 * (done - 2) / (time.perf_counter() - start)


def _losses(runs: Sequence[Samples], epochs: int) -> None:
    """Train cnn both ways for equal epochs, without augmentation and dropout."""
    valid_only = replace(
        TrainSettings(),
        epochs=epochs,
        patience=99,
        shift=0.0,
        noise=0.0,
        device="cpu",
        warm_up=0.0,
    )
    model = _built("cnn", dropout=0.0)
    start = time.perf_counter()
    history = Descent(model, EEG, valid_only, 0).run(runs[:-1], runs[-1:])
    ours = time.perf_counter() - start
    other = _built("cnn", dropout=0.0).train()
    optimizer = torch.optim.AdamW(
        other.parameters(), 1e-3, weight_decay=1e-2, eps=SMALLEST_GRADIENT
    )
    n_all = epochs * len(_loader(runs[:-1]))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_all)
    start = time.perf_counter()
    for _ in range(epochs):
        for eeg, true in _loader(runs[:-1]):
            _usual_step(other, optimizer, eeg, true)
            schedule.step()
    theirs = time.perf_counter() - start
    usual = loss_of(other, Store(runs[-1:], geometry_of(other, EEG)))
    zero = float(np.mean(np.square(runs[-1].targets if runs[-1].targets is not None else 0)))
    print(
        f"cnn after {epochs} epochs: validation loss {history['valid'][-1]:.3e} in {ours:.0f} s; "
        f"with the loader {usual:.3e} in {theirs:.0f} s; predicting zero {zero:.3e}"
    )


def _memory(folder: Path, asked: argparse.Namespace) -> None:
    """Train each network on half and on all participants, each in a process with little memory; print what it takes."""
    for person in range(1, asked.memory + 1):
        for number in range(RUNS_OF_A_PERSON):
            _run(folder, str(person), number)
    for name in asked.model or NETWORKS:
        # What steps take does not grow with their number: the half needs few.
        half, whole = (
            _apart(folder, name, n_people, n_steps, asked)
            for n_people, n_steps in ((asked.memory // 2, 20), (asked.memory, asked.steps))
        )
        more = (whole - half) / (asked.memory - asked.memory // 2)
        print(f"{name}: {more:+.1f} MB for each further participant", flush=True)


def _apart(folder: Path, name: str, n_people: int, n_steps: int, asked: argparse.Namespace) -> int:
    """Train in another process, whose private memory is limited; give its highest anonymous memory in MB."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    process = context.Process(
        target=_limited, args=(found, folder, name, (n_people, n_steps), asked)
    )
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{name}, {n_people} participants: ended with {process.exitcode}")
    steps, seconds, highest = found.get()
    print(
        f"{name}, {n_people} participants of {RUNS_OF_A_PERSON} runs: {steps} steps in {seconds:.0f} s within "
        f"{asked.limit_gb:g} GB, highest anonymous memory {highest} MB",
        flush=True,
    )
    return int(highest)


def _limited(
    found: Any, folder: Path, name: str, sizes: tuple[int, int], asked: argparse.Namespace
) -> None:
    n_people, n_steps = sizes
    torch.set_num_threads(asked.threads)
    limit = int(asked.limit_gb * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    runs = [
        _mapped(folder, str(person), number)
        for person in range(1, n_people + 1)
        for number in range(RUNS_OF_A_PERSON)
    ]
    settings = TrainSettings(epochs=99, steps=n_steps, device="cpu", folder=folder / "work")
    highest, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            highest[0] = max(highest[0], _anonymous_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    history = Descent(_built(name), EEG, settings, 0).run(runs, runs[:1])
    done.set()
    watcher.join()
    found.put((history["steps"], time.perf_counter() - start, highest[0]))


def _anonymous_mb() -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024 // MB


if __name__ == "__main__":
    main()
