"""Score tables: which rows and columns, in which order, and how a figure is written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from bids_app.report import interval
from bids_app.report.record import Table, number, text

SPLITS = {
    "participant": "The model never saw this person: it was trained on other participants only.",
    "run": "The model saw other runs of this person, but never this run.",
    "block": (
        "The model saw other parts of this same run; a gap around each test part was left out "
        "(purged)."
    ),
    "calibrated": (
        "The model was trained on other participants and then calibrated on the first runs of this person, with their "
        "BOLD; only the other runs are scored. Rows “uncalibrated” are the model that never saw this person, in the "
        "same runs."
    ),
    "shuffled": (
        "This leaks, and stands here to reproduce published figures only: overlapping windows were dealt out at "
        "random, so that the model saw nearly the same EEG and BOLD in training."
    ),
    "insample": (
        "The model was trained on these very data, so its scores would mean nothing and are not "
        "shown."
    ),
}
UNSCORED = "insample"
LEAKING = "shuffled"
FORCED = "teacher forced"
NORMALISED = "-normalised"
COURSES = (
    "Each voxel’s measured course was normalised over its run, so that MSE is in squared standard deviations, and 1 "
    "for predicting no change."
)
REFERENCES = {
    "zero": "no change at all: every volume equals the baseline",
    "training mean": "the mean volume of the training data, the same at every time",
    "participant mean": (
        "this person's own measured mean volume, which no model may know: what anatomy alone gives"
    ),
    "time only": "a slow curve of the position in the run, learned from the training data, without EEG",
    "events": (
        "the task's events convolved with haemodynamic responses, their sizes learned from the training data, without "
        "EEG"
    ),
    "noise free": "the BOLD of the simulation without its noise: the noise ceiling, which nothing can exceed",
    "oracle": (
        "what the recorded EEG tells to one who knows the simulation's lead field and this person's response: the "
        "ceiling of every model"
    ),
}
CONTROL = "constant eeg"
CONTROLS = "the same model, trained and tested once more on EEG that never changes: what is left without any EEG"
METRICS = {
    "r": (
        "Pearson correlation in time between measured and synthesized signal of a voxel, mean over "
        "voxels; of parcels where it says so"
    ),
    "r2": (
        "share of the measured variance in time that is explained, both demeaned; negative when "
        "worse than a flat line"
    ),
    "mse": "mean squared error in squared fractional signal change, the unit of the paper's table",
    "skill": "1 − MSE / MSE of the row zero; above 0 is better than predicting no change",
    "fc": (
        "functional-connectivity similarity: correlation of the correlations between the regions of measured and of "
        "synthesized BOLD; networks alone, without any EEG, can make it high"
    ),
    "neff": (
        "effective number of samples: how many independent volumes a correlation rests on, as neighbours are alike; by "
        "chance alone a voxel’s r scatters with a standard deviation of 1 / √n"
    ),
}
IMAGES = {
    "ssim": "structural similarity of volumes",
    "psnr": "peak signal-to-noise ratio of volumes",
    "rmse": "root-mean-square error of volumes",
}
NAMES = {
    "r": "r",
    "r2": "R²",
    "mse": "MSE",
    "skill": "skill",
    "fc": "FC similarity",
    "neff": "effective n",
    "ssim": "SSIM",
    "psnr": "PSNR",
    "rmse": "RMSE",
}
MINUS = "−"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """One table of scores.

    Attributes
    ----------
    on : str
        What was scored.
    split : str
        Which data the models had seen.
    meaning : str
        The split in words.
    columns : tuple of str
        Headings.
    rows : tuple of (str, bool, tuple of str)
        Heading, whether it is a model, and one cell per column.
    of_images : bool
        Whether volumes were scored as pictures.
    """

    on: str
    split: str
    meaning: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, bool, tuple[str, ...]], ...]
    of_images: bool = False


@dataclass(frozen=True, slots=True)
class PeopleTable:
    """One score of each participant (rows) and model (columns), with mean and interval.

    Attributes
    ----------
    metric : str
        Which score.
    meaning : str
        The split in words.
    models : tuple of str
        Columns.
    rows : tuple of (str, tuple of str)
        Participant and one cell per model.
    means, intervals : tuple of str
        One per model.
    """

    metric: str
    meaning: str
    models: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    means: tuple[str, ...]
    intervals: tuple[str, ...]


def of(scores: list[Table], on: str) -> list[ScoreTable]:
    """Arrange the scores of one run, participant or group: one table per split, and one of volumes as pictures.

    Parameters
    ----------
    scores : list of dict
        As the record has them.
    on : str
        Name of what was scored.
    """
    own = [score for score in shown(scores) if text(score, "on") == on]
    splits = unique(text(score, "split") for score in own)
    kinds = {
        of_images: [score for score in own if (text(score, "name") in IMAGES) is of_images]
        for of_images in (False, True)
    }
    return [
        replace(_table(some, on, split), of_images=of_images)
        for split in splits
        for of_images, some in kinds.items()
        if any(text(score, "split") == split for score in some)
    ]


def people(scores: list[Table]) -> list[PeopleTable]:
    """Arrange the mean correlation of each participant: one table per split."""
    own = [
        score for score in shown(scores) if _is_person(score) and base(text(score, "name")) == "r"
    ]
    first = sorted(unique(text(score, "name") for score in own), key=_column)[:1]
    own = [score for score in own if text(score, "name") in first]
    return [_people(own, split) for split in unique(text(score, "split") for score in own)]


def shown(scores: list[Table]) -> list[Table]:
    """Leave out scores of models on their own training data."""
    return [score for score in scores if text(score, "split") != UNSCORED]


def row_name(score: Table) -> str:
    """Name of a row, with spaces."""
    return text(score, "row").replace("-", " ").replace("_", " ")


def is_prediction(score: Table) -> bool:
    """Tell a score of a prediction from those of references, of shown truths, and of tests that leak."""
    row = row_name(score)
    return (
        is_model(row) and not row.endswith(FORCED) and not text(score, "split").startswith(LEAKING)
    )


def is_model(row: str) -> bool:
    """Tell the row of a model from what it is compared to."""
    return row not in REFERENCES and not row.endswith(CONTROL)


def base(metric: str) -> str:
    """Which metric a name such as ``r_mean`` is a summary of."""
    return metric.split("_", maxsplit=1)[0].lower()


def heading(metric: str, unit: str = "") -> str:
    """Column heading of a metric."""
    first, _, rest = metric.partition("_")
    name = NAMES.get(first.lower(), first)
    more = ", ".join(word for word in (rest.replace("_", " "), unit) if word)
    return f"{name} ({more})" if more else name


def written(value: float | None, metric: str) -> str:
    """Write a figure as its metric is usually read; ``n/a`` where it is not defined."""
    if value is None or not math.isfinite(value):
        return "n/a"
    known = base(metric)
    if known == "mse" and value:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", MINUS)
    signed = f"{value:+.3f}"
    rounded = {"r": signed, "r2": signed, "skill": signed, "fc": signed, "neff": f"{value:.0f}"}
    return rounded.get(known, f"{value:.4g}").replace("-", MINUS)


def written_p(p: float | None) -> str:
    """Write a p-value."""
    if p is None:
        return "n/a"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}"  # noqa: PLR2004 (below it, three decimals show 0.000)


def unique(names: Iterable[str]) -> list[str]:
    """Keep the first of each, in order."""
    return list(dict.fromkeys(names))


def _table(scores: list[Table], on: str, split: str) -> ScoreTable:
    own = [score for score in scores if text(score, "split") == split]
    units = {text(score, "name"): text(score, "unit", "") for score in own}
    metrics = sorted(units, key=_column)
    found = {(row_name(score), text(score, "name")): number(score, "value") for score in own}
    names = sorted(unique(row_name(score) for score in own), key=_place)
    rows = tuple(
        (
            name,
            is_model(name),
            tuple(written(found.get((name, metric)), metric) for metric in metrics),
        )
        for name in names
    )
    # The unit of MSE is in the list of metrics: it would make the widest column.
    columns = tuple(
        heading(metric, "" if base(metric) == "mse" else units[metric]) for metric in metrics
    )
    return ScoreTable(on, split, meaning(split), columns, rows)


def meaning(split: str) -> str:
    """Say what a split is."""
    if split.endswith(NORMALISED):
        return f"{meaning(split.removesuffix(NORMALISED))} {COURSES}"
    return SPLITS.get(split, f"Split “{split}”: not described by the record.")


def _people(scores: list[Table], split: str) -> PeopleTable:
    own = [score for score in scores if text(score, "split") == split]
    metric = text(own[0], "name")
    models = [name for name in unique(row_name(score) for score in own) if is_model(name)]
    labels = unique(text(score, "on") for score in own)
    found = {(text(score, "on"), row_name(score)): number(score, "value") for score in own}
    columns = [
        np.array([
            math.nan if (value := found.get((label, model))) is None else value for label in labels
        ])
        for model in models
    ]
    rows = tuple(
        (label, tuple(written(found.get((label, model)), metric) for model in models))
        for label in labels
    )
    means = tuple(written(_mean(column), metric) for column in columns)
    bounds = tuple(
        _bounds(interval.of_mean(column, correlation=True), metric) for column in columns
    )
    return PeopleTable(heading(metric), meaning(split), tuple(models), rows, means, bounds)


def _mean(values: np.typing.NDArray[np.float64]) -> float | None:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else None


def _bounds(found: tuple[float, float] | None, metric: str) -> str:
    return (
        "n/a" if found is None else f"{written(found[0], metric)} to {written(found[1], metric)}"
    )


def _is_person(score: Table) -> bool:
    on = text(score, "on")
    return on.startswith("sub-") and "_" not in on


def _place(name: str) -> int:
    order = list(REFERENCES)
    return order.index(name) if name in REFERENCES else len(order) + is_model(name)


def _column(metric: str) -> tuple[int, int]:
    # The mean comes first: it is the primary figure, whatever the order of the record.
    order = list(METRICS)
    place = order.index(base(metric)) if base(metric) in METRICS else len(order)
    return place, 0 if metric.lower() in {base(metric), f"{base(metric)}_mean"} else 1
