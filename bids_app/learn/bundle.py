"""Trained models on disk: ``bundle.json`` and ``weights.safetensors``, no pickle.

A folder from a stranger is safe to load: the JSON is checked field by field, the architecture must
be one of this app, and the tensors must have the names and shapes that it asks for before anything
is built.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save_file
from torch import nn

from bids_app import __version__, plugins
from bids_app.errors import AppError, DataError, MissingInputError
from bids_app.files.sidecar import write_json
from bids_app.files.whole import whole_folder
from bids_app.learn.reduced import empty
from bids_app.learn.schema import check
from bids_app.learn.train import Fitted
from bids_app.values import Floats
from bids_app.values.bundle import Accepts, BoldSpec, EegSpec, ModelBundle, Targets
from bids_app.values.space import Grid, Mask

DESCRIPTION = "bundle.json"
WEIGHTS = "weights.safetensors"
CARD = "README.md"
FORMAT = 1
PREFIX = "weights."
LONGEST_DESCRIPTION = 10_000_000
"""Bytes; far more than a description needs, far less than fills a memory."""

TAKES = {
    "exact": "these channels, in this order",
    "any": "any",
    "same": "this one only",
}
CARD_TEXT = """# {name}: EEG to BOLD

| | |
|---|---|
| EEG | {channels}, {rate}, windows of {window} |
| takes montages | {montages} |
| BOLD | {voxels}, {targets} predicted, targets smoothed with {smoothing}, fractional change from the median volume |
| takes repetition times | {tr} |
| size | {size} numbers that were learned |
| trained on | {people}, {runs} |
| training | {history} |
| scores | {scores} |

What it gives are predictions, not measurements. They are not for diagnosis, and are worth no more
than the scores on left-out participants; for other caps, tasks, scanners or populations nothing is
known. No weights were chosen by looking at test data.
"""
SCORES = ("r", "skill", "mse")


def pack(
    fitted: Fitted, eeg: EegSpec, bold: BoldSpec, baseline: Floats, training: dict[str, Any]
) -> ModelBundle:
    """Make a bundle of a trained model.

    Parameters
    ----------
    fitted : Fitted
        The model.
    eeg, bold : EegSpec, BoldSpec
        What it eats and gives.
    baseline : ndarray of shape (voxel,)
        Mean image of the training participants.
    training : dict
        Provenance: participants, runs, seed, versions. What training chose is added as
        ``history``.
    """
    weights = {name: value.cpu().numpy() for name, value in fitted.model.state_dict().items()}
    return ModelBundle(
        fitted.architecture,
        fitted.arguments,
        eeg,
        bold,
        weights,
        np.asarray(baseline, np.float32),
        training | {"history": fitted.history},
        getattr(plugins.load("models", fitted.architecture), "ACCEPTS", Accepts()),
    )


def unpack(bundle: ModelBundle) -> nn.Module:
    """Build the model of a bundle, on the CPU, in evaluation mode.

    Raises
    ------
    DataError
        When its weights are not those of its architecture.
    """
    _refuse_misfits(bundle, f"model {bundle.architecture}")
    model: nn.Module = _build(bundle)
    weights = {name: torch.from_numpy(np.array(value)) for name, value in bundle.weights.items()}
    model.load_state_dict(weights)
    return model.eval()


def save(bundle: ModelBundle, folder: Path) -> None:
    """Write a bundle; an earlier one of that name is replaced as a whole.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    folder : Path
        Where to, such as ``OUT/models/ridge``.
    """
    tensors = {
        PREFIX + name: np.asarray(value, order="C") for name, value in bundle.weights.items()
    }
    tensors["baseline"] = np.ascontiguousarray(bundle.baseline, np.float32)
    tensors["mask"] = bundle.bold.mask.inside.astype(np.uint8)
    with whole_folder(folder) as partial:
        save_file(tensors, partial / WEIGHTS)
        about = {"format": FORMAT, "eeg2fmri": __version__, **bundle.describe()}
        about["weights_sha256"] = _sha256(partial / WEIGHTS)
        write_json(partial / DESCRIPTION, about)
        (partial / CARD).write_text(card(bundle), encoding="utf-8")


def load(folder: Path) -> ModelBundle:
    """Read a bundle, trusting nothing.

    Parameters
    ----------
    folder : Path
        What :func:`save` wrote.

    Raises
    ------
    MissingInputError
        When one of its files is missing or cannot be read.
    DataError
        When they are damaged, or are not what they say they are.
    """
    about = check(_described(folder), folder / DESCRIPTION)
    tensors = _tensors(folder / WEIGHTS, about["weights_sha256"])
    eeg = EegSpec(
        tuple(about["eeg"]["channels"]),
        float(about["eeg"]["rate_hz"]),
        float(about["eeg"]["window_s"]),
        about["eeg"]["reference"],
    )
    bundle = ModelBundle(
        about["architecture"],
        about["arguments"],
        eeg,
        _bold(about["bold"], tensors, folder),
        {
            name.removeprefix(PREFIX): value
            for name, value in tensors.items()
            if name.startswith(PREFIX)
        },
        tensors.get("baseline", np.empty(0, np.float32)),
        about["training"],
        Accepts(**{
            name: about.get("accepts", {}).get(name, value)
            for name, value in asdict(Accepts()).items()
        }),
    )
    if bundle.baseline.shape != (bundle.bold.n_voxels,):
        raise DataError(
            f"{folder / WEIGHTS}: baseline is {bundle.baseline.shape}; "
            f"expected {(bundle.bold.n_voxels,)}"
        )
    _refuse_misfits(bundle, str(folder / WEIGHTS))
    return bundle


def identity(folder: Path) -> str:
    """Give the SHA-256 of a bundle's weights, mask and baseline, as derivatives name it."""
    return _sha256(folder / WEIGHTS)


def card(bundle: ModelBundle) -> str:
    """Tell a reader what a model is, in Markdown."""
    eeg, bold, training = bundle.eeg, bundle.bold, bundle.training
    people = [str(person.get("label", "?")) for person in training.get("participants", [])]
    return CARD_TEXT.format(
        name=bundle.architecture,
        channels=f"{len(eeg.channels)} channels ({', '.join(eeg.channels)})",
        rate=f"{eeg.rate_hz:g} Hz, reference {eeg.reference}",
        window=f"{eeg.window_s:g} s, ending {bold.window_lag_s:g} s before their volume",
        voxels=f"{bold.n_voxels} voxels in {bold.space}, TR {bold.tr_s:g} s",
        targets=f"{bold.targets.count} {bold.targets.kind} of them"
        if bold.targets.count
        else "each",
        smoothing=f"{bold.smoothing_mm:g} mm",
        people=f"{len(people)} participants ({', '.join(people) or 'not recorded'})",
        montages=TAKES[bundle.accepts.channels],
        tr=TAKES[bundle.accepts.tr],
        size=f"{sum(value.size for value in bundle.weights.values()):,}",
        history=_trained(training.get("history", {})),
        scores=_scored(training.get("scores", {})),
        runs=f"{len(training.get('runs', []))} runs, seed {training.get('seed', 'not recorded')}",
    )


def _trained(history: Any) -> str:
    found = history if isinstance(history, dict) else {}
    if "steps" not in found:
        return "in closed form"
    return f"{found['steps']} steps, ended by: {found.get('ended', 'not recorded')}"


def _scored(scores: Any) -> str:
    found = scores if isinstance(scores, dict) else {}
    told = [
        f"{name} {found[name]:.3g}" for name in SCORES if isinstance(found.get(name), int | float)
    ]
    return (
        f"{', '.join(told)} (people left out, mean)"
        if told
        else "not recorded: nobody was left out"
    )


def _described(folder: Path) -> Any:
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > LONGEST_DESCRIPTION:
            raise DataError(
                f"{path}: {path.stat().st_size} bytes; expected at most {LONGEST_DESCRIPTION}"
            )
        return json.loads(path.read_bytes())
    except OSError as error:
        raise MissingInputError(
            f"{path}: cannot be read: {error.strerror or error}",
            hint="a model is a folder that holds bundle.json and weights.safetensors",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: is not JSON: {error}", hint="copy the model again, or train it again"
        ) from error


def _tensors(path: Path, sha256: str) -> dict[str, Floats]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read: {error.strerror or error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: SHA-256 is {found[:12]}…; {DESCRIPTION} says {sha256[:12]}…",
            hint="the file is cut off or was changed: copy the model again, or train it again",
        )
    try:
        return load_tensors(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is not a safetensors file: {error}") from error


def _bold(about: dict[str, Any], tensors: dict[str, Floats], folder: Path) -> BoldSpec:
    shape = tuple(about["grid_shape"])
    inside = tensors.get("mask", np.empty(0, np.uint8))
    if inside.shape != shape:
        raise DataError(f"{folder / WEIGHTS}: mask is {inside.shape}; {DESCRIPTION} says {shape}")
    try:
        mask = Mask(Grid(shape, np.array(about["grid_affine"], float)), inside.astype(bool))
    except ValueError as error:
        raise DataError(f"{folder / DESCRIPTION}: {error}") from error
    if mask.sha256 != about["mask_sha256"]:
        raise DataError(
            f"{folder}: the mask's hash is {mask.sha256[:12]}…; {DESCRIPTION} says "
            f"{about['mask_sha256'][:12]}…"
        )
    return BoldSpec(
        mask,
        about["space"],
        about["resolution"],
        float(about["tr_s"]),
        float(about["start_time_s"]),
        float(about["smoothing_mm"]),
        float(about["window_lag_s"]),
        Targets(**about.get("targets", {})),
    )


def _refuse_misfits(bundle: ModelBundle, where: str) -> None:
    """Compare names, shapes and values of the weights with what the architecture asks for."""
    try:
        with torch.device("meta"):
            expected = {
                name: tuple(value.shape) for name, value in _build(bundle).state_dict().items()
            }
    except (AppError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: {bundle.architecture} cannot be built with {bundle.arguments}: {error}"
        ) from error
    for name in sorted(expected.keys() | bundle.weights.keys()):
        shape = bundle.weights[name].shape if name in bundle.weights else None
        if shape != expected.get(name):
            raise DataError(
                f"{where}: {name} is {'missing' if shape is None else shape}; "
                f"expected {expected.get(name, 'nothing')}"
            )
        if not np.isfinite(bundle.weights[name]).all():
            raise DataError(f"{where}: {name} holds values that are not finite")


def _build(bundle: ModelBundle) -> nn.Module:
    module = plugins.load("models", bundle.architecture)
    if bundle.bold.targets.count:
        return empty(
            module.build(bundle.eeg, bundle.bold.reduced, **bundle.arguments), bundle.bold
        )
    model: nn.Module = module.build(bundle.eeg, bundle.bold, **bundle.arguments)
    return model


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
