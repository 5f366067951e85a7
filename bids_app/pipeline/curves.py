"""Learning curves of the folds, for the report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bids_app.pipeline.place import Figures
from bids_app.report import figures


def draw_curves(
    place: Figures, model: str, about: Iterable[dict[str, Any]], told: list[dict[str, str]]
) -> None:
    """Draw how the folds of a model were trained; a closed form has no curve.

    Parameters
    ----------
    place : Figures
        Where the figure goes.
    model : str
        Name of the model.
    about : iterable of dict
        As each fold left it, with ``History``.
    told : list of dict
        Figures of the report; this one is added.
    """
    histories = [found for fold in about if "best_epoch" in (found := fold["History"])]
    if not histories:
        return
    path = place.add(
        f"{model.replace('_', '')}Training",
        f"How training went: {model}",
        f"Loss over epochs in {len(histories)} trainings, a line each: mean squared error in squared fractional signal "
        "change. Training stops where the error on validation data, a part of the training set, falls no more. "
        "Validation far above training: the model learns its training data by heart.",
    )
    curves = [
        (np.asarray(each["train"], float), np.asarray(each["valid"], float), each["best_epoch"])
        for each in histories
    ]
    figures.learning_curves(path, curves)
    told.extend(place.told)
