"""What the intervals of a model hold in people whom it never saw: a table, and a row for the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bids_app.files import tables
from bids_app.learn import uncertainty
from bids_app.learn.evaluate import true_rows
from bids_app.learn.parcels import parcels
from bids_app.pipeline.judge import Case, Judgement
from bids_app.values.outcome import Prediction


def write_intervals(
    name: str, predictions: Sequence[Prediction], case: Case, judgement: Judgement
) -> list[Path]:
    """Write how often measured BOLD lay inside each interval, by person and region.

    Parameters
    ----------
    name : str
        Of the model, as in names of files.
    predictions : sequence of Prediction
        Of left-out people.
    case : Case
        What was measured.
    judgement : Judgement
        Is told the group's figures, or, where standard deviations were asked for, that there are none.

    Returns
    -------
    list of Path
        ``group_desc-NAME_intervals.tsv``; nothing for a model that tells no spread.
    """
    telling = [prediction for prediction in predictions if prediction.spread is not None]
    if not telling:
        if case.config.uncertainty or case.config.mask_unreliable:
            judgement.notes.append(
                f"{predictions[0].model} does not tell how far off it is: no standard deviation was written, and no "
                "voxel left empty"
            )
        return []
    labels = parcels(case.mask, seed=case.config.random_seed)
    found = uncertainty.over_people([
        (one.participant, uncertainty.held(one, true_rows(one, case.truths[one.run])))
        for one in telling
    ])
    maps = [one.reliable for one in telling if one.reliable is not None]
    reliable = np.mean(maps, axis=0) if maps else np.full(len(labels), np.nan)
    columns = uncertainty.rows(found, labels, reliable)
    judgement.intervals.append({
        "model": telling[0].model,
        **uncertainty.told(found["group"], labels, reliable),
    })
    path = case.config.output_dir / f"group_desc-{name}_intervals.tsv"
    return [tables.write_tsv(path, columns)]
