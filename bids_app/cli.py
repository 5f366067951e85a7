"""The command line: arguments → RunConfig → exit code."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bids_app import __version__, crash, interrupt, log, plugins
from bids_app.arguments import App, Labels, Spaces, megabytes, pairs
from bids_app.command import run
from bids_app.config import DENOISING, PRESETS
from bids_app.configure import configure

logger = logging.getLogger(__name__)


SWITCHES = {
    "skip_bids_validation": (
        ("--skip-bids-validation", "--skip_bids_validation", "--skip_bids_validator"),
        "Do not run the BIDS validator.",
    ),
    "strict_bids": (("--strict-bids",), "End with 16 when the BIDS validator finds errors."),
    "stop_on_first_crash": (
        ("--stop-on-first-crash",),
        "Stop at the first participant that fails.",
    ),
    "overwrite": (("--overwrite",), "Make everything again, and replace what other models wrote."),
    "dry_run": (("--dry-run",), "Print what is paired and what would be written; touch nothing."),
    "reports_only": (("--reports-only",), "Make the report pages again from what is on disk."),
    "preproc_only": (
        ("--preproc-only",),
        "Preprocess fMRI, anatomy and EEG, whatever there is of them; train and predict nothing.",
    ),
    "causal_scaling": (
        ("--causal-scaling",),
        "Scale a new person's EEG with what came before, not with the whole run.",
    ),
    "uncertainty": (
        ("--uncertainty",),
        "Also write the predictive standard deviation of synthesized BOLD, and which voxels are reliable.",
    ),
    "mask_unreliable": (
        ("--mask-unreliable",),
        "Leave voxels empty in which people left out of training were not predicted better than chance.",
    ),
    "sloppy": (("--sloppy",), "Coarse registration, for trying the app out; not for results."),
    "notrack": (("--notrack",), "Accepted; the app never tracks."),
}


def _switches(command: Any) -> Any:
    for name, (spellings, text) in reversed(SWITCHES.items()):
        command = click.option(name, *spellings, is_flag=True, default=None, help=text)(command)
    return command


@click.command(
    cls=App, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("bids_dir", type=click.Path(path_type=Path))
@click.argument("output_dir", type=click.Path(path_type=Path))
@click.argument("analysis_level", metavar="{participant,group}")
@click.option(
    "--participant_label",
    "--participant-label",
    "participant_labels",
    cls=Labels,
    prefix="sub-",
    help="Participants, with or without 'sub-'; all when left out.",
)
@click.option(
    "--session-label",
    "--session-id",
    "session_labels",
    cls=Labels,
    prefix="ses-",
    help="Sessions.",
)
@click.option("-t", "--task-id", "--task", "task_ids", cls=Labels, prefix="task-", help="Tasks.")
@click.option(
    "--run", "--run-id", "runs", cls=Labels, prefix="run-", help="Runs; 1 and 01 are the same."
)
@click.option(
    "--bids-filter-file",
    type=click.Path(path_type=Path),
    help="JSON of entity filters for bold, eeg, t1w.",
)
@click.option(
    "-d",
    "--derivatives",
    multiple=True,
    callback=pairs,
    metavar="NAME=PATH",
    help="Derivatives to reuse, such as fmriprep=/path.",
)
@click.option(
    "-w",
    "--work-dir",
    type=click.Path(path_type=Path),
    help="Intermediate results [OUTPUT_DIR/work].",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="A trained bundle to apply; needs EEG only."
)
@click.option(
    "--architecture",
    "architectures",
    multiple=True,
    metavar="NAME",
    help=f"What to train; repeatable [sources]. One of: {', '.join(plugins.names('models'))}.",
)
@click.option(
    "--window", "window_s", type=float, help="Seconds of EEG that go with a volume [30]."
)
@click.option(
    "--window-lag",
    "window_lag_s",
    type=float,
    help="Seconds from the window's end to its volume [0].",
)
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help="paper: windows that end at the trigger, EEG at 1000 Hz, the published network.",
)
@click.option(
    "--experiment",
    type=click.Choice(("paper",)),
    help="group: the paper's models, each tested in its ways and in honest ones, in place of the usual models.",
)
@click.option(
    "--targets",
    type=click.Choice(("voxels", "parcels", "components")),
    help="What models predict; synthesized images have all voxels anyway [voxels].",
)
@click.option(
    "--atlas",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Regions for --targets parcels, a NIfTI in the template; else the mask is divided.",
)
@click.option(
    "--fold",
    type=click.IntRange(1),
    help="group: train this fold only; a later call without it gathers what is trained.",
)
@click.option(
    "--calibrate-runs",
    type=click.IntRange(1),
    help="group, and participant with --model: also calibrate the model on this many runs of each new person with "
    "BOLD, and predict the others; reported apart.",
)
@click.option(
    "--max-steps", type=click.IntRange(1), help="Most training steps of each network, to try out."
)
@click.option(
    "--fmri-engine",
    type=click.Choice(("auto", "builtin", "fmriprep")),
    help="builtin, or fmriprep to run fMRIPrep; auto reuses -d fmriprep=PATH, else is builtin [auto].",
)
@click.option(
    "--fs-license-file",
    type=click.Path(path_type=Path),
    help="FreeSurfer's licence, for --fmri-engine fmriprep.",
)
@click.option(
    "--fmriprep-options",
    metavar="WORDS",
    help="Further options of fMRIPrep, in quotes.",
)
@click.option(
    "--dummy-scans",
    type=click.IntRange(0),
    help="Volumes before the steady state; found when left out.",
)
@click.option(
    "--slice-order",
    metavar="ORDER|FILE",
    help="Slices of runs without SliceTiming: ascending, descending, interleaved (1, 3, …, 2, 4, …), "
    "interleaved-even (2, 4, …, 1, 3, …), each with :mb-N for N slices at a time; or a text file of times or "
    "numbers; none corrects no run.",
)
@click.option(
    "--smoothing-fwhm",
    "smoothing_fwhm_mm",
    type=float,
    help="Smoothing of what the model learns, in mm [8].",
)
@click.option(
    "--denoise",
    type=click.Choice(DENOISING),
    help="Confounds to regress out of what the model learns, after drift: motion (24 terms), simple (and CSF, white "
    "matter), acompcor (motion, CompCor), scrubbing (simple with changes and squares, without moving volumes) [none].",
)
@click.option(
    "--output-spaces",
    cls=Spaces,
    metavar="SPACE ...",
    help="Template of the output, as SPACE[:res-MM], nilearn's or another in $TEMPLATEFLOW_HOME; func and T1w, to have "
    "BOLD in these spaces too [MNI152NLin2009aSym:res-3].",
)
@click.option(
    "--resolution", "resolution_mm", type=float, help="Voxel edge of the output, in mm [3]."
)
@click.option("--volume-marker", help="Name of the EEG's volume markers, when it cannot be told.")
@click.option(
    "--eeg-start",
    "eeg_start_s",
    type=float,
    help="Second of the EEG at which the first stored volume starts, when markers cannot tell.",
)
@click.option(
    "--eeg-dir",
    type=click.Path(path_type=Path),
    help="Second folder tree, which holds the EEG (for ds000116: the one of openFMRI).",
)
@click.option(
    "--eeg-variant",
    metavar="NAME",
    help="Which form of a recording, where there are several, such as raw, cleaned, noGA.",
)
@click.option(
    "--dry-run-format",
    type=click.Choice(("table", "tsv", "json")),
    help="How --dry-run prints [table].",
)
@click.option(
    "--n-volumes", type=click.IntRange(1), help="Volumes to synthesize for EEG without BOLD."
)
@click.option(
    "--eeg-steps",
    help="Artefacts of the scanner to remove from the EEG: auto (what is found), none, or some of gradient,loops,"
    "pulse [auto].",
)
@click.option("--device", help="auto, cpu or cuda[:n] [auto].")
@click.option(
    "--n-procs",
    "--nprocs",
    "--nthreads",
    "--n_cpus",
    "--n-cpus",
    type=click.IntRange(1),
    help="Processors to use [all that are allowed].",
)
@click.option("--omp-nthreads", type=click.IntRange(1), help="Threads of each process.")
@click.option(
    "--mem-mb",
    "--mem",
    "--mem_mb",
    callback=megabytes,
    help="Memory to stay within, in MB, or with G.",
)
@click.option("--random-seed", type=click.IntRange(0), help="The one seed [0].")
@click.option(
    "--config-file",
    type=click.Path(path_type=Path),
    help="TOML file of settings; the command line wins.",
)
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.option("-q", "--quiet", is_flag=True, help="Warnings and errors only.")
@_switches
@click.version_option(__version__, message="eeg2fmri %(version)s")
def command(**given: Any) -> int:
    """Synthesize fMRI from EEG, for a BIDS dataset of simultaneous EEG-fMRI or of EEG alone.

    participant: preprocess fMRI and EEG, pair each volume with the EEG before it, train and predict within the person,
    or apply a trained model.  group: leave each participant out in turn, score, and train the final model.
    """
    quiet, verbose = given.pop("quiet"), given.pop("verbose")
    log.setup(0 if quiet else 1 + verbose)
    interrupt.listen()
    config = configure(given, command)
    from bids_app import pipeline

    with crash.told_in(config.output_dir / "log", config.command):
        return pipeline.run(config)


def main(args: Sequence[str] | None = None) -> int:
    """Run the app.

    Parameters
    ----------
    args : sequence of str, optional
        Command line, without the program's name.

    Returns
    -------
    int
        Exit code of the BIDS Apps execution specification.
    """
    return run(command, "eeg2fmri", args, when_stopped="the same command goes on from here")
