"""The command ``eeg2fmri-simulate``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from bids_app import __version__
from bids_app.command import run


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("out_bids", type=click.Path(path_type=Path))
@click.option("--participants", default=4, show_default=True, help="How many people.")
@click.option("--runs", default=2, show_default=True, help="How many runs of each.")
@click.option("--seed", default=1, show_default=True, help="Everything follows from it.")
@click.option(
    "--size",
    type=click.Choice(["default", "small", "tiny"]),
    default="default",
    show_default=True,
    help="Grids and rates; tiny is for tests.",
)
@click.option(
    "--coupling",
    type=float,
    default=0.3,
    show_default=True,
    help="Share of BOLD variance that follows the EEG, in coupled voxels; 0 makes the two independent.",
)
@click.option(
    "--schedule-only",
    is_flag=True,
    help="Let the events drive EEG and BOLD, without trial-by-trial coupling.",
)
@click.option(
    "--artefacts", is_flag=True, help="Add gradient and pulse artefacts; the EEG then has 5000 Hz."
)
@click.option(
    "--tr", type=float, default=2.0, show_default=True, help="Repetition time in seconds."
)
@click.option("--volumes", type=int, help="Volumes of a run; from the size when not given.")
@click.option("--task", default="oddball", show_default=True, help="BIDS label of the task.")
@click.option(
    "--networks",
    default=4,
    show_default=True,
    help="Networks; theta, alpha, beta, gamma take turns.",
)
@click.option(
    "--head",
    type=click.Choice(["whole", "defaced", "stripped"]),
    default="whole",
    show_default=True,
    help="What the anatomy shows.",
)
@click.option(
    "--layout",
    type=click.Choice(["bids", "ds000116"]),
    default="bids",
    show_default=True,
    help="ds000116: its two tasks, in two folder trees, bids and openfmri; --runs counts those of each task.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say which run is being made.")
@click.version_option(__version__, prog_name="eeg2fmri-simulate")
def command(out_bids: Path, **options: Any) -> None:
    """Write a simulated EEG-fMRI dataset with a known coupling to OUT_BIDS, a new or empty folder.

    What is true of it goes to OUT_BIDS/sourcedata/truth, for ds000116 to OUT_BIDS/truth.
    """
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        # Sums over threads are not the same on every machine, and the matrices are small.
        os.environ.setdefault(threads, "1")
    from dataclasses import replace

    from bids_app import log
    from bids_app.simulate import dataset, openfmri
    from bids_app.simulate.settings import SIZES, SimulationSettings, with_coupling

    size = SIZES[options["size"]]
    if options["volumes"] is not None:
        size = replace(size, n_volumes=options["volumes"])
    settings = SimulationSettings(
        n_participants=options["participants"],
        n_runs=options["runs"],
        seed=options["seed"],
        task=options["task"],
        n_networks=options["networks"],
        schedule_only=options["schedule_only"],
        artefacts=options["artefacts"],
        head=options["head"],
        layout=options["layout"],
        tr_s=options["tr"],
        size=size,
    )
    if options["verbose"]:
        log.setup(1)
    simulate = openfmri.simulate if settings.layout == "ds000116" else dataset.simulate
    click.echo(simulate(with_coupling(settings, options["coupling"]), out_bids))


def main() -> int:
    """Run the command; return its exit code."""
    return run(command, "eeg2fmri-simulate")


if __name__ == "__main__":
    sys.exit(main())
