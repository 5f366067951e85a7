"""What the rows that hear no EEG know of each run: its clock, its events and, in a simulation, the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.files import nifti
from bids_app.learn.events import responses
from bids_app.learn.references import EVENTS, TIME_ONLY, References, Row, time_courses
from bids_app.preproc import fmri
from bids_app.simulate import truth
from bids_app.values import Floats, Ints
from bids_app.values.samples import Samples
from bids_app.values.space import Mask

NOISE_FREE, ORACLE = "noise-free", "oracle"


def schedule_of(run: PreprocessedRun) -> dict[str, list[float]]:
    """Onsets of each kind of event of a run, in seconds after the first volume began; empty for rest."""
    found: dict[str, list[float]] = run.eeg_metadata.get("Schedule", {})
    return found


def tr_of(run: PreprocessedRun) -> float:
    """Repetition time in seconds."""
    return float(run.metadata["RepetitionTime"])


def times_of(run: PreprocessedRun, volumes: Ints) -> Floats:
    """When volumes, shape (sample,), were measured, in seconds after the first volume began."""
    times_s: Floats = volumes * tr_of(run) + float(run.metadata.get("StartTime", 0.0))
    return times_s


def designs(
    samples: Sequence[Samples], runs: Mapping[str, PreprocessedRun], kind: str
) -> dict[str, dict[str, Floats]]:
    """Describe samples without EEG, for :func:`bids_app.learn.references.references_of`.

    Parameters
    ----------
    samples : sequence of Samples
        Runs.
    runs : dict of str to PreprocessedRun
        Their files.
    kind : str
        Of the split. Where blocks of one run are left out no other run tells of their position.

    Returns
    -------
    dict of str to dict of str to ndarray of shape (sample, column)
        By row and run.
    """
    found = {} if kind == "block" else {TIME_ONLY: time_courses(samples)}
    kinds = sorted({name for run in samples for name in schedule_of(runs[run.run])})
    if kinds:
        found[EVENTS] = {
            run.run: responses(
                {name: schedule_of(runs[run.run]).get(name, []) for name in kinds},
                times_of(runs[run.run], run.volumes),
            )
            for run in samples
        }
    return found


def with_truth(
    references: dict[str, References],
    runs: Mapping[str, PreprocessedRun],
    mask: Mask,
    config: RunConfig,
) -> dict[str, References]:
    """Add what only a simulated dataset knows: its BOLD without noise, and the best that its EEG allows.

    Both are smoothed as the targets are. Nothing is added where the dataset is not simulated, or not there.
    """
    maps: dict[str, Floats] = {}
    told = {}
    for name, found in references.items():
        told[name] = found
        if (config.bids_dir / truth.FOLDER / f"sub-{runs[name].entities.participant}").is_dir():
            known = truth.read_run_truth(config.bids_dir, name)
            label = runs[name].entities.participant
            if label not in maps:
                maps[label] = _smoothed(known, runs[name], mask, config)
            rows = {
                NOISE_FREE: Row(known.bold[found.tested], maps[label]),
                ORACLE: Row(known.oracle[found.tested], maps[label]),
            }
            told[name] = replace(found, rows={**found.rows, **rows})
    return told


def _smoothed(
    known: truth.RunTruth, run: PreprocessedRun, mask: Mask, config: RunConfig
) -> Floats:
    """Fractional change for a change of 1 in each network, shape (network, voxel), smoothed within the brain."""
    assert run.mask is not None
    brain = nifti.read_mask(run.mask)
    volumes = brain.unflatten(known.weights(brain).astype(np.float32))
    smooth = fmri.smooth(volumes, brain.grid, config.smoothing_fwhm_mm, brain.inside)
    weights: Floats = mask.flatten(smooth)
    return weights
