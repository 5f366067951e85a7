"""Whether explanations find what was planted: scalp patterns, bands and lags of networks, in simulated people.

Each participant is predicted by a model of the others; forward patterns of the predictions are compared, network by
network, with the power that the network's dipoles have at the electrodes, the band that they oscillate in, and the
peak of the haemodynamic response. Printed: correlation of topographies over electrodes, the largest correlation of the
planted topography with that of another network, bands, sign, and lags.

    python benchmarks/patterns.py --participants 4 --runs 2
"""

from __future__ import annotations

import argparse

import numpy as np
from left_out import leave_one_out, samples_of, specifications

from bids_app.learn.parcels import parcel_means
from bids_app.learn.patterns import Pattern, Patterns, of_region, patterns
from bids_app.simulate.samples_level import SimulatedRun, simulate_recordings
from bids_app.simulate.settings import sized

N_VOXELS = 64


def main() -> None:
    """Simulate, predict, explain, and print the table."""
    asked = _arguments()
    people = {"n_participants": asked.participants, "n_runs": asked.runs}
    settings = sized("tiny", n_networks=asked.networks, **people)
    runs = list(simulate_recordings(settings, asked.seed, N_VOXELS))
    samples = [samples_of(run) for run in runs]
    by_name = {one.run: (run, one) for run, one in zip(runs, samples, strict=True)}
    print(
        f"{'model':9}{'network':9}{'topography r':>13}{'others':>8}{'band':>12}{'found':>12}{'sign':>6}{'lag s':>7}"
        f"{'planted':>9}"
    )
    for architecture in asked.architecture:
        predictions = leave_one_out(architecture, runs, samples, asked.seed)
        pairs = [
            # Voxels of no network are region 0.
            (by_name[one.run][1], parcel_means(one.change, runs[0].network + 1))
            for one in predictions
        ]
        found = patterns(pairs, *specifications(runs[0], samples[0]))
        for number in range(asked.networks):
            _tell(architecture, number, found, runs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--participants", type=int, default=4)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--architecture", action="append", default=None)
    asked = parser.parse_args()
    asked.architecture = asked.architecture or ["ridge", "sources"]
    return asked


def _tell(architecture: str, number: int, found: Patterns, runs: list[SimulatedRun]) -> None:
    pattern: Pattern = of_region(found, number + 1)
    planted = np.mean([run.topographies for run in runs], axis=0)
    network = runs[0].networks[number]
    # Decibels are relative: times the power that is there, they are the power that comes and goes.
    given = network.sign * pattern.topography * found.power[:, pattern.band]
    others = [
        np.corrcoef(planted[number], row)[0, 1] for row in np.delete(planted, number, axis=0)
    ]
    low, high = found.bands_hz[pattern.band]
    band = f"{network.band_hz[0]:g}-{network.band_hz[1]:g} Hz"
    sign = "right" if np.sign(pattern.topography.sum()) == network.sign else "wrong"
    peak_s = np.mean([run.hrf_peak_s for run in runs])
    print(
        f"{architecture:9}{network.name:9}{np.corrcoef(planted[number], given)[0, 1]:13.3f}"
        f"{max(others, default=np.nan):8.2f}{band:>12}{f'{low:g}-{high:g} Hz':>12}{sign:>6}{pattern.lag_s:7.2f}"
        f"{peak_s:9.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
