"""The decoder hears only what it may, and its two ways agree where they must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.errors import UsageError
from bids_app.models import transformer
from bids_app.models._attention import sinusoids
from bids_app.models.base import TeacherForced
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

SMALL: dict[str, Any] = {"width": 16, "heads": 2, "feedforward": 24, "dropout": 0.0}
SIZES: dict[str, dict[str, Any]] = {
    "masked": {},
    "whole": {"full_grid": True},
    "deep": {"decoder_layers": 2},
}


@pytest.fixture
def windows(make_run: Callable[..., Samples]) -> torch.Tensor:
    return torch.from_numpy(make_run("4", 1).windows(slice(0, 5)))


def made(eeg: EegSpec, bold: BoldSpec, **settings: Any) -> transformer.Transformer:
    torch.manual_seed(0)
    return transformer.build(eeg, bold, **SMALL | settings)


@pytest.mark.parametrize("size", SIZES)
def test_step_by_step_equals_all_at_once(
    size: str, eeg: EegSpec, bold: BoldSpec, windows: torch.Tensor
) -> None:
    model = made(eeg, bold, **SIZES[size]).eval()
    with torch.no_grad():
        free = model(windows)
        full = torch.full((5, model.n_slices * model.n_plane), 0.0)
        sources = model._sources(model.averages(windows))
        for number in range(model.n_slices):
            shown = full.unflatten(1, (model.n_slices, model.n_plane)) * model.known
            full = torch.cat(
                (
                    full[:, : number * model.n_plane],
                    model._decode(sources, shown)[:, number:].flatten(1),
                ),
                1,
            )
    assert torch.allclose(free, model.gain * full[:, model.places], atol=1e-6)


def test_no_slice_sees_itself_or_a_later_one(
    eeg: EegSpec, bold: BoldSpec, windows: torch.Tensor
) -> None:
    model = made(eeg, bold).eval()
    features = model.averages(windows)
    true = 0.01 * torch.randn(5, bold.n_voxels)
    which = np.argwhere(bold.mask.inside)[:, 0]
    for number in range(model.n_slices):
        changed = true.clone()
        changed[:, which >= number] += 1
        with torch.no_grad():
            same = model.forced(features, true) == model.forced(features, changed)
        assert same[:, which <= number].all()
        assert not same[:, which > number].any()


def test_no_prediction_depends_on_the_true_volume(
    eeg: EegSpec, bold: BoldSpec, windows: torch.Tensor
) -> None:
    model = made(eeg, bold).eval()
    features = model.averages(windows)
    with torch.no_grad():
        before = model(windows)
        shown = [model.forced(features, torch.randn(5, bold.n_voxels)) for _ in range(2)]
        assert torch.equal(model(windows), before)
    assert not torch.allclose(shown[0], shown[1])
    assert isinstance(model, TeacherForced)


@pytest.mark.parametrize(("option", "share"), [("sampling", 1.0), ("slice_noise", 2.0)])
def test_training_options_change_what_the_decoder_is_shown_in_training_only(
    option: str, share: float, eeg: EegSpec, bold: BoldSpec, windows: torch.Tensor
) -> None:
    plain, other = made(eeg, bold), made(eeg, bold, **{option: share})
    features, true = plain.averages(windows), 0.01 * torch.randn(5, bold.n_voxels)
    with torch.no_grad():
        assert not torch.allclose(plain.forced(features, true), other.forced(features, true))
        assert torch.equal(
            plain.eval().forced(features, true), other.eval().forced(features, true)
        )


def test_with_full_sampling_the_decoder_is_shown_its_own_slices(
    eeg: EegSpec, bold: BoldSpec, windows: torch.Tensor
) -> None:
    model = made(eeg, bold, sampling=1.0)
    features = model.averages(windows)
    with torch.no_grad():
        own = model.eval().forced(features, torch.zeros(5, bold.n_voxels))
        second = model.forced(features, own)
        assert torch.allclose(
            model.train().forced(features, torch.zeros(5, bold.n_voxels)), second, atol=1e-6
        )


def test_sinusoids_are_those_of_the_paper() -> None:
    found = sinusoids(7, 6).numpy()
    for place, column in ((0, 0), (3, 2), (5, 3), (6, 5)):
        angle = place / 10_000 ** (2 * (column // 2) / 6)
        expected = np.cos(angle) if column % 2 else np.sin(angle)
        assert found[place, column] == pytest.approx(expected, abs=1e-5)


def test_fixed_positions_are_not_trained(eeg: EegSpec, bold: BoldSpec) -> None:
    model = made(eeg, bold, positions="sinusoidal")
    assert not {name for name, _ in model.named_parameters() if "positions" in name}
    assert model.channel_positions.shape == (5, 16)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positions": "random"}, "transformer: positions is 'random'"),
        ({"heads": 3}, "width 16 is not a multiple of heads 3"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    settings: dict[str, Any], message: str, eeg: EegSpec, bold: BoldSpec
) -> None:
    with pytest.raises(UsageError, match=message):
        made(eeg, bold, **settings)
