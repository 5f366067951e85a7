"""Which EEG goes with what a model predicts of people whom it never saw: a table, and a figure for the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from bids_app.files import tables
from bids_app.learn.evaluate import true_rows
from bids_app.learn.parcels import parcel_means, parcels
from bids_app.learn.patterns import Pattern, Patterns, of_region, patterns
from bids_app.metrics import r
from bids_app.models._head import directions
from bids_app.pipeline.judge import Case, Judgement
from bids_app.pipeline.place import Figures
from bids_app.report import figures
from bids_app.values import Floats, Ints
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples
from bids_app.values.space import Mask

N_DRAWN = 3


def write_patterns(
    predictions: Sequence[Prediction],
    spec: tuple[EegSpec, BoldSpec],
    case: Case,
    judgement: Judgement,
) -> list[Path]:
    """Write and draw the forward patterns of a model's predictions, region by region.

    Parameters
    ----------
    predictions : sequence of Prediction
        Of left-out people, by one architecture.
    spec : (EegSpec, BoldSpec)
        What it eats and gives.
    case : Case
        What was measured, and the EEG.
    judgement : Judgement
        Is told the figure.

    Returns
    -------
    list of Path
        ``group_desc-NAME_patterns.tsv``.
    """
    labels = parcels(case.mask, seed=case.config.random_seed)
    courses = [parcel_means(one.change, labels) for one in predictions]
    given = zip(predictions, courses, strict=True)
    found = patterns(((case.truths[one.run], rows) for one, rows in given), *spec)
    shown = [of_region(found, region) for region in range(courses[0].shape[1])]
    model = predictions[0].model
    told = Figures(case.config.output_dir, None)
    path = told.add(
        f"{model}Patterns".replace("_", ""),
        f"Which EEG goes with what is predicted: {model}",
        "For the regions that are predicted best: how much the power at each electrode, in each band, and at each time "
        "before the volume rises (red) or falls (blue) when the region’s prediction rises by one standard deviation "
        "while those of other regions stay. These are forward patterns of predictions for left-out people, not "
        "weights. They say what the predictions follow; where nothing can be predicted, they say nothing of the brain.",
    )
    agreement = _agreement(predictions, courses, case, labels)
    best = np.argsort(-np.nan_to_num(agreement, nan=-1.0))[:N_DRAWN]
    centres = _centres_mm(case.mask, labels)
    where = places(found.channels, case.truths.values())
    figures.forward_patterns(
        path, [_drawn(centres[row], (found, where), shown[row], agreement[row]) for row in best]
    )
    judgement.figures.setdefault("", []).extend(told.told)
    name = f"group_desc-{model.replace('_', '')}_patterns.tsv"
    columns = _columns(found, shown, centres)
    return [tables.write_tsv(case.config.output_dir / name, columns)]


def places(channels: tuple[str, ...], runs: Iterable[Samples]) -> Floats:
    """Directions of electrodes, shape (channel, 3): by name, else where the first who wears them has them."""
    digitised = (run.positions_m for run in runs if run.channels == channels)
    return directions(channels, next((one for one in digitised if one is not None), None))


def _agreement(
    predictions: Sequence[Prediction], courses: Sequence[Floats], case: Case, labels: Ints
) -> Floats:
    """Mean correlation over runs of predicted and measured regions, shape (region,)."""
    by_run = [
        r.score(parcel_means(true_rows(one, case.truths[one.run]), labels), rows)
        for one, rows in zip(predictions, courses, strict=True)
    ]
    mean: Floats = np.mean(by_run, axis=0)
    return mean


def _centres_mm(mask: Mask, labels: Ints) -> Floats:
    points = mask.points_mm()
    return np.array([points[labels == region].mean(axis=0) for region in range(labels.max() + 1)])


def _drawn(
    centre_mm: Floats, seen: tuple[Patterns, Floats], pattern: Pattern, agreement: float
) -> figures.Explained:
    found, electrodes = seen
    bands = [f"{low:g}–{high:g}" for low, high in found.bands_hz]
    where = ", ".join(f"{value:.0f}" for value in centre_mm)
    return figures.Explained(
        title=f"({where}) mm, r {agreement:+.2f}",
        directions=electrodes,
        topography=pattern.topography,
        band=bands[pattern.band],
        bands=bands,
        spectrum=pattern.spectrum,
        lags_s=found.lags_s,
        curve=pattern.curve,
    )


def _columns(
    found: Patterns, shown: Sequence[Pattern], centres_mm: Floats
) -> dict[str, Sequence[object]]:
    """One row for each electrode, band and lag of each region."""
    bands = [f"{low:g}-{high:g} Hz" for low, high in found.bands_hz]
    rows: list[tuple[object, ...]] = []
    for region, (pattern, centre) in enumerate(zip(shown, centres_mm, strict=True)):
        cuts = (
            ("topography", found.channels, pattern.topography),
            ("spectrum", bands, pattern.spectrum),
            ("curve", [f"{lag_s:g} s" for lag_s in found.lags_s], pattern.curve),
        )
        rows += [
            (f"parcel-{region + 1:02d}", *np.round(centre, 1).tolist(), bands[pattern.band], cut, at, float(value))
            for cut, places, values in cuts
            for at, value in zip(places, values, strict=True)
        ]  # fmt: skip
    names = ("region", "x_mm", "y_mm", "z_mm", "band", "what", "at", "value")
    return dict(zip(names, zip(*rows, strict=True), strict=True))
