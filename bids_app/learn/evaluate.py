"""Scores of runs, participants and the group, with the rows that any model is compared to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app import plugins
from bids_app.errors import DataError
from bids_app.learn.batches import chosen, targets_of
from bids_app.learn.parcels import parcel_means
from bids_app.metrics import r
from bids_app.values import Floats, Ints
from bids_app.values.outcome import Prediction, Score
from bids_app.values.samples import Samples, Split

ZERO, TRAINING_MEAN, PARTICIPANT_MEAN = "zero", "training-mean", "participant-mean"


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Volumes that know nothing of the EEG of a run, of shape (voxel,) each.

    Attributes
    ----------
    training_mean : ndarray of shape (voxel,)
        Mean target of the training set.
    participant_mean : ndarray of shape (voxel,)
        Mean target of the participant: an oracle for level, useless for dynamics.
    """

    training_mean: Floats
    participant_mean: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RunEvaluation:
    """What is kept of a run once its volumes are gone.

    Attributes
    ----------
    run, participant, model, split : str
        As in the prediction.
    scores : tuple of Score
        Of the model and of the reference rows.
    r : ndarray of shape (voxel,)
        Correlation over time of the model.
    """

    run: str
    participant: str
    model: str
    split: str
    scores: tuple[Score, ...]
    r: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Scores of all runs, participants and the group, and maps of r.

    Attributes
    ----------
    scores : tuple of Score
        ``on`` is a run, ``sub-LABEL`` (mean over their runs) or ``group`` (mean over
        participants).
    r : dict of (str, str) to ndarray of shape (voxel,)
        By model and ``sub-LABEL`` or ``group``; NaN where no run has a value.
    """

    scores: tuple[Score, ...]
    r: dict[tuple[str, str], Floats]


def evaluate(
    predictions: Iterable[Prediction],
    truths: Mapping[str, Samples],
    references: Mapping[str, References],
    labels: Ints,
) -> Evaluation:
    """Score predictions; they may come one by one, so that memory holds only one run.

    Parameters
    ----------
    predictions : iterable of Prediction
        One for each run and model.
    truths : dict of str to Samples
        With targets, by run.
    references : dict of str to References
        By run.
    labels : ndarray of shape (voxel,)
        Parcels, from :func:`bids_app.learn.parcels.parcels`.
    """
    return gather([
        evaluate_run(given, true_rows(given, truths[given.run]), references[given.run], labels)
        for given in predictions
    ])


def evaluate_run(
    prediction: Prediction, true: Floats, references: References, labels: Ints
) -> RunEvaluation:
    """Score one prediction.

    Parameters
    ----------
    prediction : Prediction
        Of a run, or of a part of it.
    true : ndarray of shape (sample, voxel)
        Measured change in the same volumes; see :func:`true_rows`.
    references : References
        The rows to compare with.
    labels : ndarray of shape (voxel,)
        Parcels.
    """
    rows = {
        prediction.model: prediction.change,
        ZERO: np.zeros((1, true.shape[1]), np.float32),
        TRAINING_MEAN: references.training_mean[None],
        PARTICIPANT_MEAN: references.participant_mean[None],
    }
    scores = [
        Score(name, value, unit, row, prediction.run, prediction.split)
        for row, change in rows.items()
        for name, value, unit in _figures(true, np.broadcast_to(change, true.shape), labels)
    ]
    return RunEvaluation(
        prediction.run,
        prediction.participant,
        prediction.model,
        prediction.split,
        tuple(scores),
        r.score(true, prediction.change).astype(np.float32),
    )


def gather(runs: Sequence[RunEvaluation]) -> Evaluation:
    """Average over the runs of a participant, then over participants: each counts the same."""
    # Two models of the same run bring the same reference rows.
    unique = {replace(score, value=0.0): score for run in runs for score in run.scores}
    by_run = list(unique.values())
    owner = {run.run: f"sub-{run.participant}" for run in runs}
    by_participant = _averaged(by_run, owner)
    group = _averaged(by_participant, dict.fromkeys(owner.values(), "group"))
    maps: dict[tuple[str, str], Floats] = {}
    for model in dict.fromkeys(run.model for run in runs):
        people: dict[str, list[Floats]] = {}
        for run in runs:
            if run.model == model:
                people.setdefault(owner[run.run], []).append(run.r)
        means = {label: mean_over_defined(found) for label, found in people.items()}
        maps |= {(model, label): found for label, found in means.items()}
        maps[model, "group"] = mean_over_defined(list(means.values()))
    return Evaluation((*by_run, *by_participant, *group), maps)


def true_rows(prediction: Prediction, truth: Samples) -> Floats:
    """Targets of shape (sample, voxel) of the volumes that were predicted, in their order.

    Raises
    ------
    DataError
        When the truth lacks one of them.
    """
    targets = targets_of(truth)
    where = np.searchsorted(truth.volumes, prediction.volumes)
    found = where < len(truth)
    if not found.all() or (truth.volumes[where] != prediction.volumes).any():
        raise DataError(
            f"{prediction.run}: {len(prediction.volumes)} volumes were predicted, "
            f"{int(np.isin(prediction.volumes, truth.volumes).sum())} of them were measured"
        )
    return targets[where]


def references_of(samples: Sequence[Samples], split: Split) -> dict[str, References]:
    """Give the reference rows of the test runs of a fold, by run.

    Parameters
    ----------
    samples : sequence of Samples
        Runs with targets.
    split : Split
        What was for training (inner validation included) and for test.
    """
    seen = [*chosen(samples, split.train), *chosen(samples, split.valid)]
    training = _mean_target(seen)
    tested = [run for run in samples if len(split.test.get(run.run, ()))]
    own = {
        label: _mean_target([run for run in samples if run.participant == label])
        for label in {run.participant for run in tested}
    }
    return {run.run: References(training, own[run.participant]) for run in tested}


def mean_over_defined(maps: Sequence[Floats]) -> Floats:
    """Mean of maps of shape (voxel,) over those that are not NaN; NaN where all are."""
    stacked = np.array(maps)
    defined = np.isfinite(stacked)
    count = defined.sum(axis=0)
    total = np.where(defined, stacked, 0).sum(axis=0)
    means: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means


def _figures(true: Floats, predicted: Floats, labels: Ints) -> list[tuple[str, float, str]]:
    """Name, value and unit of each figure of a run whose series have shape (time, voxel)."""
    by_voxel = r.score(true, predicted)
    # Rounding makes the mean of a parcel that cancels out look as if it varied.
    varies = bool(np.isfinite(by_voxel).any())
    by_parcel = r.score(parcel_means(true, labels), parcel_means(predicted, labels) * varies)
    defined, parcels = by_voxel[np.isfinite(by_voxel)], by_parcel[np.isfinite(by_parcel)]
    figures = [
        ("r_median", float(np.median(defined)) if defined.size else float("nan"), r.UNIT),
        ("r_parcel_mean", float(parcels.mean()) if parcels.size else float("nan"), r.UNIT),
        ("r_parcel_max", float(parcels.max()) if parcels.size else float("nan"), r.UNIT),
    ]
    for name in plugins.names("metrics"):
        metric = plugins.load("metrics", name)
        figures.append((name, metric.overall(true, predicted), metric.UNIT))
    return figures


def _averaged(scores: Sequence[Score], owner: Mapping[str, str]) -> list[Score]:
    """Means over what belongs to the same owner; runs without a value are left out of them."""
    groups: dict[Score, list[float]] = {}
    for score in scores:
        key = replace(score, value=0.0, on=owner[score.on])
        groups.setdefault(key, []).append(score.value)
    return [replace(key, value=_mean_defined(values)) for key, values in groups.items()]


def _mean_defined(values: Sequence[float]) -> float:
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _mean_target(runs: Sequence[Samples]) -> Floats:
    """Mean of all targets of some runs, shape (voxel,), float32; runs are summed one by one."""
    total = sum(targets_of(run).sum(axis=0, dtype=float) for run in runs)
    mean: Floats = (total / sum(len(run) for run in runs)).astype(np.float32)
    return mean
