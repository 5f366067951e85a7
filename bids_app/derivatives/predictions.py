"""Synthesized BOLD on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app import __version__
from bids_app.derivatives.names import synth
from bids_app.derivatives.write import Target
from bids_app.errors import AppError, CannotCreateError
from bids_app.files import nifti
from bids_app.files.sidecar import read_json, write_json
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec
from bids_app.values.outcome import Prediction
from bids_app.values.space import Volume

DESCRIPTION = "Synthetic: true; BOLD predicted from EEG (eeg2fmri); not for diagnosis"
TELLS = {
    "participant": "a model that never saw this person",
    "run": "a model trained on other runs of this person",
    "block": "models trained on other parts of this run",
    "calibrated": "a model trained on other people and calibrated on other runs of this person",
    "insample": "a model that was trained on this run",
}


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What is written of how far off predictions are, of models that know it.

    Attributes
    ----------
    written : bool
        Write the predictive standard deviation, and which voxels are reliable.
    unreliable_blank : bool
        Leave voxels empty in which people left out of training were not predicted better than chance.
    """

    written: bool = False
    unreliable_blank: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Synthesis:
    """All that goes into one file of synthesized BOLD.

    Attributes
    ----------
    prediction : Prediction
        The model's output.
    bold : BoldSpec
        Mask, space and smoothing of what it predicts.
    baseline : ndarray of shape (voxel,)
        What the fractional change is added to.
    measured : bool
        True for a baseline that was measured in this person.
    tr_s, start_time_s : float
        Time axis of the measured run, or of the model.
    model : dict
        Identity and provenance of the model.
    metadata : dict
        Keys that are passed on, such as ``TaskName``.
    uncertainty : Uncertainty
        What else is wanted.
    """

    prediction: Prediction
    bold: BoldSpec
    baseline: Floats
    measured: bool
    tr_s: float
    start_time_s: float
    model: dict[str, Any]
    metadata: dict[str, Any]
    uncertainty: Uncertainty = Uncertainty()


def path_of(target: Target, prediction: Prediction) -> Path:
    """Where a prediction goes."""
    desc = {"desc": synth(prediction.model, prediction.split)}
    return target.path("func", "bold.nii.gz", target.space.labels | desc)


def write_prediction(
    target: Target, synthesis: Synthesis, *, overwrite: bool = False
) -> list[Path]:
    """Write synthesized BOLD on the grid and time axis of the run.

    Voxels outside the model's mask hold 0; volumes without a whole EEG window hold the baseline.

    Parameters
    ----------
    target : Target
        Where to.
    synthesis : Synthesis
        What to write.
    overwrite : bool
        Also replace what another model wrote.

    Raises
    ------
    CannotCreateError
        When the file is there and another model made it.
    """
    prediction, mask = synthesis.prediction, synthesis.bold.mask
    path = path_of(target, prediction)
    sidecar = path.with_name(path.name.removesuffix(".nii.gz") + ".json")
    if not overwrite:
        _refuse_foreign(sidecar, synthesis.model)
    rows = np.broadcast_to(synthesis.baseline, (prediction.n_volumes, mask.n_voxels)).astype(
        np.float32
    )
    rows[prediction.volumes] *= 1 + prediction.change
    told = _sidecar(target, synthesis)
    if synthesis.uncertainty.unreliable_blank and prediction.reliable is not None:
        rows[:, ~prediction.reliable] = 0
        told["UnreliableVoxelsBlanked"] = int((~prediction.reliable).sum())
    nifti.write_bold(path, mask.unflatten(rows), mask.grid, synthesis.tr_s, DESCRIPTION)
    written = [path, write_json(sidecar, told)]
    return written + _write_uncertainty(target, synthesis)


def _write_uncertainty(target: Target, synthesis: Synthesis) -> list[Path]:
    """Write the standard deviation beside each volume, in units of the BOLD, and the reliable voxels."""
    prediction, mask = synthesis.prediction, synthesis.bold.mask
    if not synthesis.uncertainty.written or prediction.spread is None:
        return []
    label = synth(prediction.model, prediction.split)
    labels = target.space.labels
    path = target.path("func", "bold.nii.gz", labels | {"desc": f"{label}std"})
    rows = np.zeros((prediction.n_volumes, mask.n_voxels), np.float32)
    rows[prediction.volumes] = prediction.spread * synthesis.baseline
    nifti.write_bold(path, mask.unflatten(rows), mask.grid, synthesis.tr_s, DESCRIPTION)
    told = _sidecar(target, synthesis) | {
        "Description": f"Predictive standard deviation of measured BOLD around {path_of(target, prediction).name}: "
        "errors in people (or runs) left out of training; 0 where nothing was predicted"
    }
    written = [path, write_json(path.with_name(path.name.replace(".nii.gz", ".json")), told)]
    if prediction.reliable is None:
        return written
    path = target.path("func", "mask.nii.gz", labels | {"desc": f"{label}reliable"})
    inside = mask.unflatten(prediction.reliable[None].astype(np.uint8))[..., 0]
    nifti.write_volume(path, Volume(inside, mask.grid), np.uint8, "predicted above chance")
    told = target.image_sidecar(
        Type="ROI",
        Description="Voxels in which people (or runs) left out of training were predicted better than chance: "
        "one-sided t test of r over them, 5 %, not corrected for the number of voxels",
    )
    return [
        *written,
        path,
        write_json(path.with_name(path.name.replace(".nii.gz", ".json")), told),
    ]


def _sidecar(target: Target, synthesis: Synthesis) -> dict[str, Any]:
    prediction = synthesis.prediction
    without = np.setdiff1d(np.arange(prediction.n_volumes), prediction.volumes)
    told = target.image_sidecar(
        **synthesis.metadata,
        SkullStripped=True,
        RepetitionTime=synthesis.tr_s,
        StartTime=synthesis.start_time_s,
        Units="arbitrary",
        Description=f"BOLD synthesized from EEG by {TELLS[prediction.split]}",
        Synthetic=True,
        Model=synthesis.model,
        Split=prediction.split,
        Baseline="measured" if synthesis.measured else "training",
        VolumesWithoutPrediction=without.tolist(),
        SmoothingFWHM=synthesis.bold.smoothing_mm,
        MaskSha256=synthesis.bold.mask.sha256,
        SoftwareVersion=__version__,
        NotForDiagnosis=True,
    )
    told.setdefault("TaskName", target.entities.get("task"))
    return told


def _refuse_foreign(sidecar: Path, model: dict[str, Any]) -> None:
    if not sidecar.is_file():
        return
    try:
        found = read_json(sidecar).get("Model")
    except AppError:
        return  # half a file from another day tells nothing of who wrote it
    found = found if isinstance(found, dict) else {}
    same = ("Name", "Origin") if model.get("Origin") != "bundle" else ("Name", "Origin", "Weights")
    if any(found.get(name) != model.get(name) for name in same):
        raise CannotCreateError(
            f"{sidecar}: was made by {found.get('Name')} ({found.get('Origin')}, weights "
            f"{str(found.get('Weights'))[:8]}); it is kept",
            hint="use --overwrite to replace it, or another output folder",
        )
