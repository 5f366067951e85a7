"""The published networks have their published sizes."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from bids_app import plugins
from bids_app.errors import UsageError
from bids_app.models import dense
from bids_app.models._network import Wide
from bids_app.models.transformer import Transformer
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.space import Grid, Mask

PAPER = EegSpec(tuple(f"E{index}" for index in range(34)), 1000.0, 30.0)
PUBLISHED = {"siamese": 23.8e6, "cnn": 33.7e6, "transformer": 2.0e6}


@pytest.fixture(scope="module")
def brain() -> BoldSpec:
    grid = Grid((53, 63, 52), np.diag([3.0, 3.0, 3.0, 1.0]))
    inside = np.random.default_rng(0).random(grid.shape) > 0.7
    return BoldSpec(Mask(grid, inside), "MNI", "3", 2.0, 0.0, 8.0)


def on_paper(module: ModuleType, brain: BoldSpec) -> nn.Module:
    with torch.device("meta"):
        model: nn.Module = module.build(PAPER, brain, preset="paper")
    return model.to("meta")


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name: str, brain: BoldSpec) -> None:
    model = on_paper(plugins.load("models", name), brain)
    count = sum(value.numel() for value in model.parameters())
    assert count == pytest.approx(PUBLISHED[name], abs=0.05e6)


@pytest.mark.parametrize("name", [*PUBLISHED, "dense"])
def test_they_give_the_mask_and_train(name: str, brain: BoldSpec) -> None:
    model = on_paper(plugins.load("models", name), brain)
    windows = torch.empty(2, 34, 30_000, device="meta")
    if isinstance(model, Transformer):  # slice after slice takes long without a device
        true = torch.empty(2, brain.n_voxels, device="meta")
        given = model.forced(model.averages(windows), true)
    else:
        given = model(windows)
    assert given.shape == (2, brain.n_voxels)
    given.sum().backward()
    assert all(value.grad is not None for value in model.parameters())


def test_the_front_rate_must_be_a_rate(brain: BoldSpec) -> None:
    with pytest.raises(UsageError, match="front_rate_hz is -1; expected a rate above 0"):
        dense.build(PAPER, brain, front_rate_hz=-1.0)


def test_a_wide_layer_begins_as_a_usual_one_and_moves_less() -> None:
    torch.manual_seed(0)
    wide = Wide(4096, 3)
    torch.manual_seed(0)
    usual = nn.Linear(4096, 3)
    x = torch.randn(5, 4096)
    assert torch.allclose(wide(x), usual(x), atol=1e-5)
    before = wide(x).detach()
    with torch.no_grad():
        for layer in (wide, usual):
            layer.weight += 0.001
    assert torch.allclose(wide(x) - before, (usual(x) - before) / 16, atol=1e-4)
