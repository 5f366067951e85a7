"""Apply a trained bundle to every EEG run of a participant; no BOLD is needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.derivatives.describe import DESCRIPTIONS, describe_labels
from bids_app.derivatives.names import DEFAULT_ARCHITECTURE, synth
from bids_app.derivatives.predictions import Synthesis, Uncertainty, write_prediction
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import DataError
from bids_app.files.lock import locked
from bids_app.files.sidecar import read_json
from bids_app.learn import device
from bids_app.learn.bundle import identity, load, unpack
from bids_app.learn.predict import apply, predict
from bids_app.learn.references import (
    PARTICIPANT_MEAN,
    TRAINING_MEAN,
    ZERO,
    References,
    constant,
)
from bids_app.models.base import Calibrated
from bids_app.pipeline import calibrated, denoise, prepare, rows
from bids_app.pipeline.judge import Case, Judgement, draw_run, judge
from bids_app.pipeline.place import target
from bids_app.pipeline.record import Record
from bids_app.samples.scale import scale_alone, scale_causally
from bids_app.samples.targets import baseline, fractional_change
from bids_app.samples.windows import Scan, WindowSettings, cut
from bids_app.values import Floats
from bids_app.values.bundle import ModelBundle
from bids_app.values.outcome import Prediction
from bids_app.values.pairing import Clock
from bids_app.values.samples import Samples

log = logging.getLogger(__name__)


def model_tr_s(config: RunConfig) -> float | None:
    """Repetition time of the bundle that will be applied; None without one."""
    return load(config.model).bold.tr_s if config.model else None


def apply_bundle(label: str, config: RunConfig, record: Record) -> None:
    """Synthesize BOLD for each EEG run, and score it where BOLD was measured.

    Raises
    ------
    AppError
        When the bundle cannot be used at all.
    """
    assert config.model is not None
    bundle = load(config.model)
    if config.calibrate_runs:
        calibrated.refuse(unpack(bundle), bundle.architecture, bundle.bold)
    applied = _Applied(bundle, identity(config.model), config, record)
    processed = {row["run"] for row in record.content["pairings"] if row["status"] != "failed"}
    results = []
    for run in reuse.runs(config.output_dir, label, bundle.bold.space):
        if run.eeg is not None and run.name in processed:
            with record.attempt(f"{run.name} {bundle.architecture}"):
                results.append(applied.run(run))
    if not results:
        record.note("no EEG run could be used: nothing was predicted")
    _judge(applied, results, label)


def _judge(applied: _Applied, results: Sequence[_Result], label: str) -> None:
    """Score what was predicted of people whom the model never saw, and draw it."""
    config, record, bundle = applied.config, applied.record, applied.bundle
    scored = [found for found in results if found.is_scored]
    if not scored:
        if config.calibrate_runs:
            record.note("no run has BOLD that the model never saw: nothing was calibrated")
        return
    runs = {found.prediction.run: found.run for found in scored}
    mask = bundle.bold.mask
    case = Case(
        {found.prediction.run: found.truth for found in scored if found.truth is not None},
        rows.with_truth(
            {found.prediction.run: found.references for found in scored if found.references},
            runs, mask, config,
        ),
        {found.prediction.run: found.level for found in scored if found.level is not None},
        mask,
        runs,
        config,
    )  # fmt: skip
    _, judgement, _ = judge(
        [found.prediction for found in scored], case, label, cross_fitted=False
    )
    for found in scored:
        draw_run(found.prediction, case, judgement)
    if config.calibrate_runs:
        with record.attempt(f"sub-{label} {bundle.architecture} calibrated"):
            _calibrate(applied, results, case, judgement)
    judgement.tell(record)


def _calibrate(
    applied: _Applied, results: Sequence[_Result], case: Case, judgement: Judgement
) -> None:
    """Calibrate the model on a person's first runs that have BOLD; predict the others, and score them apart."""
    scored = [found.prediction for found in results if found.is_scored]
    who = scored[0].participant
    first = [one.run for one in scored][: applied.config.calibrate_runs]
    others = [
        found
        for found in results
        if found.run.name not in first and found.prediction.split != "insample"
    ]
    if len(first) < applied.config.calibrate_runs or not others:
        calibrated.tell_left_out([who], {}, judgement)
        return
    given = applied.calibrated([found for found in results if found.run.name in first], others)
    measured = [one for one in given if one.run in case.truths]
    calibrated.score(measured, scored, {who: first}, case, judgement)


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    run: PreprocessedRun
    samples: Samples
    prediction: Prediction
    truth: Samples | None
    references: References | None
    level: Floats | None

    @property
    def is_scored(self) -> bool:
        """Tell whether BOLD was measured that the model never saw."""
        return self.truth is not None and self.prediction.split != "insample"


@dataclass(frozen=True, slots=True, eq=False)
class _Applied:
    """A bundle at work."""

    bundle: ModelBundle
    weights: str
    config: RunConfig
    record: Record

    def run(self, run: PreprocessedRun) -> _Result:
        """Predict one run, write it, and read what was measured."""
        samples = self._samples(run)
        split = "insample" if self._trained_on(run) else "participant"
        prediction = predict(
            self.bundle,
            self._scaled(samples),
            device.choose(self.config.device),
            split,
            causal=self.config.causal_scaling,
        )
        truth, level = self._measured(run, samples)
        self._write(run, prediction, level)
        self._tell(run, samples, split)
        if truth is None or truth.targets is None:
            return _Result(run, samples, prediction, None, None, level)
        zero = constant(np.zeros(self.bundle.bold.n_voxels, np.float32), len(truth))
        mean = constant(np.asarray(truth.targets.mean(axis=0), np.float32), len(truth))
        # A bundle does not hold the mean training target: changes are relative to a median, so that it is near zero.
        named = {ZERO: zero, TRAINING_MEAN: zero, PARTICIPANT_MEAN: mean}
        return _Result(run, samples, prediction, truth, References(truth.volumes, named), level)

    def calibrated(self, first: Sequence[_Result], others: Sequence[_Result]) -> list[Prediction]:
        """Calibrate the model on the first runs, predict the others and write them."""
        model = unpack(self.bundle).to(device.choose(self.config.device))
        assert isinstance(model, Calibrated)
        own = model.calibrate([
            self._scaled(found.truth) for found in first if found.truth is not None
        ])
        predictions = []
        for found in others:
            prediction = apply(
                own,
                self.bundle.architecture,
                self._scaled(found.samples),
                calibrated.SPLIT,
                causal=self.config.causal_scaling,
            )
            on = [other.run.name for other in first]
            self._write(found.run, prediction, found.level, CalibratedOn=on)
            predictions.append(prediction)
        return predictions

    def _scaled(self, samples: Samples) -> Samples:
        return scale_causally(samples) if self.config.causal_scaling else scale_alone(samples)

    def _samples(self, run: PreprocessedRun) -> Samples:
        if run.space is not None:
            self._refuse_other_space(run)
        heard = prepare.hear(run)
        tr_s = float(run.metadata.get("RepetitionTime", self.bundle.bold.tr_s))
        self.bundle.accepts.refuse_tr(self.bundle.bold, tr_s, run.name)
        start_time_s = float(run.metadata.get("StartTime", self.bundle.bold.start_time_s))
        length_s = heard.eeg.shape[1] / heard.rate_hz
        known = reuse.shape_of(run)[3] if run.bold else run.eeg_metadata.get("NumberOfVolumes")
        n_volumes = (
            (self.config.n_volumes if not run.bold else None) or known or int(length_s // tr_s)
        )
        scan = Scan(
            run.name,
            run.entities.participant,
            n_volumes,
            tr_s,
            start_time_s,
            heard.channels,
            heard.digitised_m,
        )
        settings = WindowSettings(self.bundle.eeg.window_s, self.bundle.bold.window_lag_s)
        if heard.clock is None:
            self.record.note(
                f"{run.name}: no volume markers: the first volume starts with the EEG"
            )
        return cut(heard.eeg, heard.rate_hz, heard.clock or Clock(0.0), scan, settings)

    def _refuse_other_space(self, run: PreprocessedRun) -> None:
        bold = self.bundle.bold
        assert run.space is not None
        if (run.space.name, run.space.resolution) != (bold.space, bold.resolution):
            raise DataError(
                f"{run.name}: is in {run.space.name} res-{run.space.resolution}; the model predicts "
                f"{bold.space} res-{bold.resolution}",
                hint="preprocess with the engine and resolution of the model, or use a model for this template",
            )

    def _trained_on(self, run: PreprocessedRun) -> bool:
        """Tell whether this person was in the training set: the same label of the same dataset, or the same data."""
        content = prepare.eeg_hash(run)
        dataset = dataset_identity(self.config.output_dir)
        return any(
            content in person.get("contents", [])
            or (
                dataset
                and (person.get("dataset"), person.get("label"))
                == (dataset, run.entities.participant)
            )
            for person in self.bundle.training.get("participants", [])
        )

    def _measured(
        self, run: PreprocessedRun, samples: Samples
    ) -> tuple[Samples | None, Floats | None]:
        if run.bold is None:
            return None, None
        learned = str(self.bundle.training.get("denoising", "none"))
        rows = denoise.target_rows(
            run, self.bundle.bold.mask, replace(self.config, denoise=learned)
        )
        level = baseline([rows])
        return replace(samples, targets=fractional_change(rows[samples.volumes], level)), level

    def _write(
        self, run: PreprocessedRun, prediction: Prediction, level: Floats | None, **told: list[str]
    ) -> None:
        assert run.eeg is not None
        bundle = self.bundle
        synthesis = Synthesis(
            prediction=prediction,
            bold=bundle.bold,
            baseline=bundle.baseline if level is None else level,
            measured=level is not None,
            tr_s=float(run.metadata.get("RepetitionTime", bundle.bold.tr_s)),
            start_time_s=float(run.metadata.get("StartTime", bundle.bold.start_time_s)),
            model={
                "Name": bundle.architecture,
                "Origin": "bundle",
                "Weights": self.weights,
                "TrainedOn": [
                    f"sub-{person.get('label')}"
                    for person in bundle.training.get("participants", [])
                ],
                "Seed": bundle.training.get("seed"),
                "Denoising": bundle.training.get("denoising", "none"),
                "Arguments": bundle.arguments,
                **told,
            },
            metadata={
                name: value
                for name, value in (run.metadata or run.eeg_metadata).items()
                if name == "TaskName" and value
            },
            uncertainty=Uncertainty(self.config.uncertainty, self.config.mask_unreliable),
        )
        where = target(self.config, run.entities, bundle.bold.space, [run.eeg], "")
        write_prediction(where, synthesis, overwrite=self.config.overwrite)
        tell_label(self.config.output_dir, bundle.architecture, prediction.split)

    def _tell(self, run: PreprocessedRun, samples: Samples, split: str) -> None:
        for row in self.record.content["pairings"]:
            if row["run"] == run.name:
                row["n_samples"] = len(samples)
                row["n_volumes"] = samples.n_volumes
                row["volumes_without_prediction"] = samples.n_volumes - len(samples)
        if split == "insample":
            self.record.note(
                f"{run.name}: the model was trained on this person; its prediction is not scored"
            )


def dataset_identity(output_dir: Path) -> str:
    """Hash of the description of the raw dataset that an output folder was made from; empty when it is not known."""
    path = output_dir / "dataset_description.json"
    return str(read_json(path).get("RawDataset", {}).get("Identity", "")) if path.is_file() else ""


def tell_label(output_dir: Path, architecture: str, split: str) -> None:
    """Explain the ``desc`` label of an architecture that is not the default."""
    if architecture == DEFAULT_ARCHITECTURE:
        return
    plain, own = synth(DEFAULT_ARCHITECTURE, split), synth(architecture, split)
    told = {
        f"{own}{kind}": f"{DESCRIPTIONS[f'{plain}{kind}']}; architecture {architecture}"
        for kind in ("", "std", "reliable")
    }
    with locked(output_dir / "dataset_description.json"):
        describe_labels(output_dir, told)
