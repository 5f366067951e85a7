"""The loop: the same weights however it is cut, and steps of the right size."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bids_app.errors import UsageError
from bids_app.learn import checkpoint
from bids_app.learn.descent import Descent
from bids_app.learn.objective import ahead
from bids_app.learn.predict import changes
from bids_app.learn.schedule import factor
from bids_app.learn.settings import TrainSettings
from bids_app.learn.train import fit
from bids_app.models import cnn
from bids_app.samples.split import by_participant
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]
SMALL = {"filters": [3, 4], "stride": 4, "embedding": 6, "hidden": 8}
QUICK = TrainSettings(epochs=2, batch=16, arguments=SMALL, device="cpu", learning_rate=0.01)


@pytest.fixture
def samples(make_run: MakeRun) -> list[Samples]:
    return [make_run(person, 1) for person in "123"]


def weights(
    eeg: EegSpec,
    bold: BoldSpec,
    samples: list[Samples],
    settings: TrainSettings,
    name: str = "cnn",
) -> dict[str, Tensor]:
    split = by_participant(samples, np.random.default_rng(0))[0]
    found: dict[str, Tensor] = fit(name, eeg, bold, samples, split, settings).model.state_dict()
    return found


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], tolerance: float = 0.0) -> None:
    for name, value in one.items():
        assert torch.allclose(value, other[name], rtol=0, atol=tolerance), name


class Killed(BaseException):
    """Stands for what nobody can catch."""


@pytest.mark.parametrize("after", [3, 7])
def test_what_was_killed_goes_on_to_the_same_weights(
    after: int,
    eeg: EegSpec,
    bold: BoldSpec,
    samples: list[Samples],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = replace(QUICK, folder=tmp_path, checkpoint_s=0.0)
    expected = weights(eeg, bold, samples, settings)
    assert not (tmp_path / checkpoint.NAME).exists()
    step = Descent._step
    made: list[Any] = []
    last = [after]

    def until_killed(self: Descent, *given: Any) -> Tensor:
        if len(made) == last[0]:
            raise Killed
        made.append(given)
        return step(self, *given)

    monkeypatch.setattr(Descent, "_step", until_killed)
    with pytest.raises(Killed):
        weights(eeg, bold, samples, settings)
    assert (tmp_path / checkpoint.NAME).is_file()
    made.clear()
    last[0] = 1000
    assert_same(weights(eeg, bold, samples, settings), expected)
    assert len(made) == 10 - after


def test_a_step_is_as_long_as_the_learning_rate_however_small_the_gradients_are(
    eeg: EegSpec, bold: BoldSpec, samples: list[Samples]
) -> None:
    model = cnn.build(eeg, bold, **SMALL, dropout=0.0)
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(1e-3)
    small = [replace(run, targets=np.asarray(run.targets) * 1e-6) for run in samples]
    before = model.to_voxels.linear.bias.detach().clone()
    one = TrainSettings(steps=1, device="cpu", learning_rate=0.01, warm_up=0.0, weight_decay=0.0)
    Descent(model, eeg, one, 0).run(small[:2], small[2:])
    moved = (model.to_voxels.linear.bias.detach() - before).abs()
    assert torch.allclose(moved, torch.tensor(0.01), rtol=0.01)


def test_a_damaged_or_foreign_checkpoint_is_not_used(
    eeg: EegSpec, bold: BoldSpec, tmp_path: Path
) -> None:
    model = cnn.build(eeg, bold, **SMALL)
    optimizer = torch.optim.AdamW(model.parameters())
    assert checkpoint.restore(tmp_path, model, optimizer) is None
    checkpoint.save(tmp_path, model, model.state_dict(), optimizer, {"epoch": 3})
    best, standing = checkpoint.restore(tmp_path, model, optimizer) or ({}, {})
    assert standing == {"epoch": 3}
    assert_same(model.state_dict(), best)
    other = cnn.build(eeg, bold, **SMALL | {"hidden": 9})
    assert checkpoint.restore(tmp_path, other, torch.optim.AdamW(other.parameters())) is None
    path = tmp_path / checkpoint.NAME
    path.write_bytes(path.read_bytes()[:200])
    assert checkpoint.restore(tmp_path, model, optimizer) is None


def test_parts_of_a_step_add_up(eeg: EegSpec, bold: BoldSpec, samples: list[Samples]) -> None:
    whole = replace(QUICK, epochs=1, arguments=SMALL | {"dropout": 0.0})
    parts = replace(whole, accumulate=4)
    assert_same(weights(eeg, bold, samples, whole), weights(eeg, bold, samples, parts), 2e-5)


def test_windows_drawn_together_are_filtered_together_to_the_same_end(
    eeg: EegSpec, bold: BoldSpec, samples: list[Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(QUICK, epochs=1, shift=0.0, noise=0.0, arguments=SMALL | {"dropout": 0.0})
    together = weights(eeg, bold, samples, plain)
    filtered = cnn.Cnn.windows

    def alone(self: cnn.Cnn, stretches: Tensor, count: int, hop: int) -> Tensor:
        assert (stretches.shape[-1] - self.n_pooled) // max(hop, 1) == count - 1
        cut = stretches.unfold(-1, self.n_pooled, max(hop, 1)).movedim(2, 1).flatten(0, 1)
        return filtered(self, cut, 1, 0)

    monkeypatch.setattr(cnn.Cnn, "windows", alone)
    assert_same(together, weights(eeg, bold, samples, plain), 2e-5)


PLAIN = replace(QUICK, epochs=1, shift=0.0, noise=0.0)


@pytest.mark.parametrize("more", [replace(PLAIN, shift=2.0), replace(PLAIN, noise=2.0)])
def test_augmentation_is_for_training_only(
    more: TrainSettings, eeg: EegSpec, bold: BoldSpec, samples: list[Samples]
) -> None:
    one, other = (weights(eeg, bold, samples, each) for each in (PLAIN, more))
    assert not torch.equal(one["embed.weight"], other["embed.weight"])
    model = cnn.build(eeg, bold, **SMALL)
    assert np.array_equal(changes(model, samples[0]), changes(model, samples[0]))


def test_noise_has_the_spread_that_was_asked_for(eeg: EegSpec, bold: BoldSpec) -> None:
    fast = replace(eeg, rate_hz=256.0)
    model = cnn.build(fast, bold, **SMALL, front_rate_hz=64.0)
    descent = Descent(model, fast, replace(QUICK, shift=0.0, noise=0.3), 0)
    values = np.zeros((5, 3, 2000), np.float32)
    descent._augment(values, np.zeros((5, 3, 1), np.float32), np.arange(5))
    assert model.pool == 4
    assert values.std() == pytest.approx(0.15, rel=0.02)
    assert abs(np.corrcoef(values[0].ravel(), values[1].ravel())[0, 1]) < 0.05


def test_steps_can_be_limited(eeg: EegSpec, bold: BoldSpec, samples: list[Samples]) -> None:
    split = by_participant(samples, np.random.default_rng(0))[0]
    history = fit("cnn", eeg, bold, samples, split, replace(QUICK, epochs=9, steps=7)).history
    assert (history["steps"], history["ended"]) == (7, "step limit")
    assert len(history["train"]) == 2


def test_the_transformer_is_shown_the_truth_in_training_and_never_after(
    eeg: EegSpec, bold: BoldSpec, samples: list[Samples]
) -> None:
    split = by_participant(samples, np.random.default_rng(0))[0]
    size = {"width": 8, "heads": 2, "feedforward": 8}
    settings = replace(QUICK, epochs=1, arguments=size)
    model = fit("transformer", eeg, bold, samples, split, settings).model
    other = replace(samples[0], targets=1 - np.asarray(samples[0].targets))
    assert np.array_equal(changes(model, samples[0]), changes(model, other))
    assert np.array_equal(changes(model, samples[0]), changes(model, replace(other, targets=None)))
    shown = [changes(model, run, forced=True) for run in (samples[0], other)]
    assert not np.allclose(shown[0], shown[1])


def test_the_rate_rises_then_falls() -> None:
    rates = [factor(done, 0.2) for done in (0.0, 0.1, 0.2, 0.6, 1.0, 1.1)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0, 0])
    assert factor(0.0, 0.0) == 1
    assert factor(1.0, 1.0) == 1


def test_steps_use_the_rate(eeg: EegSpec, bold: BoldSpec) -> None:
    descent = Descent(cnn.build(eeg, bold, **SMALL), eeg, replace(QUICK, warm_up=0.5), 0)
    assert descent._set_rate(0.0) == pytest.approx(0.0001)
    assert descent._set_rate(0.5) == pytest.approx(0.005)
    assert descent.optimizer.param_groups[0]["lr"] == pytest.approx(0.005)


def test_the_next_item_is_made_while_the_last_one_is_used() -> None:
    made: list[int] = []

    def numbers() -> Any:
        for number in range(4):
            made.append(number)
            yield number

    seen = [(number, len(made) > number) for number in ahead(numbers())]
    assert seen == [(number, True) for number in range(4)]


def test_losses_are_written_for_tensorboard(
    eeg: EegSpec,
    bold: BoldSpec,
    samples: list[Samples],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[str, int]] = []
    writer = SimpleNamespace(
        add_scalar=lambda name, _value, step: written.append((name, step)), close=lambda: None
    )

    def opened(folder: str) -> SimpleNamespace:
        written.append((folder, 0))
        return writer

    board = SimpleNamespace(SummaryWriter=opened)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    weights(eeg, bold, samples, replace(QUICK, epochs=2, tensorboard=True, folder=tmp_path))
    assert written[0] == (str(tmp_path / "tensorboard"), 0)
    assert {("loss/train", 0), ("loss/valid", 1), ("loss/step", 10)} <= set(written)


def test_without_tensorboard_it_is_said_what_to_do(
    eeg: EegSpec,
    bold: BoldSpec,
    samples: list[Samples],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match="TensorBoard cannot be used: import of") as caught:
        weights(eeg, bold, samples, replace(QUICK, tensorboard=True, folder=tmp_path))
    assert "pip install tensorboard" in caught.value.hint


def test_history_can_be_written_down(eeg: EegSpec, bold: BoldSpec, samples: list[Samples]) -> None:
    split = by_participant(samples, np.random.default_rng(0))[0]
    fitted = fit("cnn", eeg, bold, samples, split, QUICK)
    told = json.loads(json.dumps(fitted.history))
    assert told["parameters"] == sum(value.numel() for value in fitted.model.parameters())
    assert told["ended"] == "all epochs"
