"""Synthesized BOLD of a person from a model that learned from other data of the same person."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import AppError
from bids_app.learn.predict import merge
from bids_app.learn.references import References, joined, references_of
from bids_app.learn.seed import generator
from bids_app.pipeline import denoise, prepare, rows
from bids_app.pipeline.curves import draw_curves
from bids_app.pipeline.fold import Task, run_fold
from bids_app.pipeline.judge import (
    Case,
    Judgement,
    draw_run,
    judge,
    judged_once,
    scores_of_controls,
)
from bids_app.pipeline.place import Figures
from bids_app.pipeline.record import Record
from bids_app.pipeline.synthesis import write_fold
from bids_app.samples.split import by_block, by_run
from bids_app.samples.targets import baseline, fractional_change
from bids_app.values import Floats
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples, Split
from bids_app.values.space import Mask

log = logging.getLogger(__name__)


def predict_within(label: str, config: RunConfig, record: Record) -> None:
    """Train on a participant's other runs (or other parts of the only run), and write what is predicted.

    Parameters
    ----------
    label : str
        Participant.
    config : RunConfig
        The call.
    record : Record
        Is told what came out.
    """
    runs, samples = usable(label, config, record)
    if not runs:
        record.note("no run has both BOLD and EEG: nothing was predicted")
        return
    kind = "run" if len(runs) > 1 else "block"
    if kind == "block" and denoise.pools_time(config):
        record.note(
            f"--denoise {config.denoise}: its components come from all volumes of the only run, those for test "
            "included: nothing was predicted within the person"
        )
        return
    mask = prepare.model_mask(runs)
    eeg, bold = prepare.specifications(runs, samples, mask, config)
    contents = {run.name: prepare.content_hash(run, denoise.inputs(run, config)) for run in runs}
    for architecture in config.architectures:
        with record.attempt(f"sub-{label} {architecture} within the person"):
            rng = generator(config.random_seed, "within", label)
            splits = by_run(samples, rng) if kind == "run" else by_block(samples[0])
            data = _Data(runs, samples, mask, config)
            splits = denoise.without_scrubbed(splits, samples, data.runs, config)
            task = Task(architecture, eeg, bold, kind, contents, config)
            keys = [task.key(split) for split in splits]
            make = partial(_predict, task, data, splits)
            name = f"sub-{label}_{architecture}_{kind}"
            judged_once(name, ("within", keys), config, make).tell(record)


def usable(
    label: str, config: RunConfig, record: Record
) -> tuple[list[PreprocessedRun], list[Samples]]:
    """Runs of one participant with BOLD, EEG and at least one whole window, and their windows.

    Those of this call only: the filters of the command line hold here too.
    """
    processed = {
        row["run"] for row in record.content.get("pairings", []) if row["status"] == "done"
    }
    runs, samples = [], []
    for run in prepare.trainable(reuse.runs(config.output_dir, label, config.template)):
        if record.name != "group" and run.name not in processed:
            continue
        try:
            found = prepare.samples_of(run, config)
        except AppError as error:
            record.fail_run(run.name, error)
            continue
        runs.append(run)
        samples.append(found)
        for row in record.content.get("pairings", []):
            if row["run"] == run.name:
                row["n_samples"] = len(found)
                row["volumes_without_prediction"] = found.n_volumes - len(found)
    return runs, samples


class _Data:
    """One participant's runs."""

    def __init__(
        self, runs: list[PreprocessedRun], samples: list[Samples], mask: Mask, config: RunConfig
    ) -> None:
        self.runs = {run.name: run for run in runs}
        self.samples = samples
        self.mask = mask
        self.config = config

    def targets(self, split: Split) -> tuple[list[Samples], Floats]:
        """Runs with targets against the median of the training volumes, and that median, shape (voxel,)."""
        by_name = {run.run: run for run in self.samples}
        seen = {
            name: np.unique(
                np.concatenate([part[name] for part in (split.train, split.valid) if name in part])
            )
            for name in {*split.train, *split.valid}
        }
        rows = {
            # Of a run that is split, what is for test must not decide what the rest is.
            name: denoise.target_rows(
                run, self.mask, self.config,
                by_name[name].volumes[seen[name]] if name in seen and name in split.test else None,
            )
            for name, run in self.runs.items()
        }  # fmt: skip
        level = baseline([
            rows[name][by_name[name].volumes[index]]
            for name, index in sorted(seen.items())
            if len(index)
        ])
        changed = [
            replace(run, targets=fractional_change(rows[run.run][run.volumes], level))
            for run in self.samples
        ]
        return changed, level


def _predict(task: Task, data: _Data, splits: Sequence[Split]) -> tuple[list[Path], Judgement]:
    parts: dict[str, list[Prediction]] = {}
    controls: dict[tuple[str, str], list[Prediction]] = {}
    truths: dict[str, list[tuple[Samples, Split]]] = {}
    references: list[dict[str, References]] = []
    known = rows.designs(data.samples, data.runs, task.kind)
    levels: dict[str, list[Floats]] = {}
    about: dict[str, list[dict[str, Any]]] = {}
    for split in splits:
        samples, median = data.targets(split)
        result = run_fold(task, samples, split)
        references.append(references_of(samples, split, known))
        for control in (*result.forced, *result.constant):
            controls.setdefault((control.run, control.model), []).append(control)
        for prediction in result.predictions:
            parts.setdefault(prediction.run, []).append(prediction)
            levels.setdefault(prediction.run, []).append(median)
            about.setdefault(prediction.run, []).append(result.about)
            own = next(run for run in samples if run.run == prediction.run)
            truths.setdefault(prediction.run, []).append((own, split))
    predictions = [merge(found) for found in parts.values()]
    measured = {name: _measured(found) for name, found in truths.items()}
    level = {run: np.mean(found, axis=0) for run, found in levels.items()}
    told = rows.with_truth(joined(references), data.runs, task.bold.mask, task.config)
    case = Case(measured, told, level, task.bold.mask, data.runs, task.config)
    written = []
    for prediction in predictions:
        run = data.runs[prediction.run]
        trained = _trained(about[prediction.run])
        written += write_fold(task, run, prediction, level[prediction.run], trained)
    _, judgement, _ = judge(predictions, case, data.samples[0].participant)
    judgement.scores.extend(scores_of_controls([merge(one) for one in controls.values()], case))
    for prediction in predictions:
        draw_run(prediction, case, judgement)
        place = Figures(task.config.output_dir, data.runs[prediction.run].entities)
        draw_curves(
            place, task.architecture, about[prediction.run], judgement.figures[prediction.run]
        )
    return written, judgement


def _trained(folds: list[dict[str, Any]]) -> dict[str, Any]:
    """Say what the models of a run were trained on."""
    return {
        "Origin": "within participant",
        "Weights": [fold["Weights"] for fold in folds],
        "TrainedOn": sorted({name for fold in folds for name in fold["TrainedOn"]}),
    }


def _measured(found: list[tuple[Samples, Split]]) -> Samples:
    """What was measured in the tested volumes of a run, each against the baseline of its own fold."""
    run = found[0][0]
    index = np.concatenate([split.test[run.run] for _, split in found])
    targets = np.concatenate([own.take(split.test[run.run]).targets for own, split in found])
    order = np.argsort(index)
    return replace(run.take(index[order]), targets=targets[order])
