"""What every architecture must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bids_app import plugins
from bids_app.errors import DataError, UsageError
from bids_app.models._network import Network
from bids_app.models.base import AlongRuns, Calibrated, ClosedForm
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

NAMES = plugins.names("models")
SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"filters": (3, 4), "embedding": 8, "hidden": 32, "dropout": 0.0},
    "dense": {"embedding": 8, "hidden": 32, "dropout": 0.0},
    "ridge": {"n_components": 9},
    "sources": {"n_components": 9, "n_places": 3, "hop_s": 1.0},
    "siamese": {"embedding": 8, "hidden": 32, "dropout": 0.0},
    "transformer": {"width": 16, "heads": 2, "feedforward": 24, "dropout": 0.0},
}
CLOSED = {"ridge", "sources"}
GRADIENT = [name for name in NAMES if name not in CLOSED]
MakeRun = Callable[..., Samples]


def built(name: str, eeg: EegSpec, bold: BoldSpec, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model: nn.Module = plugins.load("models", name).build(eeg, bold, **SMALL[name])
    return model


def learned(name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> nn.Module:
    model = built(name, eeg, bold)
    if isinstance(model, ClosedForm):
        model.fit([make_run("1", 1), make_run("2", 1)], [make_run("3", 1)], seed=0)
    return model.eval()


def test_every_architecture_is_tested() -> None:
    assert set(SMALL) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_batch", [1, 4])
def test_one_row_of_voxels_per_window(
    name: str, n_batch: int, eeg: EegSpec, bold: BoldSpec
) -> None:
    given = built(name, eeg, bold).eval()(torch.randn(n_batch, 5, 3000))
    assert given.shape == (n_batch, bold.n_voxels)
    assert given.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_model(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    one, other = (learned(name, eeg, bold, make_run).state_dict() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_the_whole_model(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = learned(name, eeg, bold, make_run)
    copy = built(name, eeg, bold, seed=7)
    copy.load_state_dict(model.state_dict())
    windows = torch.from_numpy(make_run("4", 1).windows(slice(0, 6)))
    with torch.no_grad():
        assert torch.equal(model(windows), copy.eval()(windows))
        assert model(windows).std() > 0


@pytest.mark.parametrize("name", NAMES)
def test_windows_do_not_depend_on_their_batch(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = learned(name, eeg, bold, make_run)
    windows = torch.from_numpy(make_run("4", 1).windows(slice(0, 5)))
    with torch.no_grad():
        alone = torch.cat([model(window[None]) for window in windows])
        assert torch.allclose(model(windows), alone, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_targets_are_not_looked_at_in_prediction(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = learned(name, eeg, bold, make_run)
    run = make_run("4", 1)
    other = replace(run, targets=None)
    with torch.no_grad():
        one, two = (model(torch.from_numpy(each.windows())) for each in (run, other))
        assert torch.equal(one, two)
        if isinstance(model, AlongRuns):
            assert torch.equal(model.of_run(run), model.of_run(other))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_at_once_equals_its_windows(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = learned(name, eeg, bold, make_run)
    if not isinstance(model, AlongRuns):
        return
    run = make_run("4", 1)
    rng = np.random.default_rng(0)
    shape = (len(run), 5)
    repeated = np.broadcast_to(rng.uniform(0.5, 2, 5).astype(np.float32), shape)
    changing = rng.uniform(0.5, 2, shape).astype(np.float32)
    for spread in (None, repeated, changing):
        scaled = replace(run, spread=spread, centre=None if spread is None else 0 * spread)
        with torch.no_grad():
            windowed = model(torch.from_numpy(scaled.windows()))
            assert torch.allclose(model.of_run(scaled), windowed, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_calibrated_copy_leaves_the_model_and_the_run_alone(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = built(name, eeg, bold)
    if not (isinstance(model, Calibrated) and isinstance(model, ClosedForm)):
        return
    own = make_run("4", 1, 2.0, 0.1)
    with pytest.raises(DataError, match="the model does not know how people differ"):
        model.calibrate([own])
    model.fit([make_run("1", 1), make_run("1", 2)], [make_run("2", 1)], seed=0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    one, two = model.calibrate([own]), model.calibrate([own])
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(
        torch.equal(value, two.state_dict()[key]) for key, value in one.state_dict().items()
    )
    assert one.state_dict().keys() == before.keys()
    with pytest.raises(DataError, match="no BOLD to learn from"):
        model.calibrate([replace(own, targets=None)])


@pytest.mark.parametrize("name", GRADIENT)
def test_neighbours_that_share_their_filters_equal_windows(
    name: str, eeg: EegSpec, bold: BoldSpec
) -> None:
    model = built(name, eeg, bold)
    if not isinstance(model, Network):
        return
    hop, count = 4 * model.stride, 3
    stretch = torch.randn(2, 5, model.n_pooled + (count - 1) * hop)
    cut = stretch.unfold(-1, model.n_pooled, hop).movedim(2, 1).flatten(0, 1)
    gradients, outputs = [], []
    for features in (model.windows(stretch, count, hop), model.local(cut)):
        outputs.append(model.head(features))
        model.zero_grad()
        outputs[-1].square().sum().backward()
        gradients.append([
            value.grad.clone() for value in model.parameters() if value.grad is not None
        ])
    scale = outputs[1].abs().max().item()
    assert torch.allclose(outputs[0], outputs[1], atol=1e-5 * scale)
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * other.abs().max().item())


@pytest.mark.parametrize("name", GRADIENT)
def test_the_gradient_reaches_every_parameter(name: str, eeg: EegSpec, bold: BoldSpec) -> None:
    model = built(name, eeg, bold)
    model(torch.randn(6, 5, 3000)).square().sum().backward()
    silent = [
        key
        for key, value in model.named_parameters()
        if value.grad is None or not value.grad.any()
    ]
    assert not silent


@pytest.mark.parametrize("name", GRADIENT)
def test_one_batch_can_be_learned_by_heart(
    name: str, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = built(name, eeg, bold)
    run = make_run("1", 1)
    windows = torch.from_numpy(run.windows(slice(0, 5)))
    assert run.targets is not None
    true = torch.from_numpy(run.targets[:5])
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for _ in range(200):
        loss = nn.functional.mse_loss(model(windows), true)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.04 * true.square().mean().item():
            break
    assert loss.item() < 0.05 * true.square().mean().item()


@pytest.mark.parametrize("name", NAMES)
def test_all_tensors_are_on_the_device_of_the_input(
    name: str, eeg: EegSpec, bold: BoldSpec
) -> None:
    model = built(name, eeg, bold).to("meta")
    given = model(torch.randn(2, 5, 3000, device="meta"))
    assert given.device.type == "meta"
    assert given.shape == (2, bold.n_voxels)
    if name in GRADIENT:
        given.sum().backward()
        assert all(value.grad is not None for value in model.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("n_channels", "rate_hz", "window_s"), [(1, 64.0, 12.0), (7, 500.0, 3.0)])
def test_any_cap_rate_and_window(
    name: str, n_channels: int, rate_hz: float, window_s: float, bold: BoldSpec
) -> None:
    cap = ("Fp1", "Fp2", "F7", "Cz", "T8", "Pz", "Oz")[:n_channels]
    eeg = EegSpec(cap, rate_hz, window_s)
    given = built(name, eeg, bold)(torch.randn(2, n_channels, round(rate_hz * window_s)))
    assert given.shape == (2, bold.n_voxels)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_settings_are_named(name: str, eeg: EegSpec, bold: BoldSpec) -> None:
    with pytest.raises(UsageError, match=f"{name} has no setting 'breadth'") as caught:
        plugins.load("models", name).build(eeg, bold, breadth=3)
    assert "known: " in caught.value.hint
