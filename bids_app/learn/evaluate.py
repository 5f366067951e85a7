"""Scores of runs, participants and the group, with the rows that any model is compared to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app import plugins
from bids_app.errors import DataError
from bids_app.learn.batches import targets_of
from bids_app.learn.dynamics import connectivity_similarity, effective_samples
from bids_app.learn.images import Frame, image_figures
from bids_app.learn.parcels import parcel_means
from bids_app.learn.references import PARTICIPANT_MEAN, ZERO, References
from bids_app.metrics import r
from bids_app.metrics.base import mean_of_defined
from bids_app.values import Floats, Ints
from bids_app.values.outcome import Prediction, Score
from bids_app.values.samples import Samples


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
    frames: Mapping[str, Frame] | None = None,
) -> Evaluation:
    """Score predictions; they may come one by one, so that memory holds only one run.

    Parameters
    ----------
    predictions : iterable of Prediction
        One for each run and model.
    truths : dict of str to Samples
        With targets, by run.
    references : dict of str to References
        By run; one without rows brings none.
    labels : ndarray of shape (voxel,)
        Parcels, from :func:`bids_app.learn.parcels.parcels`.
    frames : dict of str to Frame, optional
        By run, to score volumes as pictures too.
    """
    return gather([
        evaluate_run(
            given,
            true_rows(given, truths[given.run]),
            references[given.run],
            labels,
            (frames or {}).get(given.run),
        )
        for given in predictions
    ])


def evaluate_run(
    prediction: Prediction,
    true: Floats,
    references: References,
    labels: Ints,
    frame: Frame | None = None,
) -> RunEvaluation:
    """Score one prediction.

    Parameters
    ----------
    prediction : Prediction
        Of a run, or of a part of it.
    true : ndarray of shape (sample, voxel)
        Measured change in the same volumes; see :func:`true_rows`.
    references : References
        The rows to compare with, of these volumes.
    labels : ndarray of shape (voxel,)
        Parcels.
    frame : Frame, optional
        To score volumes as pictures too.
    """
    changes = {prediction.model: prediction.change}
    changes |= {name: row.change for name, row in references.rows.items()}
    means = parcel_means(true, labels)
    figures: dict[str, list[tuple[str, float, str]]] = {}
    for name, change in changes.items():
        by_voxel = r.score(true, change)
        figures[name] = _correlations(by_voxel, means, parcel_means(change, labels))
        figures[name] += _figures(true, change, by_voxel)
        if frame is not None and name in (prediction.model, ZERO, PARTICIPANT_MEAN):
            figures[name] += image_figures(true, change, frame)
        if name == prediction.model:
            own = by_voxel
    scores = [
        Score(name, value, unit, row, prediction.run, prediction.split)
        for row, found in figures.items()
        for name, value, unit in found
    ]
    return RunEvaluation(
        prediction.run,
        prediction.participant,
        prediction.model,
        prediction.split,
        tuple(scores),
        own.astype(np.float32),
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
    """Targets of shape (sample, voxel) of the volumes that were predicted, in their order; neighbours stay views.

    Raises
    ------
    DataError
        When the truth lacks one of them.
    """
    where = np.searchsorted(truth.volumes, prediction.volumes)
    found = where < len(truth)
    if not found.all() or (truth.volumes[where] != prediction.volumes).any():
        raise DataError(
            f"{prediction.run}: {len(prediction.volumes)} volumes were predicted, "
            f"{int(np.isin(prediction.volumes, truth.volumes).sum())} of them were measured"
        )
    return targets_of(truth.take(where))


def mean_over_defined(maps: Sequence[Floats]) -> Floats:
    """Mean of maps of shape (voxel,) over those that are not NaN; NaN where all are."""
    stacked = np.array(maps)
    defined = np.isfinite(stacked)
    count = defined.sum(axis=0)
    total = np.where(defined, stacked, 0).sum(axis=0)
    means: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return means


def _correlations(
    by_voxel: Floats, true: Floats, predicted: Floats
) -> list[tuple[str, float, str]]:
    """Name, value and unit of what correlates: voxels, shape (voxel,), and mean courses, (time, parcel)."""
    defined = by_voxel[np.isfinite(by_voxel)]
    # Rounding makes the mean of a parcel that cancels out look as if it varied.
    predicted = predicted * bool(defined.size)
    by_parcel = r.score(true, predicted)
    parcels = by_parcel[np.isfinite(by_parcel)]
    return [
        ("r_median", float(np.median(defined)) if defined.size else float("nan"), r.UNIT),
        ("r_parcel_mean", float(parcels.mean()) if parcels.size else float("nan"), r.UNIT),
        ("r_parcel_max", float(parcels.max()) if parcels.size else float("nan"), r.UNIT),
        ("fc", connectivity_similarity(true, predicted), r.UNIT),
        ("neff", effective_samples(true, predicted), ""),
    ]


def _figures(true: Floats, predicted: Floats, by_voxel: Floats) -> list[tuple[str, float, str]]:
    """Name, value and unit of each metric of a run whose series have shape (time, voxel)."""
    return [
        (
            name,
            mean_of_defined(by_voxel) if name == "r" else metric.overall(true, predicted),
            metric.UNIT,
        )
        for name in plugins.names("metrics")
        for metric in (plugins.load("metrics", name),)
    ]


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
