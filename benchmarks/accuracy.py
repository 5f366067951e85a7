"""How good each model is, scenario by scenario, on simulated people whom it never saw.

Each scenario changes one thing of the simulator's defaults. EEG goes through the app's cleaning and clock, BOLD is
simulated in template voxels, and each participant is predicted by a model of the others. Printed, over coupled voxels:
correlation with measured and with noise-free BOLD, both as a share of the oracle's with the same BOLD (the bound for
EEG), that with measured BOLD as a share of the noise-free BOLD's (the noise ceiling), where a model has intervals the
coverage of the 50, 80 and 95 % ones, how far the worst network is off (in percentage points) and their interval score
as a share of that of one standard deviation per voxel, about the mean ("no EEG": that of the run itself) and about the
prediction ("one SD"), the p of the largest correlation over networks, and CPU seconds
to train and apply. With several runs of each person, the model is also calibrated on the first run of each person whom
it never saw ("calibrated") and stands beside itself without that ("as it was"), both in the other runs only.
The last scenario, "end to end", is coupling.py: raw images and EEG through both levels of the app.
Where people wear different caps, a model that knows one cap only (ridge) learns from the electrodes that all have.

    python benchmarks/accuracy.py --quick
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from left_out import WINDOW_S, samples_of, specifications

from bids_app.learn import uncertainty
from bids_app.learn.nulls import MAX_PARCEL_R, cross_fitted_width, shift_profile, shift_test
from bids_app.learn.predict import apply
from bids_app.learn.seed import generator
from bids_app.learn.train import fit
from bids_app.metrics import r
from bids_app.models.base import AnyCap, Calibrated
from bids_app.samples.scale import scale_split
from bids_app.samples.split import by_participant
from bids_app.simulate.artefacts import add_pulse
from bids_app.simulate.physiology import draw_physiology
from bids_app.simulate.samples_level import SimulatedRun, simulate_recordings
from bids_app.simulate.settings import SIZES, sized, with_coupling
from bids_app.values import Floats
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples, Split

N_VOXELS = 64


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is not as usual.

    Attributes
    ----------
    name : str
        What it is.
    changes, difficulty : dict
        Fields of the simulator's settings.
    coupling : float
        Share of BOLD variance.
    tested : dict
        Changes for the people that are predicted; the same people otherwise.
    residue : float
        Share of the pulse artefact that cleaning left.
    """

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    difficulty: dict[str, Any] = field(default_factory=dict)
    coupling: float = 0.3
    tested: dict[str, Any] = field(default_factory=dict)
    residue: float = 0.0


SCENARIOS = (
    Scenario("defaults"),
    Scenario("coupling 0.1", coupling=0.1),
    Scenario("coupling 0.5", coupling=0.5),
    Scenario("sensors -6 dB", difficulty={"sensor_snr_db": -6.0}),
    Scenario("HRF spread 1.6 s", difficulty={"hrf_peak_sd_s": 1.6}),
    Scenario("1 network", {"n_networks": 1}),
    Scenario("8 networks", {"n_networks": 8}),
    Scenario("caps 34, 19, 64", {"caps": (34, 19, 64)}),
    Scenario("34 to 19", tested={"caps": (19,)}),
    Scenario("34 to 64", tested={"caps": (64,)}),
    Scenario("pulse residue 0.2", residue=0.2),
    Scenario("TR 1 s", {"tr_s": 1.0}),
    Scenario("TR 2.5 s", {"tr_s": 2.5}),
    Scenario("TR 2 to 1 s", tested={"tr_s": 1.0}),
    Scenario("TR 2 to 2.5 s", tested={"tr_s": 2.5}),
    Scenario("task", {"evoked_share": 0.5}),  # all others are as at rest
    Scenario("coupling 0", coupling=0.0),
)
END_TO_END = "end to end"
QUICK = ("defaults", "sensors -6 dB", "caps 34, 19, 64", "34 to 19", "TR 2 to 1 s", "coupling 0")


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Simulated runs and their samples, in the same order; those that are predicted stand apart."""

    train: list[tuple[SimulatedRun, Samples]]
    test: list[tuple[SimulatedRun, Samples]]


def main() -> None:
    """Go through the scenarios, and print the table."""
    asked = _arguments()
    rows: dict[str, list[float]] = {name: [] for name in asked.architecture}
    whole = (*(scenario.name for scenario in SCENARIOS), END_TO_END)
    names = asked.scenario or (QUICK if asked.quick else whole)
    print(
        f"{'scenario':20}{'model':10}{'measured':>9}{'noise-free':>11}{'of oracle':>14}{'of ceiling':>11}"
        f"{'50 80 95 %':>18}{'worst':>7}{'no EEG':>8}{'one SD':>8}{'p':>7}{'train':>7}{'apply':>7}"
    )
    for scenario in SCENARIOS:
        if scenario.name not in names:
            continue
        data = _simulated(scenario, asked)
        for name in asked.architecture:
            rows[name].append(_report(scenario, name, data, asked))
    if any(rows.values()):
        print("\nmean share of the oracle with measured BOLD, coupled scenarios:")
        for name, shares in rows.items():
            print(f"{name:10}{np.nanmean(shares):7.3f}")
    if END_TO_END in names:
        print(f"\n{END_TO_END}:", flush=True)
        size = ("--participants", asked.participants, "--runs", asked.runs, "--size", "small")
        models = [word for name in asked.architecture for word in ("--architecture", name)]
        script = Path(__file__).with_name("coupling.py")
        command = (sys.executable, script, *size, "--seed", asked.seed, *models)
        subprocess.run([str(word) for word in command], check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--participants", type=int, default=None)
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--folds", type=int, default=None, help="people who are left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="fewer scenarios, people and runs")
    parser.add_argument("--scenario", action="append", help="only this one; may be repeated")
    parser.add_argument("--architecture", action="append", default=None)
    asked = parser.parse_args()
    asked.architecture = asked.architecture or ["ridge", "sources"]
    asked.participants = asked.participants or (4 if asked.quick else 6)
    asked.runs = asked.runs or (1 if asked.quick else 3)
    asked.folds = asked.folds or (2 if asked.quick else asked.participants)
    return asked


def _simulated(scenario: Scenario, asked: argparse.Namespace) -> Data:
    train = _runs(scenario, scenario.changes, asked)
    test = _runs(scenario, scenario.changes | scenario.tested, asked) if scenario.tested else train
    return Data(train, test)


def _runs(
    scenario: Scenario, changes: dict[str, Any], asked: argparse.Namespace
) -> list[tuple[SimulatedRun, Samples]]:
    n_volumes = round(170 * 2.0 / changes.get("tr_s", 2.0))
    size = replace(SIZES["tiny"], n_volumes=n_volumes)
    people = {"n_participants": asked.participants, "n_runs": asked.runs}
    settings = sized("tiny", size=size, **people, **changes)
    settings = replace(settings, difficulty=replace(settings.difficulty, **scenario.difficulty))
    settings = with_coupling(settings, scenario.coupling)
    found = []
    for run in simulate_recordings(settings, asked.seed, N_VOXELS):
        if scenario.residue:
            _add_residue(run, scenario.residue, asked.seed)
        found.append((run, samples_of(run)))
    return found


def _add_residue(run: SimulatedRun, share: float, seed: int) -> None:
    """Leave a part of the pulse artefact in a run's EEG, in place."""
    rng = generator(seed, "residue", run.name)
    times_s = np.arange(run.eeg.n_samples) / run.eeg.rate_hz
    beats_s = draw_physiology(1.1, 0.27, (0.0, float(times_s[-1])), rng).beats_s
    whole = run.eeg.volts.copy()  # the artefact's size is told by the EEG's
    add_pulse(whole, times_s, beats_s, run.eeg.positions_m, rng)
    run.eeg.volts[:] += share * (whole - run.eeg.volts)


def _report(scenario: Scenario, name: str, data: Data, asked: argparse.Namespace) -> float:
    """Print one row; give the share of the oracle's correlation with measured BOLD."""
    data = data if name == "sources" else _shared_channels(data)
    truths = {run.name: (run, samples) for run, samples in data.test}
    folds = by_participant([samples for _, samples in data.train], generator(asked.seed, "group"))
    results: list[Prediction] = []
    adapted: list[Prediction] = []
    seconds = np.zeros(2)
    for split in folds[: asked.folds]:
        found, apart, spent = _fold(name, data, split)
        results += found
        adapted += apart
        seconds += spent
    agreement, share = _agreement(results, truths)
    covered = _covered(results, truths)
    p = _p([(*truths[given.run], given.change) for given in results], asked.seed)
    seconds /= asked.folds
    print(
        f"{scenario.name:20}{name:10}{agreement}{covered}{p:7.3f}{seconds[0]:7.1f}{seconds[1]:7.2f}",
        flush=True,
    )
    if adapted:
        others = {given.run for given in adapted}
        before = [given for given in results if given.run in others]
        for told, some in (("calibrated", adapted), ("as it was", before)):
            covered = _covered(some, truths)
            print(f"{scenario.name:20}{told:10}{_agreement(some, truths)[0]}{covered}", flush=True)
    return share if scenario.coupling else float("nan")


def _agreement(
    results: Sequence[Prediction], truths: dict[str, tuple[SimulatedRun, Samples]]
) -> tuple[str, float]:
    """Write correlations over coupled voxels and their shares; give the share of the oracle's with measured BOLD."""
    figures = np.mean([_figures(*truths[given.run], given.change) for given in results], axis=0)
    measured, quiet, oracle, oracle_quiet, ceiling = figures
    shares = f"{measured / oracle:7.3f}{quiet / oracle_quiet:7.3f}"
    return f"{measured:9.3f}{quiet:11.3f}{shares}{measured / ceiling:11.3f}", float(
        measured / oracle
    )


def _shared_channels(data: Data) -> Data:
    """Keep the electrodes that everybody wears, in one order."""
    every = [samples.channels for _, samples in (*data.train, *data.test)]
    shared = [name for name in every[0] if all(name in names for names in every)]
    return Data(
        *(
            [(run, _picked(samples, shared)) for run, samples in part]
            for part in (data.train, data.test)
        )
    )


def _picked(samples: Samples, names: Sequence[str]) -> Samples:
    rows = samples.eeg[[samples.channels.index(name) for name in names]]
    return replace(samples, eeg=rows - rows.mean(axis=0), channels=tuple(names))


def _fold(
    name: str, data: Data, split: Split
) -> tuple[list[Prediction], list[Prediction], Floats]:
    """Train and apply; also apply to other runs once calibrated on the first; CPU seconds of training and applying."""
    train = scale_split([samples for _, samples in data.train], split)
    test = [samples for _, samples in data.test if samples.run in split.test]
    whole = replace(split, train={}, valid={}, test={run.run: np.arange(len(run)) for run in test})
    start = time.process_time()
    model = fit(name, *specifications(*data.train[0]), train, split).model
    trained = time.process_time()
    results = []
    scaled = scale_split(test, whole)
    for run in scaled:
        if isinstance(model, AnyCap):
            model.wear(run.channels)
        results.append(apply(model, name, run, "participant"))
    seconds = np.array([trained - start, (time.process_time() - trained) / len(test)])
    adapted: list[Prediction] = []
    if isinstance(model, Calibrated) and len(scaled) > 1:
        own = model.calibrate(scaled[:1])
        adapted = [apply(own, name, run, "calibrated") for run in scaled[1:]]
    return results, adapted, seconds


def _figures(run: SimulatedRun, samples: Samples, change: Floats) -> tuple[float, ...]:
    assert samples.targets is not None
    true, inside = samples.targets[:, run.coupled], run.coupled
    quiet, oracle = (rows[samples.volumes][:, inside] for rows in (run.noise_free, run.oracle))
    given = change[:, inside]
    return (
        r.overall(true, given),
        r.overall(quiet, given),
        r.overall(true, oracle),
        r.overall(quiet, oracle),
        r.overall(true, quiet),
    )


def _covered(
    results: Sequence[Prediction], truths: dict[str, tuple[SimulatedRun, Samples]]
) -> str:
    """Write what the intervals hold, how far off the worst network is, and their score against a constant's."""
    found = []
    for given in results:
        targets = truths[given.run][1].targets
        if given.spread is None or targets is None:
            return f"{'n/a':>18}{'n/a':>7}{'n/a':>8}{'n/a':>8}"
        found.append((given.participant, uncertainty.held(given, targets)))
    group = uncertainty.over_people(found)["group"]
    network = truths[results[0].run][0].network
    promised = np.array(uncertainty.SHARES)
    off = [
        group.inside[:, network == number].mean(axis=1) - promised for number in np.unique(network)
    ]
    inside = " ".join(f"{value:.3f}" for value in group.inside.mean(axis=1))
    score = group.score.mean()
    shares = (
        f"{score / group.score_without_eeg.mean():8.4f}{score / group.score_constant.mean():8.4f}"
    )
    return f"{inside:>18}{100 * np.abs(off).max():7.1f}{shares}"


def _p(results: Sequence[tuple[SimulatedRun, Samples, Floats]], seed: int) -> float:
    profiles = []
    for run, samples, change in results:
        assert samples.targets is not None
        shortest = int(np.ceil(WINDOW_S / run.tr_s))
        profiles.append(
            shift_profile(samples.targets, change, run.network + 1, shortest, 128.0 / run.tr_s)
        )
    width = cross_fitted_width(profiles)
    tests = shift_test(profiles, generator(seed, "shift test"), width=width)
    return next(test.p for test in tests if test.statistic == MAX_PARCEL_R)


if __name__ == "__main__":
    main()
