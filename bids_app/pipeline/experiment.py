"""The paper's experiment: its models, tested as it did and as it should be, with the rows that its table lacks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from bids_app.config import RunConfig, settings
from bids_app.errors import UsageError
from bids_app.files import tables
from bids_app.learn.evaluate import RunEvaluation, evaluate_run, gather, true_rows
from bids_app.learn.parcels import parcels
from bids_app.learn.places import match
from bids_app.learn.predict import merge
from bids_app.learn.references import References, joined, references_of
from bids_app.learn.seed import generator
from bids_app.pipeline import prepare, rows
from bids_app.pipeline.fold import FoldResult, Task, forced_name, run_fold
from bids_app.pipeline.group import Cohort, numbered
from bids_app.pipeline.place import Figures
from bids_app.pipeline.record import Record
from bids_app.report import experiment, figures
from bids_app.report.interval import of_mean
from bids_app.samples.split import by_block, by_participant, by_run, shuffled
from bids_app.values import Floats, Ints
from bids_app.values.outcome import Prediction, Score
from bids_app.values.samples import Samples, Split

log = logging.getLogger(__name__)

REGIMES = ("shuffled", "run", "block", "participant")
NORMALISED = "-normalised"
PUBLISHED = {"siamese": 9.527e-4, "cnn": 7.087e-4, forced_name("transformer"): 4.976e-4}
"""Table 1 of Bricman & Borst (2021), left-out participants; the transformer was shown the true slices."""

COLUMNS = (
    "split",
    "row",
    "participants",
    "mse",
    "mse_low",
    "mse_high",
    "skill",
    "r",
    "r_low",
    "r_high",
    "published_mse",
)
ALL_NUMBERS = set(range(1, 18))
LEFT_OUT = 4


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """What of the experiment is done, table ``[experiment]``.

    Attributes
    ----------
    models : tuple of str
        Architectures.
    regimes : tuple of str
        Ways of testing: ``shuffled`` (which leaks), ``run``, ``block``, ``participant``.
    courses : tuple of str
        Time courses of the targets: ``raw``, ``normalised`` over each run.
    """

    models: tuple[str, ...] = ("ridge", "dense", "siamese", "cnn", "transformer")
    regimes: tuple[str, ...] = ("shuffled", "participant")
    courses: tuple[str, ...] = ("raw", "normalised")


@dataclass(frozen=True, slots=True)
class _Cell:
    """One way of testing: folds, each with the runs that it is about."""

    kind: str
    samples: list[Samples]
    folds: list[tuple[list[Samples], Split]]


def labels_of_paper(labels: Sequence[str], config: RunConfig, record: Record) -> tuple[str, ...]:
    """Leave out whom the paper left out, where the dataset is the paper's and nobody was chosen."""
    numbers = {int(label): label for label in labels if label.isdecimal()}
    if config.participant_labels or len(labels) != len(numbers) or set(numbers) != ALL_NUMBERS:
        return tuple(labels)
    record.note(f"participant {numbers[LEFT_OUT]} is left out, as in the paper")
    return tuple(label for label in labels if label != numbers[LEFT_OUT])


def run_experiment(cohort: Cohort, config: RunConfig, record: Record) -> None:
    """Train and test every model in every way; put tables and figure on record.

    Raises
    ------
    UsageError
        When a way of testing, or the fold that was asked for, does not exist.
    """
    asked = settings(ExperimentSettings, config.table("experiment"), "experiment")
    _check("regimes", asked.regimes, REGIMES)
    _check("courses", asked.courses, ("raw", "normalised"))
    _note_size(cohort, config, record)
    cells = _cells(cohort, asked, config)
    if config.fold is not None:
        numbered(max((cell.folds for cell in cells), key=len), config.fold)
    evaluations: list[RunEvaluation] = []
    learned: list[Floats] = []
    for cell in cells:
        for model in asked.models:
            with record.attempt(f"{model}, {cell.kind}"):
                found, places = _tested(cell, model, cohort, config)
                evaluations += found
                learned += places
                record.n_done += 1
    if config.fold is None:
        _tell(evaluations, config, record)
        _draw_places(cohort, learned, config, record)


def _check(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(given) - set(known)):
        raise UsageError(
            f"config file: [experiment] {name} has {unknown[0]!r}",
            hint=f"known: {', '.join(known)}",
        )


def _note_size(cohort: Cohort, config: RunConfig, record: Record) -> None:
    n_samples = sum(len(run) for run in cohort.samples)
    record.note(
        f"experiment: {len(cohort.levels)} participants, {len(cohort.samples)} runs, {n_samples} samples"
    )
    if config.max_steps:
        record.note(
            f"training was cut off after {config.max_steps} steps: these are not the models' best"
        )


def _tested(
    cell: _Cell, model: str, cohort: Cohort, config: RunConfig
) -> tuple[list[RunEvaluation], list[Floats]]:
    """Train and score a model in one way of testing; with what its folds learned of their channels."""
    task = Task(
        model, cohort.eeg, cohort.bold, cell.kind, cohort.contents, config, keeps_level=True
    )
    folds = cell.folds if config.fold is None else cell.folds[config.fold - 1 : config.fold]
    results = [(some, split, run_fold(task, some, split)) for some, split in folds]
    learned = [found.positions for *_, found in results if found.positions is not None]
    if config.fold is not None:
        return [], learned
    labels = parcels(cohort.bold.mask, seed=config.random_seed)
    return _evaluated(cell, results, labels, cohort), learned


def _cells(cohort: Cohort, asked: ExperimentSettings, config: RunConfig) -> list[_Cell]:
    cells = []
    for course in asked.courses:
        samples = cohort.samples
        if course == "normalised":
            samples = [
                replace(run, targets=prepare.normalised_rows(run.run, _targets(run), config))
                for run in samples
            ]
        suffix = NORMALISED if course == "normalised" else ""
        cells += [
            _Cell(f"{regime}{suffix}", samples, _folds(regime, samples, config))
            for regime in asked.regimes
        ]
    return cells


def _folds(
    regime: str, samples: list[Samples], config: RunConfig
) -> list[tuple[list[Samples], Split]]:
    rng = generator(config.random_seed, "experiment", regime)
    if regime == "shuffled":
        return [(samples, shuffled(samples, rng))]
    if regime == "participant":
        return [(samples, split) for split in by_participant(samples, rng)]
    if regime == "block":
        return [([run], split) for run in samples for split in by_block(run)]
    people: dict[str, list[Samples]] = {}
    for run in samples:
        people.setdefault(run.participant, []).append(run)
    return [(own, split) for own in people.values() for split in by_run(own, rng)]


def _targets(run: Samples) -> Floats:
    assert run.targets is not None
    return run.targets


def _evaluated(
    cell: _Cell,
    results: list[tuple[list[Samples], Split, FoldResult]],
    labels: Ints,
    cohort: Cohort,
) -> list[RunEvaluation]:
    """Score each run, its blocks put together, as predicted and, where it can be, as the truth was shown."""
    truths = {run.run: run for run in cell.samples}
    fitted: list[dict[str, References]] = []
    known = rows.designs(cell.samples, cohort.runs, cell.kind)
    parts: dict[tuple[str, str], list[Prediction]] = {}
    for samples, split, result in results:
        fitted.append(references_of(samples, split, known))
        for prediction in (*result.predictions, *result.forced, *result.constant):
            parts.setdefault((prediction.run, prediction.model), []).append(prediction)
    predictions = [merge(found) for found in parts.values()]
    references = joined(fitted)
    return [
        evaluate_run(given, true_rows(given, truths[given.run]), references[given.run], labels)
        for given in predictions
    ]


def _tell(evaluations: Sequence[RunEvaluation], config: RunConfig, record: Record) -> None:
    scores = gather(evaluations).scores
    record.content["scores"] += [asdict(score) for score in scores]
    table = [
        _row(scores, split, row, config.random_seed)
        for split in dict.fromkeys(score.split for score in scores)
        for row in dict.fromkeys(score.row for score in scores if score.split == split)
    ]
    record.content["experiment"] = table
    for part in experiment.of(record.content):
        for line in experiment.lines(part):
            log.info("%s", line)
    root = config.output_dir
    tables.write_tsv(
        root / "group_experiment_table.tsv",
        {name: [row[name] for row in table] for name in COLUMNS},
    )
    names = ("on", "row", "split", "name", "value", "unit")
    tables.write_tsv(
        root / "group_experiment_folds.tsv",
        {
            name: [getattr(score, name) for score in scores if score.on != "group"]
            for name in names
        },
    )


def _row(scores: Sequence[Score], split: str, row: str, seed: int) -> dict[str, Any]:
    """One row of Table 1: means over participants, and their intervals."""
    own = [
        score
        for score in scores
        if (score.split, score.row) == (split, row)
        and score.on.startswith("sub-")
        and "_" not in score.on
    ]
    found = {
        name: np.array([score.value for score in own if score.name == name])
        for name in ("mse", "skill", "r")
    }
    told: dict[str, Any] = {"split": split, "row": row, "participants": len(found["mse"])}
    for name, values in found.items():
        kept = values[np.isfinite(values)]
        low, high = of_mean(values, correlation=name == "r", seed=seed) or (None, None)
        told[name] = float(kept.mean()) if kept.size else None
        if name == "mse" and low is not None:
            low = max(low, 0.0)  # few people give wide intervals; no error is below 0
        if name != "skill":
            told[f"{name}_low"], told[f"{name}_high"] = low, high
    told["published_mse"] = PUBLISHED.get(row) if split == "participant" else None
    return told


def _draw_places(cohort: Cohort, learned: list[Floats], config: RunConfig, record: Record) -> None:
    """Answer the paper's question whether learned positions come to match those of the electrodes."""
    first = next(iter(cohort.runs.values()))
    positions_m = prepare.hear_mapped(first, config).positions_m
    found = match(learned, positions_m, generator(config.random_seed, "places"))
    if found is None:
        record.note(
            "no figure of learned channel positions: none were learned, or electrodes have no known place"
        )
        return
    told = Figures(config.output_dir, None)
    words = f"rank correlation {found.rho:+.2f}, p = {found.p:.3f}"
    path = told.add(
        "channelPositions",
        "Do learned channel positions match the electrodes?",
        f"Each dot is a pair of channels, in the mean over {len(learned)} trained transformers. If what they learn of "
        "their channels came to match the places of the electrodes, distances would grow together: "
        f"{words} (permutations of the channels).",
    )
    figures.channel_distances(path, found.on_head_m, found.learned, words)
    for figure in told.told:
        record.append("figures", figure)
