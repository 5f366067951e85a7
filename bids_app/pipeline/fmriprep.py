"""The engine ``fmriprep``: fMRIPrep is run on who needs it, and what it left is reused."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from bids_app.config import TEMPLATE, RunConfig
from bids_app.derivatives import provenance
from bids_app.external import fmriprep
from bids_app.external.fmriprep import SPACE, FmriprepCall
from bids_app.files.sidecar import write_json

NAME = "fmriprep"
# Those of its queries that this app's filter files have too.
QUERIES = ("bold", "t1w", "sbref", "fmap", "flair", "t2w", "roi")


def engaged(config: RunConfig) -> RunConfig:
    """The call, with fMRIPrep's output among its derivatives when fMRIPrep is to run.

    Raises
    ------
    UsageError
        When it is to run, and is not installed.
    """
    if config.fmri_engine != NAME:
        return config
    fmriprep.program(os.environ.get("EEG2FMRI_CONTAINER"))
    place = config.output_dir / "sourcedata" / "fmriprep"
    place.mkdir(parents=True, exist_ok=True)
    return replace(config, derivatives={NAME: place, **config.derivatives})


def ensure(config: RunConfig, labels: tuple[str, ...]) -> None:
    """Run fMRIPrep on those participants that it has not done.

    Parameters
    ----------
    config : RunConfig
        From :func:`engaged`.
    labels : tuple of str
        Participants that there is work for.

    Raises
    ------
    DeviceError
        When it fails.
    """
    if config.fmri_engine != NAME:
        return
    stages = {label: _stage(label, config) for label in labels}
    waiting = tuple(
        label for label, stage in stages.items() if config.overwrite or stage.done() is None
    )
    if not waiting:
        return
    found = fmriprep.program(os.environ.get("EEG2FMRI_CONTAINER"))
    fmriprep.run(_call(config, waiting), found)
    for label in waiting:
        page = config.derivatives[NAME] / f"sub-{label}.html"
        stages[label].record([page] if page.is_file() else [], {"program": str(found)})


def _call(config: RunConfig, labels: tuple[str, ...]) -> FmriprepCall:
    return FmriprepCall(
        bids_dir=config.bids_dir,
        output_dir=config.derivatives[NAME],
        work_dir=config.work_dir / NAME,
        labels=labels,
        license_file=config.fs_license_file,
        filter_file=_filter_file(config),
        n_procs=config.n_procs,
        omp_nthreads=config.omp_nthreads,
        mem_mb=config.mem_mb,
        random_seed=config.random_seed,
        n_dummies=config.dummy_scans,
        skip_validation=config.skip_bids_validation,
        sloppy=config.sloppy,
        space=SPACE if config.template == TEMPLATE else f"{config.template}:res-2",
        options=tuple(shlex.split(config.fmriprep_options)),
    )


def _stage(label: str, config: RunConfig) -> provenance.Stage:
    images = (
        path for path in (config.bids_dir / f"sub-{label}").rglob("*.nii*") if path.is_file()
    )
    sidecars = (config.bids_dir / f"sub-{label}").rglob("*.json")
    call = replace(_call(config, (label,)), n_procs=1, omp_nthreads=1, mem_mb=None)
    key = provenance.key(NAME, [*images, *sidecars], call)
    return provenance.Stage(config.work_dir, config.output_dir, f"sub-{label}_fmriprep", key)


def _filter_file(config: RunConfig) -> Path | None:
    """Write the call's filters, sessions, tasks and runs as a filter file of fMRIPrep's."""
    filters: dict[str, dict[str, Any]] = {
        query: dict(wanted) for query, wanted in config.filters.items() if query in QUERIES
    }
    chosen: dict[str, Any] = {
        "session": list(config.session_labels),
        "task": list(config.task_ids),
        "run": [int(run) if run.isdecimal() else run for run in config.runs],
    }
    chosen = {name: labels for name, labels in chosen.items() if labels}
    if chosen:
        filters["bold"] = chosen | filters.get("bold", {})
    if not filters:
        return None
    return write_json(config.work_dir / "fmriprep_filter.json", filters)
