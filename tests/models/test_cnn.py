"""The paper's network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bids_app.errors import UsageError
from bids_app.models import cnn
from bids_app.values.bundle import BoldSpec, EegSpec


def test_the_full_grid_hands_out_the_voxels_of_the_mask(eeg: EegSpec, bold: BoldSpec) -> None:
    torch.manual_seed(0)
    model = cnn.build(eeg, bold, full_grid=True, hidden=8, dropout=0.0).eval()
    windows = torch.randn(2, 5, 3000)
    captured: list[torch.Tensor] = []
    model.to_voxels.register_forward_hook(lambda *given: captured.append(given[1][0]))
    rows = model(windows).detach().numpy()
    whole = model.gain * model.to_voxels.linear(captured[0])
    volumes = whole.detach().numpy().reshape(2, *bold.mask.grid.shape)
    assert np.allclose(rows, bold.mask.flatten(np.moveaxis(volumes, 0, -1)))


def test_channels_share_their_convolutions(eeg: EegSpec, bold: BoldSpec) -> None:
    model = cnn.build(eeg, bold)
    one = torch.randn(1, 1, 3000)
    features = model.embed(
        model.in_time(one.expand(1, 5, 3000)[:, None]).transpose(1, 2).flatten(2)
    )
    assert torch.allclose(features, features[:, :1].expand_as(features), atol=1e-6)


def test_an_unknown_preset_is_named(eeg: EegSpec, bold: BoldSpec) -> None:
    with pytest.raises(UsageError, match="cnn has no preset 'papre'") as caught:
        cnn.build(eeg, bold, preset="papre")
    assert caught.value.hint == "known: paper"


def test_a_window_that_is_too_short_is_refused(bold: BoldSpec) -> None:
    with pytest.raises(UsageError, match=r"a window of 2 s is 200 .* of 9 need 249") as caught:
        cnn.build(EegSpec(("Fz", "Cz"), 100.0, 2.0), bold)
    assert "longer window" in caught.value.hint
