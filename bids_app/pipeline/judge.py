"""Predictions beside what was measured: scores, tests and figures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import provenance
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.files import nifti
from bids_app.learn.evaluate import Evaluation, evaluate, true_rows
from bids_app.learn.images import Frame
from bids_app.learn.nulls import NullTest
from bids_app.learn.parcels import parcel_means, parcels
from bids_app.learn.references import References
from bids_app.metrics import r
from bids_app.pipeline import chance
from bids_app.pipeline.place import Figures
from bids_app.pipeline.record import Record
from bids_app.report import figures
from bids_app.report.interval import of_mean
from bids_app.values import Floats
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples
from bids_app.values.space import Mask

log = logging.getLogger(__name__)

CHANCE_95 = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What predictions are judged against.

    Attributes
    ----------
    truths : dict of str to Samples
        Measured change, by run.
    references : dict of str to References
        Rows that know nothing of the EEG, by run.
    levels : dict of str to ndarray of shape (voxel,)
        Baseline volume, by run.
    mask : Mask
        Voxels.
    runs : dict of str to PreprocessedRun
        Files, for the figures.
    config : RunConfig
        The call.
    """

    truths: Mapping[str, Samples]
    references: Mapping[str, References]
    levels: Mapping[str, Floats]
    mask: Mask
    runs: Mapping[str, PreprocessedRun]
    config: RunConfig


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the report says of some predictions; plain values, so that it can be kept and told again.

    Attributes
    ----------
    scores, tests, ceilings, intervals : list of dict
        As the record holds them.
    figures : dict of str to list of dict
        By run; the group's under an empty name.
    notes : list of str
        Sentences for the report.
    """

    scores: list[dict[str, Any]] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    ceilings: list[dict[str, Any]] = field(default_factory=list)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def tell(self, record: Record) -> None:
        """Put all on record."""
        record.content["scores"] += self.scores
        for test in self.tests:
            record.append("tests", test)
        for row in self.intervals:
            record.append("intervals", row)
        # What is measured has one ceiling, whatever the model.
        record.content["ceilings"] = self.ceilings
        for figure in self.figures.get("", []):
            record.append("figures", figure)
        for entry in record.content.get("runs", []):
            entry["figures"] += self.figures.get(entry["run"], [])
        for note in self.notes:
            record.note(note)

    def files(self, root: Path) -> list[Path]:
        """The figures, below the output folder."""
        return [root / figure["path"] for found in self.figures.values() for figure in found]


def judged_once(
    name: str,
    decides: tuple[str, list[str]],
    config: RunConfig,
    make: Callable[[], tuple[list[Path], Judgement]],
) -> Judgement:
    """Predict, write and judge, unless that is done.

    Parameters
    ----------
    name : str
        Of whom, and by which model.
    decides : tuple of str and list of str
        The level, and the keys of the folds.
    config : RunConfig
        Where results are kept, and whether they are made again.
    make : callable
        Gives the files that were written, and the judgement.
    """
    level, keys = decides
    key = provenance.key(level, [], [*keys, config.uncertainty, config.mask_unreliable])
    stage = provenance.Stage(config.work_dir, config.output_dir, name, key)
    done = None if config.overwrite else stage.done()
    if done is not None:
        return Judgement(**done.told)
    written, judgement = make()
    stage.record([*written, *judgement.files(config.output_dir)], asdict(judgement))
    return judgement


def judge(
    predictions: Sequence[Prediction], case: Case, who: str, *, cross_fitted: bool = True
) -> tuple[Evaluation, Judgement, chance.Verdicts]:
    """Score predictions and test them against chance.

    Parameters
    ----------
    predictions : sequence of Prediction
        Of one architecture and one kind of split.
    case : Case
        What was measured.
    who : str
        Whom the tests are about: together with the seed it decides what is drawn.
    cross_fitted : bool, default=True
        See :func:`bids_app.learn.nulls.shift_test`; False for a model that saw none of these runs.
    """
    labels = parcels(case.mask, seed=case.config.random_seed)
    frames = {run: Frame(case.mask, level) for run, level in case.levels.items()}
    evaluation = evaluate(predictions, case.truths, case.references, labels, frames)
    pairs = [_pair(prediction, case) for prediction in predictions]
    found = chance.tested(pairs, labels, who, case.config, cross_fitted=cross_fitted)
    judgement = Judgement(
        scores=[asdict(score) for score in evaluation.scores],
        tests=found.tests,
        ceilings=chance.ceilings(pairs, labels),
        notes=found.notes,
    )
    return evaluation, judgement, found


def scores_of_controls(controls: Sequence[Prediction], case: Case) -> list[dict[str, Any]]:
    """Score what stands beside a model's predictions and is none: never tested or written.

    That is what it gives when it is shown the truth, and what it gives when its EEG is constant.
    """
    labels = parcels(case.mask, seed=case.config.random_seed)
    bare = {given.run: References(given.volumes, {}) for given in controls}
    return [asdict(score) for score in evaluate(controls, case.truths, bare, labels).scores]


def _pair(prediction: Prediction, case: Case) -> chance.Pair:
    truth, run = case.truths[prediction.run], case.runs[prediction.run]
    true = true_rows(prediction, truth)
    return chance.Pair(prediction, true, run, chance.shortest_shift(truth, run))


def draw_run(prediction: Prediction, case: Case, judgement: Judgement) -> None:
    """Draw one prediction beside what was measured."""
    true = true_rows(prediction, case.truths[prediction.run])
    run = case.runs[prediction.run]
    told = Figures(case.config.output_dir, run.entities)
    _draw_carpet(told, prediction, true, case)
    name = _name(prediction)
    chance = CHANCE_95 / np.sqrt(len(true))
    path = told.add(
        f"{name}R",
        f"Where they agree: {prediction.model}",
        f"Correlation over time of measured and synthesized BOLD in each voxel. One run says little: over {len(true)} "
        f"volumes chance alone gives correlations up to ±{chance:.2f} in 95 % of voxels, and more than that as "
        "neighbouring volumes are alike.",
    )
    draw_map(path, r.score(true, prediction.change), case, run)
    path = told.add(
        f"{name}Parcels",
        f"Best and worst region: {prediction.model}",
        "Mean time course of the parcel where the two agree best, and of the one where they agree worst. The best of "
        "many always looks good: the test in the table takes that into account.",
    )
    _draw_parcels(path, prediction, true, case)
    judgement.figures.setdefault(prediction.run, []).extend(told.told)


def _draw_carpet(told: Figures, prediction: Prediction, true: Floats, case: Case) -> None:
    run = case.runs[prediction.run]
    missing = np.setdiff1d(np.arange(prediction.n_volumes), prediction.volumes)
    path = told.add(
        f"{_name(prediction)}Carpet",
        f"Measured and synthesized BOLD: {prediction.model}",
        f"Each row is a voxel, each column a volume: measured on the left, synthesized by {prediction.model} on the "
        f"right. {len(missing)} volumes without a whole EEG window are blank.",
    )
    full = [np.full((prediction.n_volumes, true.shape[1]), np.nan, np.float32) for _ in range(2)]
    for rows, change in zip(full, (true, prediction.change), strict=True):
        rows[prediction.volumes] = change
    tr_s = float(run.metadata["RepetitionTime"])
    figures.carpet(path, full[0], full[1], _tissue(run, case.mask), tr_s, missing)


def _name(prediction: Prediction) -> str:
    return f"{prediction.model}{prediction.split}".replace("_", "")


def draw_group(
    predictions: Sequence[Prediction], evaluation: Evaluation, case: Case, judgement: Judgement
) -> None:
    """Draw the group's map of r and the scores of each participant."""
    model = predictions[0].model
    told = Figures(case.config.output_dir, None)
    people = list(dict.fromkeys(prediction.participant for prediction in predictions))
    values = {
        model: np.asarray([
            score.value
            for label in people
            for score in evaluation.scores
            if (score.name, score.row, score.on) == ("r", model, f"sub-{label}")
        ])
    }
    path = told.add(
        f"{model}Scores",
        f"Correlation for each left-out participant: {model}",
        "Each dot is one participant whom the model never saw: correlation over time, averaged over voxels and runs. "
        "The bar is the 95 % interval of the mean.",
    )
    interval = of_mean(values[model], correlation=True, seed=case.config.random_seed)
    figures.score_bars(path, values, {model: interval} if interval else {}, "mean r")
    path = told.add(
        f"{model}MeanR",
        f"Where measured and synthesized BOLD agree: {model}",
        "Correlation over time in each voxel, averaged over left-out participants.",
    )
    draw_map(path, evaluation.r[model, "group"], case)
    judgement.figures.setdefault("", []).extend(told.told)


def draw_chance(model: str, test: NullTest, case: Case, judgement: Judgement) -> None:
    """Draw where the score that decides lies among those of shifted predictions."""
    told = Figures(case.config.output_dir, None)
    path = told.add(
        f"{model}Chance",
        f"What chance would score: {model}",
        f"The largest correlation of a region, averaged over runs, of {test.n_drawn} predictions that were shifted in "
        "time (bars), and of the one that was not (line). The sentence at the top rests on it.",
    )
    figures.null_histogram(path, test.null, test.value, test.p, "largest r of a region")
    judgement.figures.setdefault("", []).extend(told.told)


def draw_map(path: Path, by_voxel: Floats, case: Case, run: PreprocessedRun | None = None) -> None:
    """Draw correlations, shape (voxel,), over the reference image of a run; by default of the first."""
    background = nifti.read_volume(_reference(run or next(iter(case.runs.values())))).data
    volume = case.mask.unflatten(by_voxel[None].astype(np.float32), np.nan)[..., 0]
    figures.r_map(path, volume, case.mask.grid, background, extent=case.mask.inside)


def _draw_parcels(path: Path, prediction: Prediction, true: Floats, case: Case) -> None:
    tr_s = float(case.runs[prediction.run].metadata["RepetitionTime"])
    labels = parcels(case.mask, seed=case.config.random_seed)
    means = [parcel_means(change, labels) for change in (true, prediction.change)]
    by_parcel = np.nan_to_num(r.score(means[0], means[1]))
    picked = [int(by_parcel.argmax()), int(by_parcel.argmin())]
    titles = ("best parcel", "worst parcel")
    full = [np.full((prediction.n_volumes, len(picked)), np.nan) for _ in means]
    for series, mean in zip(full, means, strict=True):
        series[prediction.volumes] = mean[:, picked]
    figures.timecourses(path, full[0], full[1], tr_s, titles)


def _reference(run: PreprocessedRun) -> Any:
    assert run.bold is not None
    return run.bold.with_name(
        run.bold.name.replace("_desc-preproc_bold.nii.gz", "_boldref.nii.gz")
    )


def _tissue(run: PreprocessedRun, mask: Mask) -> Any:
    grey, white = (nifti.read_volume(run.tissues[name]).data[mask.inside] for name in ("GM", "WM"))
    return np.where(grey >= white, "GM", "WM")
