"""Tables of scores: every row is there, and averages count each person once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.learn.batches import chosen, targets_of
from bids_app.learn.evaluate import Evaluation, evaluate, mean_over_defined, true_rows
from bids_app.learn.images import Frame
from bids_app.learn.references import (
    PARTICIPANT_MEAN,
    TRAINING_MEAN,
    ZERO,
    References,
    constant,
    references_of,
)
from bids_app.metrics import mse, r
from bids_app.samples.split import by_participant
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples
from bids_app.values.space import Grid, Mask

MakeRun = Callable[..., Samples]


def prediction_of(run: Samples, share: float, model: str = "ridge") -> Prediction:
    rng = np.random.default_rng(len(run))
    true = targets_of(run)
    noise = 0.01 * rng.standard_normal(true.shape).astype(np.float32)
    return Prediction(
        run.run,
        run.participant,
        share * true + noise,
        run.volumes,
        run.n_volumes,
        model,
        "participant",
    )


@pytest.fixture
def samples(make_run: MakeRun) -> list[Samples]:
    return [make_run("1", 1), make_run("1", 2), make_run("1", 3), make_run("2", 1)]


@pytest.fixture
def evaluation(samples: list[Samples]) -> Evaluation:
    references: dict[str, References] = {}
    for split in by_participant(samples, np.random.default_rng(0)):
        references |= references_of(samples, split)
    truths = {run.run: run for run in samples}
    shares = {"1": 0.2, "2": 2.0}
    given = [
        prediction_of(run, shares[run.participant] * factor, model)
        for run in samples
        for model, factor in (("ridge", 1.0), ("cnn", 0.5))
    ]
    labels = np.arange(targets_of(samples[0]).shape[1]) % 5
    grid = Grid((4, 5, 6), np.diag([3.0, 3.0, 3.0, 1.0]))
    inside = np.zeros(grid.shape, bool)
    inside.flat[: len(labels)] = True
    frames = {run.run: Frame(Mask(grid, inside), 100.0 + labels) for run in samples}
    return evaluate(iter(given), truths, references, labels, frames)


def value(evaluation: Evaluation, name: str, row: str, on: str) -> float:
    found = [
        score.value
        for score in evaluation.scores
        if (score.name, score.row, score.on) == (name, row, on)
    ]
    assert len(found) == 1
    return found[0]


def test_every_row_stands_beside_the_models(evaluation: Evaluation) -> None:
    rows = {"ridge", "cnn", "zero", "training-mean", "participant-mean"}
    for on in ("sub-1_run-1", "sub-2_run-1", "sub-1", "sub-2", "group"):
        names = {score.name for score in evaluation.scores if score.on == on}
        assert names >= {"r", "r2", "mse", "skill", "r_median", "r_parcel_mean", "r_parcel_max"}
        assert names >= {"fc", "neff", "ssim", "psnr", "rmse"}
        assert {score.row for score in evaluation.scores if score.on == on} == rows


def test_figures_are_those_of_the_metrics(evaluation: Evaluation, samples: list[Samples]) -> None:
    run = samples[1]
    true, given = targets_of(run), prediction_of(run, 0.2).change
    assert value(evaluation, "r", "ridge", run.run) == pytest.approx(r.overall(true, given))
    assert value(evaluation, "mse", "ridge", run.run) == pytest.approx(mse.overall(true, given))
    assert value(evaluation, "mse", "zero", run.run) == pytest.approx((true**2).mean(), rel=1e-5)
    own = np.concatenate([targets_of(found) for found in samples[:3]]).mean(axis=0)
    expected = ((true - own) ** 2).mean()
    assert value(evaluation, "mse", "participant-mean", run.run) == pytest.approx(
        expected, rel=1e-5
    )
    split = by_participant(samples, np.random.default_rng(0))[0]
    seen = [*chosen(samples, split.train), *chosen(samples, split.valid)]
    assert {found.participant for found in seen} == {"2"}
    other = np.concatenate([targets_of(found) for found in seen]).mean(axis=0)
    expected = ((true - other) ** 2).mean()
    assert value(evaluation, "mse", "training-mean", run.run) == pytest.approx(expected, rel=1e-5)


def test_constant_rows_have_no_r(evaluation: Evaluation) -> None:
    for row in ("zero", "training-mean", "participant-mean"):
        for name in ("r", "r_median", "r_parcel_mean", "r_parcel_max", "fc", "neff"):
            assert np.isnan(value(evaluation, name, row, "group"))
    assert value(evaluation, "skill", "zero", "group") == 0


def test_people_count_the_same_however_many_runs(evaluation: Evaluation) -> None:
    runs = [value(evaluation, "r", "ridge", f"sub-1_run-{number}") for number in (1, 2, 3)]
    first = value(evaluation, "r", "ridge", "sub-1")
    assert first == pytest.approx(np.mean(runs))
    second = value(evaluation, "r", "ridge", "sub-2_run-1")
    assert second > 2 * first
    assert value(evaluation, "r", "ridge", "group") == pytest.approx((first + second) / 2)


def test_maps_average_like_scores(evaluation: Evaluation, samples: list[Samples]) -> None:
    maps = [r.score(targets_of(run), prediction_of(run, 0.2).change) for run in samples[:3]]
    assert np.allclose(evaluation.r["ridge", "sub-1"], np.mean(maps, axis=0), atol=1e-6)
    both = [evaluation.r["cnn", label] for label in ("sub-1", "sub-2")]
    assert np.allclose(evaluation.r["cnn", "group"], np.mean(both, axis=0), atol=1e-6)


def test_maps_leave_out_what_is_not_defined() -> None:
    maps = [np.array([0.2, np.nan, np.nan]), np.array([0.4, 0.3, np.nan])]
    assert np.allclose(mean_over_defined(maps), [0.3, 0.3, np.nan], equal_nan=True)


def test_rows_of_part_of_a_run_are_found(samples: list[Samples]) -> None:
    part = prediction_of(samples[0].take(np.arange(7, 30)), 1.0)
    found = true_rows(part, samples[0])
    assert np.array_equal(found, targets_of(samples[0])[7:30])
    # All runs of a group are looked at together: copies would fill the memory.
    assert np.shares_memory(found, targets_of(samples[0]))


def test_volumes_that_were_not_measured_are_counted(samples: list[Samples]) -> None:
    given = prediction_of(samples[0], 1.0)
    with pytest.raises(DataError, match="sub-1_run-1: 80 volumes were predicted, 23 of them were"):
        true_rows(given, samples[0].take(np.arange(7, 30)))


def test_a_constant_row_whose_parcels_cancel_out_has_no_r_either(make_run: MakeRun) -> None:
    run = make_run("1", 1)
    n_voxels = targets_of(run).shape[1]
    level = np.linspace(-1, 1, n_voxels).astype(np.float32) / 3
    labels = np.zeros(n_voxels, np.int64)
    volumes = {ZERO: 0 * level, TRAINING_MEAN: level, PARTICIPANT_MEAN: level * 0.1}
    told = {name: constant(volume, len(run)) for name, volume in volumes.items()}
    references = {run.run: References(run.volumes, told)}
    found = evaluate([prediction_of(run, 1.0)], {run.run: run}, references, labels)
    of_row = {
        score.name: score.value
        for score in found.scores
        if (score.row, score.on) == ("training-mean", run.run)
    }
    assert np.isnan([
        of_row[name] for name in ("r", "r_median", "r_parcel_mean", "r_parcel_max")
    ]).all()
