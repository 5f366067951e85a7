"""The loop learns what is there, is the same for a seed, and does not look at the test set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from bids_app.errors import DataError
from bids_app.learn.batches import chosen, targets_of
from bids_app.learn.descent import loss_of
from bids_app.learn.objective import geometry_of
from bids_app.learn.predict import changes
from bids_app.learn.settings import TrainSettings
from bids_app.learn.store import Store
from bids_app.learn.train import Fitted, fit
from bids_app.samples.split import by_participant
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples, Split

MakeRun = Callable[..., Samples]
SMALL = {"filters": [3, 4], "embedding": 6, "hidden": 8}
QUICK = TrainSettings(epochs=3, batch=16, arguments=SMALL, device="cpu")


def loss_over(fitted: Fitted, eeg: EegSpec, runs: list[Samples]) -> float:
    return loss_of(fitted.model, Store(runs, geometry_of(fitted.model, eeg)))


def fold_of(samples: list[Samples]) -> Split:
    return by_participant(samples, np.random.default_rng(0))[0]


def test_a_split_must_fit_the_runs(make_run: MakeRun) -> None:
    with pytest.raises(DataError, match="not there: sub-7_run-1"):
        chosen([make_run("1", 1)], {"sub-7_run-1": np.arange(3)})


def test_runs_without_targets_cannot_be_learned_from(make_run: MakeRun) -> None:
    with pytest.raises(DataError, match="sub-1_run-1: no BOLD"):
        targets_of(replace(make_run("1", 1), targets=None))


def test_an_empty_training_set_is_refused(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    with pytest.raises(DataError, match="fold-x: no samples to learn from among 1 runs"):
        fit("ridge", eeg, bold, [make_run("1", 1)], Split("fold-x", {}, {}, {}))


def test_the_loss_goes_down(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    samples = [make_run(person, 1) for person in "123"]
    fitted = fit("cnn", eeg, bold, samples, fold_of(samples), QUICK)
    assert fitted.history["train"][-1] < fitted.history["train"][0]
    assert len(fitted.history["valid"]) == 3
    assert fitted.arguments == SMALL


def test_loss_values_are_these(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    samples = [make_run(person, 1) for person in "123"]
    history = fit("cnn", eeg, bold, samples, fold_of(samples), QUICK).history
    assert history["train"] == pytest.approx(LOSSES["train"], rel=1e-4)
    assert history["valid"] == pytest.approx(LOSSES["valid"], rel=1e-4)


LOSSES = {
    "train": [1.550340e-4, 1.541065e-4, 1.541168e-4],
    "valid": [1.342401e-4, 1.341168e-4, 1.340923e-4],
}


@pytest.mark.parametrize("architecture", ["cnn", "ridge"])
def test_neither_test_targets_nor_test_eeg_change_the_model(
    architecture: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    samples = [make_run(person, 1) for person in "123"]
    split = fold_of(samples)
    assert list(split.test) == ["sub-1_run-1"]
    settings = replace(QUICK, epochs=1, arguments=SMALL if architecture == "cnn" else {})
    changed = replace(samples[0], eeg=-samples[0].eeg, targets=1 - targets_of(samples[0]))
    one = fit(architecture, eeg, bold, samples, split, settings).model.state_dict()
    other = fit(architecture, eeg, bold, [changed, *samples[1:]], split, settings)
    assert all(torch.equal(one[name], value) for name, value in other.model.state_dict().items())


def test_another_seed_gives_another_model(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    samples = [make_run(person, 1) for person in "123"]
    one, other = (
        fit("cnn", eeg, bold, samples, fold_of(samples), replace(QUICK, epochs=1, seed=seed))
        for seed in (1, 2)
    )
    assert one.history["train"] != other.history["train"]


def test_training_stops_early_and_keeps_the_best_weights(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    samples = [make_run(person, 1, strength=0.0) for person in "123"]
    split = fold_of(samples)
    settings = replace(QUICK, epochs=40, patience=2, learning_rate=0.03)
    fitted = fit("cnn", eeg, bold, samples, split, settings)
    losses = fitted.history["valid"]
    assert len(losses) == fitted.history["best_epoch"] + 3 < 40
    left = loss_over(fitted, eeg, chosen(samples, split.valid))
    assert left == pytest.approx(min(losses), rel=1e-5)


def test_without_validation_the_training_loss_decides(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    run = make_run("1", 1)
    split = Split("all", {run.run: np.arange(len(run))}, {}, {})
    fitted = fit("cnn", eeg, bold, [run], split, replace(QUICK, epochs=1))
    assert fitted.history["valid"][0] == pytest.approx(loss_over(fitted, eeg, [run]), rel=1e-5)


def test_the_ridge_finds_the_planted_coupling(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    samples = [make_run(person, number) for person in "1234" for number in (1, 2)]
    fitted = fit("ridge", eeg, bold, samples, fold_of(samples), TrainSettings(device="cpu"))
    given, true = changes(fitted.model, samples[0]), targets_of(samples[0])
    half = bold.n_voxels // 2
    r = [np.corrcoef(given[:, v], true[:, v])[0, 1] for v in range(half)]
    noise_free = [np.corrcoef(given[:, v], true[:, :half].mean(axis=1))[0, 1] for v in range(half)]
    assert np.mean(r) > 0.2
    assert min(noise_free) > 0.7
