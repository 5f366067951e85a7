"""From EEG to fractional signal change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bids_app.errors import DataError
from bids_app.learn import device as devices
from bids_app.learn.bundle import unpack
from bids_app.models.base import AlongRuns
from bids_app.values import Floats
from bids_app.values.bundle import ModelBundle
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples

WINDOWS_AT_ONCE = 32


def predict(
    bundle: ModelBundle,
    samples: Samples,
    device: torch.device,
    split: str,
    *,
    causal: bool = False,
) -> Prediction:
    """Apply a model from disk to a run.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    samples : Samples
        Scaled EEG of the run; targets, if any, are not looked at.
    device : torch.device
        Where to compute.
    split : str
        Which training data the model saw of this run's participant; see
        :class:`~bids_app.values.outcome.Prediction`.
    causal : bool, default=False
        Leave the level as the model gives it. Otherwise the prediction is centred over the run:
        targets are changes from a median, so that the level carries nothing.

    Raises
    ------
    DataError
        When the model was trained for another cap, rate or window.
    """
    bundle.eeg.refuse_unless(samples.channels, samples.rate_hz, samples.run)
    if samples.n_window != bundle.eeg.n_window:
        raise DataError(
            f"{samples.run}: windows of {samples.n_window} samples; "
            f"the model wants {bundle.eeg.n_window}",
            hint=f"set the window to {bundle.eeg.window_s:g} s",
        )
    model = unpack(bundle).to(device)
    return apply(model, bundle.architecture, samples, split, causal=causal)


def apply(
    model: nn.Module, architecture: str, samples: Samples, split: str, *, causal: bool = False
) -> Prediction:
    """Apply a model in memory to a run; see :func:`predict`."""
    change = changes(model, samples)
    if not causal:
        change -= change.mean(axis=0)
    return Prediction(
        samples.run,
        samples.participant,
        change,
        samples.volumes,
        samples.n_volumes,
        architecture,
        split,
    )


@torch.no_grad()
def changes(model: nn.Module, samples: Samples) -> Floats:
    """Fractional change of shape (sample, voxel), float32, as the model gives it."""
    model.eval()
    if isinstance(model, AlongRuns):
        along: Floats = model.of_run(samples).float().cpu().numpy()
        return along
    held = next(iter((*model.parameters(), *model.buffers())))
    rows: list[Floats] = []
    for start in range(0, len(samples), WINDOWS_AT_ONCE):
        windows = samples.windows(slice(start, start + WINDOWS_AT_ONCE))
        with devices.autocast(held.device):
            given = model(devices.copy(windows, held.device))
        rows.append(given.float().cpu().numpy())
    return np.concatenate(rows)


def merge(parts: Sequence[Prediction]) -> Prediction:
    """Put the predictions of a run's blocks together, each by a model that did not see it.

    Raises
    ------
    ValueError
        When parts belong to different runs or overlap.
    """
    first = parts[0]
    for part in parts[1:]:
        if (part.run, part.model, part.split) != (first.run, first.model, first.split):
            raise ValueError(f"a block of {part.run} cannot be joined to one of {first.run}")
    volumes = np.concatenate([part.volumes for part in parts])
    if len(np.unique(volumes)) != len(volumes):
        raise ValueError(
            f"{first.run}: blocks share {len(volumes) - len(np.unique(volumes))} volumes"
        )
    order = np.argsort(volumes)
    change = np.concatenate([part.change for part in parts])[order]
    return replace(first, change=change, volumes=volumes[order])
