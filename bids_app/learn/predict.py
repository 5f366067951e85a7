"""From EEG to fractional signal change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from bids_app.errors import DataError
from bids_app.learn.bundle import unpack
from bids_app.learn.descent import predicted
from bids_app.learn.objective import geometry_of
from bids_app.learn.store import Store
from bids_app.models.base import AlongRuns, Uncertain
from bids_app.values import Bools, Floats
from bids_app.values.bundle import EegSpec, ModelBundle
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples


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
        When the model was trained for another rate or window, or for another cap and does not hear any.
    """
    bundle.accepts.refuse_eeg(bundle.eeg, samples.channels, samples.rate_hz, samples.run)
    if samples.n_window != bundle.eeg.n_window:
        raise DataError(
            f"{samples.run}: windows of {samples.n_window} samples; "
            f"the model wants {bundle.eeg.n_window}",
            hint=f"set the window to {bundle.eeg.window_s:g} s",
        )
    model = unpack(bundle).to(device)
    return apply(model, bundle.architecture, samples, split, causal=causal)


def apply(
    model: nn.Module,
    name: str,
    samples: Samples,
    split: str,
    *,
    causal: bool = False,
    forced: bool = False,
) -> Prediction:
    """Apply a model in memory to a run; see :func:`predict` and :func:`changes`."""
    change = changes(model, samples, forced=forced)
    if not causal:
        change -= change.mean(axis=0)
    spread, reliable = _uncertainty(model, samples)
    return Prediction(
        samples.run,
        samples.participant,
        change,
        samples.volumes,
        samples.n_volumes,
        name,
        split,
        spread,
        reliable,
    )


@torch.no_grad()
def _uncertainty(model: nn.Module, samples: Samples) -> tuple[Floats | None, Bools | None]:
    """Spread and reliable voxels; nothing of a model that does not know them."""
    if not isinstance(model, Uncertain):
        return None, None
    spread = model.spread_of_run(samples).cpu().numpy()
    if not np.isfinite(spread).all():
        return None, None
    return spread.astype(np.float32, copy=False), model.reliable().cpu().numpy()


@torch.no_grad()
def changes(model: nn.Module, samples: Samples, *, forced: bool = False) -> Floats:
    """Fractional change of shape (sample, voxel), float32, as the model gives it.

    Parameters
    ----------
    model : torch.nn.Module
        Trained.
    samples : Samples
        Scaled EEG of a run; targets are not looked at unless they are forced on the model.
    forced : bool, default=False
        Show the model the true volumes; what comes out is then no prediction.
    """
    model.eval()
    if isinstance(model, AlongRuns):
        along: Floats = model.of_run(samples).float().cpu().numpy()
        return along
    eeg = EegSpec(samples.channels, samples.rate_hz, samples.n_window / samples.rate_hz)
    store = Store([samples], geometry_of(model, eeg))
    rows: Floats | None = None
    for index, given in predicted(model, store, forced=forced):
        if rows is None:
            rows = np.empty((len(samples), given.shape[1]), np.float32)
        rows[index] = given.cpu().numpy()
    assert rows is not None
    return rows


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
    spreads = [part.spread for part in parts if part.spread is not None]
    found = [part.reliable for part in parts if part.reliable is not None]
    return replace(
        first,
        change=change,
        volumes=volumes[order],
        spread=np.concatenate(spreads)[order] if len(spreads) == len(parts) else None,
        reliable=np.all(found, axis=0) if len(found) == len(parts) else None,
    )
