"""Models fitted to one person from some of that person's runs: applied to the other runs, and reported apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bids_app import plugins
from bids_app.errors import DataError, UsageError
from bids_app.learn.evaluate import evaluate
from bids_app.learn.parcels import parcels
from bids_app.learn.references import References
from bids_app.models.base import Calibrated
from bids_app.pipeline.judge import Case, Judgement
from bids_app.report.interval import of_mean
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.outcome import Prediction, Score

SPLIT = "calibrated"
ORIGIN = "calibrated on other runs of this participant"


def refuse_untrained(
    architecture: str, eeg: EegSpec, bold: BoldSpec, arguments: dict[str, Any]
) -> None:
    """Raise, before any training, when an architecture cannot be calibrated.

    Raises
    ------
    UsageError
        Naming it.
    """
    given = bold.reduced if bold.targets.count else bold
    refuse(plugins.load("models", architecture).build(eeg, given, **arguments), architecture, bold)


def refuse(model: object, architecture: str, bold: BoldSpec) -> None:
    """Raise when a model cannot be calibrated.

    Raises
    ------
    UsageError
        Naming its architecture, or what it predicts.
    """
    if bold.targets.count:
        raise UsageError(
            f"--calibrate-runs: {architecture} predicts {bold.targets.kind}; only models of voxels can be calibrated",
            hint="leave out --calibrate-runs, or use --targets voxels",
        )
    if not isinstance(model, Calibrated):
        raise UsageError(
            f"--calibrate-runs: {architecture} cannot be calibrated",
            hint="use sources or ridge, or leave --calibrate-runs out",
        )


def parted(runs: Iterable[tuple[str, str]], count: int) -> dict[str, tuple[list[str], list[str]]]:
    """Part the runs of each person into the first ones, to calibrate on, and the others.

    Parameters
    ----------
    runs : iterable of (str, str)
        Participant and name of each run.
    count : int
        Runs to calibrate on.

    Returns
    -------
    dict of str to (list of str, list of str)
        By participant; nobody without a run to spare.
    """
    found: dict[str, list[str]] = {}
    for who, name in runs:
        found.setdefault(who, []).append(name)
    return {
        who: (names[:count], names[count:]) for who, names in found.items() if len(names) > count
    }


def score(
    calibrated: Sequence[Prediction],
    plain: Sequence[Prediction],
    calibrated_on: Mapping[str, Sequence[str]],
    case: Case,
    judgement: Judgement,
) -> None:
    """Score calibrated predictions, and in the same runs those of the model that never saw the person.

    Parameters
    ----------
    calibrated : sequence of Prediction
        Of one architecture.
    plain : sequence of Prediction
        Of the same architecture, in these runs and others.
    calibrated_on : dict of str to sequence of str
        Runs that each person's model was calibrated on.
    case : Case
        What was measured.
    judgement : Judgement
        Is told scores and the difference. They are no part of the tests, which ask what a model knows of strangers.

    Raises
    ------
    DataError
        When a run was calibrated on and would be scored.
    """
    for one in calibrated:
        if one.run in calibrated_on[one.participant]:
            raise DataError(
                f"{one.run}: the model was calibrated on this run; it is not scored there"
            )
    if not calibrated:
        return
    name = calibrated[0].model
    tested = {one.run for one in calibrated}
    rows = [replace(one, model=f"{name}-calibrated") for one in calibrated]
    rows += [
        replace(one, model=f"{name}-uncalibrated", split=SPLIT)
        for one in plain
        if one.run in tested
    ]
    bare = {one.run: References(one.volumes, {}) for one in rows}
    labels = parcels(case.mask, seed=case.config.random_seed)
    scores = evaluate(rows, case.truths, bare, labels).scores
    judgement.scores.extend(asdict(one) for one in scores)
    judgement.notes.append(_difference(name, scores, calibrated_on, case.config.random_seed))


def tell_left_out(
    people: Iterable[str], calibrated_on: Mapping[str, Sequence[str]], judgement: Judgement
) -> None:
    """Note who has no run to spare."""
    judgement.notes.extend(
        f"sub-{label} has no run beside those that --calibrate-runs asks for: nothing was calibrated"
        for label in people
        if label not in calibrated_on
    )


def _difference(
    name: str, scores: Sequence[Score], calibrated_on: Mapping[str, Sequence[str]], seed: int
) -> str:
    """Say what calibration changed, over people."""
    means: dict[str, dict[str, float]] = {}
    for one in scores:
        if one.name == "r" and one.on.startswith("sub-") and one.on[4:] in calibrated_on:
            means.setdefault(one.on, {})[one.row] = one.value
    pairs = np.array([
        (found[f"{name}-calibrated"], found[f"{name}-uncalibrated"]) for found in means.values()
    ])
    mean = pairs.mean(axis=0)
    bounds = of_mean(pairs[:, 0] - pairs[:, 1], seed=seed)
    sure = f"95 % interval {bounds[0]:+.3f} to {bounds[1]:+.3f}" if bounds else "no interval"
    count = max(len(runs) for runs in calibrated_on.values())
    return (
        f"{name}, calibrated on {count} run(s) of each person: mean r {mean[0]:+.3f} in the other runs, where the "
        f"model that never saw the person has {mean[1]:+.3f}; mean difference {mean[0] - mean[1]:+.3f} ({sure}, "
        f"{len(pairs)} people)"
    )
