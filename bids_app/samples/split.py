"""Which samples a model learns from, is chosen by and is judged on; made before any fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Ints
from bids_app.values.samples import Samples, Split

HEMODYNAMIC_MEMORY_S = 20.0
"""How long BOLD remembers what drove it."""

VALID_FRACTION = 0.25
"""Share of a run for inner validation, where no whole run or participant can be spared."""


def by_participant(samples: Sequence[Samples], rng: np.random.Generator) -> list[Split]:
    """Leave each participant out in turn.

    Parameters
    ----------
    samples : sequence of Samples
        All runs of all participants.
    rng : numpy.random.Generator
        Draws the participant of the training set that is for inner validation.

    Returns
    -------
    list of Split
        One for each participant, in the order of their labels.

    Raises
    ------
    DataError
        When there is only one.
    """
    labels = sorted({run.participant for run in samples})
    if len(labels) < 2:  # noqa: PLR2004 (someone to learn from, someone to judge)
        raise DataError(
            f"{len(labels)} participant(s) with samples; leaving one out needs at least 2",
            hint="add participants, or use the participant level, which leaves out runs",
        )
    return [
        _fold(
            f"participant-{label}",
            [run for run in samples if run.participant == label],
            [run for run in samples if run.participant != label],
            rng,
        )
        for label in labels
    ]


def by_run(samples: Sequence[Samples], rng: np.random.Generator) -> list[Split]:
    """Leave each run of one participant out in turn.

    Parameters
    ----------
    samples : sequence of Samples
        The participant's runs.
    rng : numpy.random.Generator
        Draws the run of the training set that is for inner validation.

    Returns
    -------
    list of Split
        One for each run, in their order.

    Raises
    ------
    DataError
        When there is only one.
    """
    if len(samples) < 2:  # noqa: PLR2004 (one to learn from, one to judge)
        raise DataError(
            f"{len(samples)} run(s) of this participant; leaving one out needs at least 2",
            hint="split the run into blocks",
        )
    return [
        _fold(f"run-{left.run}", [left], [run for run in samples if run is not left], rng)
        for left in samples
    ]


def by_block(run: Samples, n_blocks: int = 5) -> list[Split]:
    """Leave each of some contiguous blocks of one run out in turn.

    Between samples of different sets lies a purge gap of a window and the memory of the BOLD
    response, so that no EEG and no response to it is shared.

    Parameters
    ----------
    run : Samples
        The participant's only run.
    n_blocks : int, default=5
        Number of blocks.

    Returns
    -------
    list of Split
        One for each block, in time order.

    Raises
    ------
    DataError
        When the gaps leave nothing to learn from.
    """
    if not 2 <= n_blocks <= len(run):  # noqa: PLR2004 (one to learn from, one to judge)
        raise DataError(f"{run.run}: {n_blocks} blocks of {len(run)} samples; expected at least 2")
    folds = []
    for number, test in enumerate(np.array_split(np.arange(len(run)), n_blocks), start=1):
        train, valid = _around(run, test)
        if not len(train):
            raise DataError(
                f"{run.run}: {len(run)} samples leave nothing to learn from beside block {number} "
                f"of {n_blocks} and its purge gaps of {purge_gap(run) / run.rate_hz:g} s",
                hint="record a second run, or choose a shorter window",
            )
        name = f"block-{run.run}-{number}"
        folds.append(Split(name, {run.run: train}, {run.run: valid}, {run.run: test}))
    return folds


def whole(samples: Sequence[Samples], rng: np.random.Generator) -> Split:
    """Train on everything, for the model that is kept; inner validation as in any fold."""
    return _fold("whole", [], samples, rng)


def shuffled(
    samples: Sequence[Samples], rng: np.random.Generator, test_fraction: float = 0.1
) -> Split:
    """Deal overlapping windows out at random, to reproduce published figures: this leaks.

    Parameters
    ----------
    samples : sequence of Samples
        All runs.
    rng : numpy.random.Generator
        Deals them out.
    test_fraction : float, default=0.1
        Share of each run for the test set, and the same share for inner validation.

    Returns
    -------
    Split
        With ``leaks`` set.
    """
    train: dict[str, Ints] = {}
    valid: dict[str, Ints] = {}
    test: dict[str, Ints] = {}
    for run in samples:
        order = rng.permutation(len(run))
        n_test = max(1, round(test_fraction * len(run)))
        test[run.run] = np.sort(order[:n_test])
        valid[run.run] = np.sort(order[n_test : 2 * n_test])
        train[run.run] = np.sort(order[2 * n_test :])
    return Split("shuffled", train, valid, test, leaks=True)


def purge_gap(run: Samples) -> int:
    """EEG samples that must lie between the stops of two windows for them to share nothing."""
    return run.n_window + round(HEMODYNAMIC_MEMORY_S * run.rate_hz)


def _fold(
    name: str, test: Sequence[Samples], rest: Sequence[Samples], rng: np.random.Generator
) -> Split:
    """Validate on one participant, or else on one run, or else on the end of the only run."""
    labels = sorted({run.participant for run in rest})
    if len(rest) == 1:
        train, valid = _thinned(rest[0], np.arange(len(rest[0])), at_start=True)
        return Split(name, {rest[0].run: train}, {rest[0].run: valid}, _all_of(test))
    if len(labels) > 1:
        drawn = labels[int(rng.integers(len(labels)))]
        inner = [run for run in rest if run.participant == drawn]
    else:
        inner = [rest[int(rng.integers(len(rest)))]]
    train_runs = [run for run in rest if run not in inner]
    return Split(name, _all_of(train_runs), _all_of(inner), _all_of(test))


def _all_of(runs: Sequence[Samples]) -> dict[str, Ints]:
    return {run.run: np.arange(len(run)) for run in runs}


def _around(run: Samples, test: Ints) -> tuple[Ints, Ints]:
    """Split what is not too near the test block into training and inner validation.

    With something left on both sides, the shorter side validates: the test block and two gaps lie
    between.
    """
    gap = purge_gap(run)
    before: Ints = np.flatnonzero(run.stops <= run.stops[test[0]] - gap)
    after: Ints = np.flatnonzero(run.stops >= run.stops[test[-1]] + gap)
    longer, shorter = sorted((before, after), key=len, reverse=True)
    if len(shorter):
        return longer, shorter
    return _thinned(run, longer, at_start=longer is after)


def _thinned(run: Samples, rest: Ints, *, at_start: bool) -> tuple[Ints, Ints]:
    """Cut inner validation and a gap off contiguous samples; nothing where that leaves less."""
    n_valid = round(VALID_FRACTION * len(rest))
    valid = (rest[len(rest) - n_valid :] if at_start else rest[:n_valid]).astype(np.int64)
    if n_valid:
        edge = run.stops[valid]
        gap = purge_gap(run)
        kept = (
            (run.stops[rest] <= edge[0] - gap) if at_start else (run.stops[rest] >= edge[-1] + gap)
        )
        if kept.sum() >= n_valid:
            return rest[kept], valid
    return rest, rest[:0]
