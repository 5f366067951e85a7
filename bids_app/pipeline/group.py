"""The group: each participant left out in turn, and a final model for people who are not in the dataset."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import provenance, reuse
from bids_app.derivatives.predictions import path_of
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.derivatives.write import write_scans
from bids_app.errors import AppError, MissingInputError, UsageError
from bids_app.files import tables
from bids_app.files.sidecar import read_json, write_json
from bids_app.learn import bundle as bundles
from bids_app.learn.evaluate import Evaluation
from bids_app.learn.references import References, references_of
from bids_app.learn.seed import generator
from bids_app.learn.train import fit
from bids_app.pipeline import alike, calibrated, denoise, prepare, rows
from bids_app.pipeline.apply import tell_label
from bids_app.pipeline.curves import draw_curves
from bids_app.pipeline.explain import write_patterns
from bids_app.pipeline.fold import FoldResult, Task, run_fold
from bids_app.pipeline.intervals import write_intervals
from bids_app.pipeline.judge import (
    Case,
    Judgement,
    draw_chance,
    draw_group,
    judge,
    judged_once,
    scores_of_controls,
)
from bids_app.pipeline.maps import write_maps
from bids_app.pipeline.origin import origin, scores_of
from bids_app.pipeline.place import Figures, target
from bids_app.pipeline.record import Record
from bids_app.pipeline.synthesis import write_fold
from bids_app.pipeline.within import usable
from bids_app.samples.scale import scale_split
from bids_app.samples.split import by_participant, whole
from bids_app.samples.targets import baseline
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples, Split

log = logging.getLogger(__name__)

T = TypeVar("T")

COLUMNS = ("on", "row", "split", "name", "value", "unit")
SCANS = {"r": "r_mean", "r2": "r2_mean", "mse": "mse"}


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """All that models of the group learn from.

    Attributes
    ----------
    runs : dict of str to PreprocessedRun
        By name.
    samples : list of Samples
        With targets against each participant's own median; targets are memory maps.
    eeg, bold : EegSpec, BoldSpec
        What models eat and give.
    levels : dict of str to ndarray of shape (voxel,)
        Median volume of each participant.
    contents : dict of str to str
        Content hash of each run.
    """

    runs: dict[str, PreprocessedRun]
    samples: list[Samples]
    eeg: EegSpec
    bold: BoldSpec
    levels: dict[str, Floats]
    contents: dict[str, str] = field(default_factory=dict)


def leave_out_each(labels: Sequence[str], config: RunConfig, record: Record) -> Cohort:
    """Predict each participant with a model that never saw them, write and score it.

    Returns
    -------
    Cohort
        For the final model.

    Raises
    ------
    MissingInputError
        When nobody has BOLD and EEG.
    """
    cohort = gather(labels, config, record)
    if len(cohort.levels) < 2:  # noqa: PLR2004 (someone to learn from, someone to judge)
        record.note(
            "one participant only: nobody could be left out, so that nothing says how good the model is"
        )
        return cohort
    for architecture in config.architectures:
        with record.attempt(f"group {architecture}"):
            task = Task(
                architecture, cohort.eeg, cohort.bold, "participant", cohort.contents, config
            )
            if task.calibrate_runs:
                calibrated.refuse_untrained(
                    architecture, cohort.eeg, cohort.bold, task.training.arguments
                )
            splits = denoise.without_scrubbed(
                by_participant(cohort.samples, generator(config.random_seed, "group")),
                cohort.samples, cohort.runs, config,
            )  # fmt: skip
            if config.fold is not None:
                run_fold(task, cohort.samples, numbered(splits, config.fold))
                record.n_done += 1
                continue
            keys = [task.key(split) for split in splits]
            make = partial(_predict, task, cohort, splits)
            judged_once(f"group_{architecture}", ("group", keys), config, make).tell(record)
            record.content.setdefault("models", []).append(architecture)
            record.n_done += 1
    if config.fold is None:
        _write_scores(config.output_dir, record)
    return cohort


def numbered(folds: Sequence[T], number: int) -> T:
    """Choose a fold by its number, from 1.

    Raises
    ------
    UsageError
        When there is no such fold.
    """
    if number > len(folds):
        raise UsageError(
            f"--fold {number}: there are {len(folds)} folds", hint=f"choose 1 to {len(folds)}"
        )
    return folds[number - 1]


def train_final(cohort: Cohort, config: RunConfig, record: Record) -> None:
    """Train each architecture on everybody, and keep it in ``OUT/models/NAME``."""
    everybody = whole(cohort.samples, generator(config.random_seed, "whole"))
    (split,) = denoise.without_scrubbed([everybody], cohort.samples, cohort.runs, config)
    for architecture in config.architectures:
        with record.attempt(f"final {architecture}"):
            task = Task(
                architecture, cohort.eeg, cohort.bold, "participant", cohort.contents, config
            )
            folder = config.output_dir / "models" / architecture
            stage = provenance.Stage(
                config.work_dir, config.output_dir, f"model_{architecture}", task.key(split)
            )
            if config.overwrite or stage.done() is None:
                log.info("%s: final model on %d participants", architecture, len(cohort.levels))
                fitted = fit(
                    architecture,
                    cohort.eeg,
                    cohort.bold,
                    scale_split(cohort.samples, split),
                    split,
                    task.training,
                )
                level = np.mean(list(cohort.levels.values()), axis=0)
                trained = origin(cohort.runs, list(cohort.levels), config) | {
                    "scores": scores_of(architecture, record)
                }
                bundles.save(bundles.pack(fitted, cohort.eeg, cohort.bold, level, trained), folder)
                stage.record([path for path in folder.iterdir() if path.is_file()], {})
            record.append("bundles", {"name": architecture, "path": f"models/{architecture}"})
            record.n_done += 1


def gather(labels: Sequence[str], config: RunConfig, record: Record) -> Cohort:
    """Bring together all runs of these people that a model can learn from.

    Raises
    ------
    MissingInputError
        When nobody has BOLD and EEG.
    """
    runs: list[PreprocessedRun] = []
    samples: list[Samples] = []
    record.content["participants"] = []
    for label in labels:
        told = record.append("participants", {"label": label, "status": "done", "reason": ""})
        n_failed = len(record.failures)
        with record.attempt(f"sub-{label}"):
            own_runs, own_samples = usable(label, config, record)
            runs += own_runs
            samples += own_samples
            if not own_runs:
                told |= {"status": "left out", "reason": _why_nothing(label, config)}
        if len(record.failures) > n_failed:
            told |= {"status": "failed", "reason": record.failures[-1].why}
    runs, samples, odd = alike.choose(runs, samples)
    _tell_odd(odd, {one.participant for one in samples}, record)
    if not runs:
        raise MissingInputError(
            f"{config.output_dir}: no participant has a run with both preprocessed BOLD and EEG",
            hint="run the participant level first, and look at its reports",
        )
    return _with_targets(runs, samples, config)


def _why_nothing(label: str, config: RunConfig) -> str:
    """What the participant level said of someone who has nothing to learn from."""
    try:
        errors = read_json(config.output_dir / f"sub-{label}" / "log" / "record.json")["errors"]
        told = "; ".join(f"{error['what']}: {error['why']}" for error in errors)
    except (AppError, KeyError, TypeError):
        told = ""
    return told or "no run has both preprocessed BOLD and EEG"


def _tell_odd(odd: dict[str, str], kept: set[str], record: Record) -> None:
    """Name those who are unlike the others: in the log, in the notes, and in their row when nothing of them is left."""
    for run, why in odd.items():
        log.warning("%s: left out: %s", run, why)
        record.note(f"{run} was left out: {why}")
    for row in record.content["participants"]:
        own = [text for run, text in odd.items() if run.startswith(f"sub-{row['label']}_")]
        if own and row["label"] not in kept:
            row |= {"status": "left out", "reason": "; ".join(dict.fromkeys(own))}


def _with_targets(
    runs: list[PreprocessedRun], samples: list[Samples], config: RunConfig
) -> Cohort:
    """Give each run its targets, against the participant's own median volume."""
    mask = prepare.model_mask(runs)
    eeg, bold = prepare.specifications(runs, samples, mask, config)
    levels = {}
    targets: dict[str, Floats] = {}
    for label in dict.fromkeys(run.entities.participant for run in runs):
        own = [run for run in runs if run.entities.participant == label]
        rows = [denoise.target_rows(run, mask, config) for run in own]
        levels[label] = baseline(rows)
        targets |= {
            run.name: prepare.changed_rows(run, some, levels[label], config)
            for run, some in zip(own, rows, strict=True)
        }
    return Cohort(
        runs={run.name: run for run in runs},
        # Volumes with a window follow each other, so that these are views of the memory maps.
        samples=[
            replace(run, targets=targets[run.run][run.volumes[0] : run.volumes[-1] + 1])
            for run in samples
        ],
        eeg=eeg,
        bold=bold,
        levels=levels,
        contents={
            run.name: prepare.content_hash(run, denoise.inputs(run, config)) for run in runs
        },
    )


def _predict(task: Task, cohort: Cohort, splits: Sequence[Split]) -> tuple[list[Path], Judgement]:
    written: list[Path] = []
    predictions: list[Prediction] = []
    controls: list[Prediction] = []
    results: list[FoldResult] = []
    references: dict[str, References] = {}
    known = rows.designs(cohort.samples, cohort.runs, task.kind)
    for split in splits:
        result = run_fold(task, cohort.samples, split)
        controls += [*result.forced, *result.constant]
        results.append(result)
        references |= references_of(cohort.samples, split, known)
        predictions += result.predictions
        written += _write_images(task, cohort, result)
    tell_label(task.config.output_dir, task.architecture, "participant")
    truths = {run.run: run for run in cohort.samples}
    levels = {run.run: cohort.levels[run.participant] for run in cohort.samples}
    told = rows.with_truth(references, cohort.runs, task.bold.mask, task.config)
    case = Case(truths, told, levels, task.bold.mask, cohort.runs, task.config)
    evaluation, judgement, found = judge(predictions, case, "group")
    judgement.scores.extend(scores_of_controls(controls, case))
    _judge_calibrated(task, results, predictions, case, judgement)
    draw_group(predictions, evaluation, case, judgement)
    written += write_patterns(predictions, (task.eeg, task.bold), case, judgement)
    about = [result.about for result in results]
    draw_curves(
        Figures(task.config.output_dir, None), task.architecture, about, judgement.figures[""]
    )
    written += write_maps(task, evaluation, found.voxels, case, judgement)
    if found.decides is not None:
        draw_chance(task.architecture, found.decides, case, judgement)
    written += write_intervals(task.architecture.replace("_", ""), predictions, case, judgement)
    if task.architecture == task.config.architectures[0]:
        written += _write_scans(task, cohort, predictions, evaluation)
    return written, judgement


def _write_images(task: Task, cohort: Cohort, result: FoldResult) -> list[Path]:
    """Write what a fold predicted, before calibration and after."""
    about = result.about
    trained = {name: about[name] for name in ("Weights", "TrainedOn")}
    written = []
    for prediction in (*result.predictions, *result.calibrated):
        told = trained | {"Origin": "group, this participant left out"}
        if prediction.split == calibrated.SPLIT:
            on = about["CalibratedOn"][prediction.participant]
            told = trained | {"Origin": f"group, {calibrated.ORIGIN}", "CalibratedOn": on}
        run, level = cohort.runs[prediction.run], cohort.levels[prediction.participant]
        written += write_fold(task, run, prediction, level, told)
    return written


def _judge_calibrated(
    task: Task,
    results: Sequence[FoldResult],
    predictions: Sequence[Prediction],
    case: Case,
    judgement: Judgement,
) -> None:
    """Score what calibrated models give, apart from the models that never saw the person."""
    if not task.calibrate_runs:
        return
    known = {who: runs for result in results for who, runs in result.about["CalibratedOn"].items()}
    adapted = [one for result in results for one in result.calibrated]
    calibrated.score(adapted, predictions, known, case, judgement)
    people = dict.fromkeys(prediction.participant for prediction in predictions)
    calibrated.tell_left_out(people, known, judgement)
    if adapted:
        tell_label(task.config.output_dir, task.architecture, calibrated.SPLIT)


def _write_scores(output_dir: Path, record: Record) -> None:
    scores = record.content["scores"]
    tables.write_tsv(
        output_dir / "group_scores.tsv",
        {name: [score[name] for score in scores] for name in COLUMNS},
    )


def _write_scans(
    task: Task, cohort: Cohort, predictions: Sequence[Prediction], evaluation: Evaluation
) -> list[Path]:
    """Put the first architecture's scores into each participant's scans.tsv, and their means into participants.tsv."""
    root = task.config.output_dir
    told = {
        f"synth_{name}": f"{name} of BOLD synthesized by {task.architecture} without this participant, against measured"
        for name in SCANS
    }
    figures: dict[str, dict[str, float]] = {}
    for score in evaluation.scores:
        if score.row == task.architecture and score.name in SCANS:
            figures.setdefault(score.on, {})[f"synth_{score.name}"] = score.value
    written: list[Path] = []
    for label in sorted({prediction.participant for prediction in predictions}):
        rows = {}
        for prediction in predictions:
            if prediction.participant == label:
                where = target(
                    task.config, cohort.runs[prediction.run].entities, task.bold.space, [], ""
                )
                bold = path_of(where, prediction)
                rows[bold.relative_to(root / f"sub-{label}").as_posix()] = figures.get(
                    prediction.run, {}
                )
        written += write_scans(root, label, rows, told)
    # Everybody who has a folder: the validator compares the two.
    people = list(reuse.participants(root))
    columns: dict[str, Sequence[object]] = {"participant_id": [f"sub-{label}" for label in people]}
    columns |= {
        name: [figures.get(f"sub-{label}", {}).get(name) for label in people] for name in told
    }
    sidecar = {name: {"Description": text} for name, text in told.items()}
    return [
        *written,
        tables.write_tsv(root / "participants.tsv", columns),
        write_json(root / "participants.json", sidecar),
    ]
