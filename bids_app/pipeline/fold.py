"""One fold: train on one part, predict the other; kept in the work folder, so that it is done once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import RunConfig, settings
from bids_app.derivatives import provenance
from bids_app.errors import AppError, UsageError
from bids_app.files.sidecar import read_json, write_json
from bids_app.files.whole import whole_folder
from bids_app.learn.predict import apply
from bids_app.learn.settings import TrainSettings
from bids_app.learn.train import Fitted, fit
from bids_app.learn.weights import weights_hash
from bids_app.models.base import Calibrated, ClosedForm, TeacherForced
from bids_app.pipeline import calibrated
from bids_app.samples.scale import scale_causally, scale_split
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples, Split

log = logging.getLogger(__name__)

ABOUT = "fold.json"
FORCED, CONSTANT = "teacher-forced", "constant-eeg"
POSITIONS = "channel_positions.npy"


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What stands beside a model, table ``[evaluation]``.

    Attributes
    ----------
    constant_eeg : str
        Whether each model is trained once more on EEG that never changes: ``auto`` for models in closed form, which
        that costs little, ``always`` or ``never``.
    """

    constant_eeg: str = "auto"

    def __post_init__(self) -> None:
        """Refuse words that mean nothing."""
        if self.constant_eeg not in ("auto", "always", "never"):
            raise UsageError(
                f"config file: [evaluation] constant_eeg is {self.constant_eeg!r}; expected auto, always or never"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What folds of one kind share.

    Attributes
    ----------
    architecture : str
        What to train.
    eeg, bold : EegSpec, BoldSpec
        What it eats and gives.
    kind : str
        ``participant``, ``run`` or ``block``.
    contents : dict of str to str
        Content hash of each run.
    config : RunConfig
        The call.
    keeps_level : bool
        Leave predictions as the model gives them; otherwise they are centred over the run, as the level of targets
        that are changes from a median carries nothing.
    """

    architecture: str
    eeg: EegSpec
    bold: BoldSpec
    kind: str
    contents: dict[str, str]
    config: RunConfig
    keeps_level: bool = False

    @property
    def training(self) -> TrainSettings:
        """How to train, from the config file and the command line."""
        chosen = settings(TrainSettings, self.config.table("train"), "train")
        return replace(
            chosen,
            seed=self.config.random_seed,
            device=self.config.device,
            arguments=self.config.table("models", self.architecture),
            steps=self.config.max_steps or chosen.steps,
        )

    @property
    def constant_eeg(self) -> str:
        """Whether to train on constant EEG too."""
        table = self.config.table("evaluation")
        return settings(EvaluationSettings, table, "evaluation").constant_eeg

    @property
    def calibrate_runs(self) -> int:
        """Runs of each left-out person to calibrate on; none where people are not what is left out."""
        return self.config.calibrate_runs if self.kind == "participant" else 0

    def key(self, split: Split) -> str:
        """Hash of all that decides the fold."""
        parts = {
            name: {run: [self.contents[run], index.tolist()] for run, index in part.items()}
            for name, part in (
                ("train", split.train),
                ("valid", split.valid),
                ("test", split.test),
            )
        }
        # Where and how fast it is computed decides nothing.
        how = replace(self.training, device="", folder=None, checkpoint_s=0.0, tensorboard=False)
        decides = [
            self.architecture,
            how,
            self.eeg,
            self.bold.mask.sha256,
            self.kind,
            parts,
            self.bold.smoothing_mm,
            self.bold.window_lag_s,
            self.config.causal_scaling,
            self.keeps_level,
            self.config.denoise,
            self.constant_eeg,
            self.calibrate_runs,
        ]
        return provenance.key(f"fold {split.name}", [], decides)


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What came out of a fold.

    Attributes
    ----------
    predictions : list of Prediction
        Of its test runs; changes are memory maps.
    forced : list of Prediction
        What a model that can be shown the true volumes gives when it is: no predictions, and never written as such.
        Empty for all other models.
    constant : list of Prediction
        What the same model gives when it is trained and tested on EEG that never changes; no predictions either.
        Empty where that was not tried.
    calibrated : list of Prediction
        What the model gives of a left-out person's other runs once it is calibrated on the first ones. Empty where that
        was not asked for.
    positions : ndarray of shape (channel, width) or None
        What a model has learned of the places of the channels, where it learns such a thing.
    about : dict
        ``Weights`` (their hash), ``TrainedOn`` (runs), ``CalibratedOn`` (runs of each person) and ``History``.
    """

    predictions: list[Prediction]
    forced: list[Prediction]
    constant: list[Prediction]
    calibrated: list[Prediction]
    positions: Floats | None
    about: dict[str, Any]


def run_fold(task: Task, samples: Sequence[Samples], split: Split) -> FoldResult:
    """Train and predict, unless that is done.

    Parameters
    ----------
    task : Task
        What to train, and on what.
    samples : sequence of Samples
        All runs, with targets, not scaled.
    split : Split
        What is for training and for test.
    """
    folder = task.config.work_dir / "folds" / task.key(split)[:32]
    tested = [run for run in samples if len(split.test.get(run.run, ()))]
    if task.config.overwrite or not _whole(folder, tested):
        _train(task, samples, split, folder)
    about = read_json(folder / ABOUT)
    free, forced, constant, adapted = (
        _kept(task, split, tested, folder / way, name)
        for way, name in (
            ("free", task.architecture),
            ("forced", forced_name(task.architecture)),
            ("constant", f"{task.architecture}-{CONSTANT}"),
            (calibrated.SPLIT, task.architecture),
        )
    )
    adapted = [replace(one, split=calibrated.SPLIT) for one in adapted]
    positions = np.load(folder / POSITIONS) if (folder / POSITIONS).is_file() else None
    return FoldResult(free, forced, constant, adapted, positions, about)


def forced_name(architecture: str) -> str:
    """Name of the row of a model that is shown the true volumes."""
    return f"{architecture}-{FORCED}"


def _kept(
    task: Task, split: Split, tested: Sequence[Samples], folder: Path, model: str
) -> list[Prediction]:
    return [
        Prediction(
            run.run,
            run.participant,
            np.load(folder / f"{run.run}.npy", mmap_mode="r"),
            run.volumes[split.test[run.run]],
            run.n_volumes,
            model,
            task.kind,
            _mapped(folder / f"{run.run}_spread.npy"),
            _mapped(folder / f"{run.run}_reliable.npy"),
        )
        for run in tested
        if (folder / f"{run.run}.npy").is_file()
    ]


def _mapped(path: Path) -> Any:
    return np.load(path, mmap_mode="r") if path.is_file() else None


def _train(task: Task, samples: Sequence[Samples], split: Split, folder: Path) -> None:
    log.info("%s: %s", task.architecture, split.name)
    scaled = scale_split(samples, split)
    if task.config.causal_scaling:
        trained = {
            run.participant for run in samples if run.run in split.train or run.run in split.valid
        }
        scaled = [
            done if run.participant in trained else scale_causally(run)
            for run, done in zip(samples, scaled, strict=True)
        ]
    training = replace(
        task.training, folder=task.config.work_dir / "training" / task.key(split)[:32]
    )
    fitted = fit(task.architecture, task.eeg, task.bold, scaled, split, training)
    forced = isinstance(fitted.model, TeacherForced)
    with whole_folder(folder) as partial:
        for run in scaled:
            index = split.test.get(run.run)
            if index is not None and len(index):
                _write(fitted, task, run.take(index), partial / "free", forced=False)
                if forced:
                    _write(fitted, task, run.take(index), partial / "forced", forced=True)
        if _is_tried_silent(task, fitted.model):
            _train_silent(task, scaled, split, partial / "constant")
        calibrated_on = _calibrate(fitted, task, scaled, split, partial / calibrated.SPLIT)
        places = dict(fitted.model.named_parameters()).get("channel_positions")
        if places is not None:
            np.save(partial / POSITIONS, places.detach().cpu().numpy())
        about = {
            "Weights": weights_hash(fitted.model),
            "TrainedOn": sorted({*split.train, *split.valid}),
            "CalibratedOn": calibrated_on,
            "History": provenance.plain(fitted.history),
        }
        write_json(partial / ABOUT, about)


def _is_tried_silent(task: Task, model: object) -> bool:
    if task.constant_eeg == "auto":
        return isinstance(model, ClosedForm)
    return task.constant_eeg == "always"


def _train_silent(task: Task, scaled: Sequence[Samples], split: Split, folder: Path) -> None:
    """Train and predict once more, the same in all but that the EEG is 0 everywhere."""
    silent = [
        replace(run, eeg=np.broadcast_to(np.float32(0), run.eeg.shape), centre=None, spread=None)
        for run in scaled
    ]
    fitted = fit(task.architecture, task.eeg, task.bold, silent, split, task.training)
    for run in silent:
        if len(index := split.test.get(run.run, ())):
            _write(fitted, task, run.take(np.asarray(index)), folder, forced=False)


def _calibrate(
    fitted: Fitted, task: Task, scaled: Sequence[Samples], split: Split, folder: Path
) -> dict[str, list[str]]:
    """Predict the other runs of each left-out person; give the runs that were calibrated on."""
    if not (task.calibrate_runs and isinstance(fitted.model, Calibrated)):
        return {}
    tested = {
        run.run: run.take(np.asarray(index))
        for run in scaled
        if len(index := split.test.get(run.run, ()))
    }
    people = calibrated.parted(
        [(run.participant, name) for name, run in tested.items()], task.calibrate_runs
    )
    for first, others in people.values():
        own = replace(fitted, model=fitted.model.calibrate([tested[name] for name in first]))
        for name in others:
            _write(own, task, tested[name], folder, forced=False)
    return {who: first for who, (first, _) in people.items()}


def _write(fitted: Fitted, task: Task, run: Samples, folder: Path, *, forced: bool) -> None:
    folder.mkdir(exist_ok=True)
    level = task.keeps_level or task.config.causal_scaling
    given = apply(fitted.model, "", run, task.kind, causal=level, forced=forced)
    np.save(folder / f"{run.run}.npy", given.change)
    if given.spread is not None and given.reliable is not None:
        np.save(folder / f"{run.run}_spread.npy", given.spread.astype(np.float16))
        np.save(folder / f"{run.run}_reliable.npy", given.reliable)


def _whole(folder: Path, tested: Sequence[Samples]) -> bool:
    try:
        read_json(folder / ABOUT)
    except AppError:
        return False
    return all((folder / "free" / f"{run.run}.npy").is_file() for run in tested)
