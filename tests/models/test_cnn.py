"""The paper's network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bids_app.errors import UsageError
from bids_app.models import cnn
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.space import Grid, Mask


def test_the_preset_has_the_paper_size() -> None:
    rng = np.random.default_rng(0)
    grid = Grid((53, 63, 52), np.diag([3.0, 3.0, 3.0, 1.0]))
    mask = Mask(grid, rng.random(grid.shape) > 0.7)
    eeg = EegSpec(tuple(f"E{index}" for index in range(34)), 1000.0, 30.0)
    with torch.device("meta"):
        model = cnn.build(eeg, BoldSpec(mask, "MNI", "3", 2.0, 0.0, 8.0), preset="paper")
    count = sum(value.numel() for value in model.parameters())
    assert count == pytest.approx(33.7e6, abs=0.05e6)


def test_the_full_grid_hands_out_the_voxels_of_the_mask(eeg: EegSpec, bold: BoldSpec) -> None:
    torch.manual_seed(0)
    model = cnn.build(eeg, bold, full_grid=True, hidden=8, dropout=0.0).eval()
    windows = torch.randn(2, 5, 3000)
    captured = []
    model.to_voxels.register_forward_hook(lambda *given: captured.append(given[-1]))
    rows = model(windows).detach().numpy()
    volumes = cnn.OUTPUT_GAIN * captured[0].detach().numpy().reshape(2, *bold.mask.grid.shape)
    assert np.allclose(rows, bold.mask.flatten(np.moveaxis(volumes, 0, -1)))


def test_channels_share_their_convolutions(eeg: EegSpec, bold: BoldSpec) -> None:
    model = cnn.build(eeg, bold)
    one = torch.randn(1, 1, 3000)
    features = model.embed(
        model.in_time(one.expand(1, 5, 3000)[:, None]).transpose(1, 2).flatten(2)
    )
    assert torch.allclose(features, features[:, :1].expand_as(features), atol=1e-6)


def test_an_unknown_preset_is_named(eeg: EegSpec, bold: BoldSpec) -> None:
    with pytest.raises(UsageError, match="cnn has no preset 'papre'"):
        cnn.build(eeg, bold, preset="papre")
