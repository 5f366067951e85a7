"""What a fold predicted, as BOLD beside the measured run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bids_app.derivatives.predictions import Synthesis, Uncertainty, write_prediction
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.pipeline.fold import Task
from bids_app.pipeline.place import target
from bids_app.values import Floats
from bids_app.values.outcome import Prediction


def write_fold(
    task: Task,
    run: PreprocessedRun,
    prediction: Prediction,
    baseline: Floats,
    trained: dict[str, Any],
) -> list[Path]:
    """Write the prediction of a run whose BOLD was measured.

    Parameters
    ----------
    task : Task
        The model and the call.
    run : PreprocessedRun
        With EEG.
    prediction : Prediction
        Of this run.
    baseline : ndarray of shape (voxel,)
        Measured median that the change is added to.
    trained : dict
        ``Origin``, ``Weights`` and ``TrainedOn``, for the sidecar.
    """
    assert run.eeg is not None
    config = task.config
    synthesis = Synthesis(
        prediction=prediction,
        bold=task.bold,
        baseline=baseline,
        measured=True,
        tr_s=float(run.metadata["RepetitionTime"]),
        start_time_s=float(run.metadata.get("StartTime", 0.0)),
        model={
            "Name": task.architecture,
            **trained,
            "Seed": config.random_seed,
            "Denoising": config.denoise,
            "Arguments": task.training.arguments,
        },
        metadata={name: run.metadata[name] for name in ("TaskName",) if name in run.metadata},
        uncertainty=Uncertainty(config.uncertainty, config.mask_unreliable),
    )
    where = target(config, run.entities, task.bold.space, [run.eeg], "")
    return write_prediction(where, synthesis, overwrite=config.overwrite)
