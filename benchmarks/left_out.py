"""What the benchmarks share: simulated runs as samples, and people left out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bids_app.config import ARTEFACT_STEPS
from bids_app.learn.predict import apply
from bids_app.learn.seed import generator
from bids_app.learn.train import fit
from bids_app.preproc.eeg import STEPS, name, settings_of
from bids_app.samples.scale import scale_split
from bids_app.samples.split import by_participant
from bids_app.samples.targets import baseline, fractional_change
from bids_app.samples.windows import Scan, cut
from bids_app.simulate.samples_level import SimulatedRun
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.outcome import Prediction
from bids_app.values.samples import Samples
from bids_app.values.scene import Scene

WINDOW_S = 30.0


def samples_of(run: SimulatedRun) -> Samples:
    """Clean a run's EEG as the app does, and cut it into windows with their targets.

    These recordings hold no artefacts of the scanner, and to look for them would take longer than all the rest.
    """
    scene = Scene(run.name, run.clock, run.tr_s, len(run.bold), None)
    settings, cleaned = settings_of({}), run.eeg
    for step in STEPS:
        if name(step) not in ARTEFACT_STEPS:
            cleaned = step.apply(cleaned, settings[name(step)], scene, lambda _: None)
    scan = Scan(
        run.name, run.participant, len(run.bold), run.tr_s, run.start_time_s, cleaned.names
    )
    samples = cut(cleaned.volts, cleaned.rate_hz, run.clock, scan)
    rows = run.bold + 1  # the simulation gives fractional change
    change = fractional_change(rows, baseline([rows]))
    return replace(samples, targets=change[samples.volumes])


def specifications(run: SimulatedRun, samples: Samples) -> tuple[EegSpec, BoldSpec]:
    """What a model that is trained on such runs eats and gives."""
    eeg = EegSpec(samples.channels, samples.rate_hz, WINDOW_S)
    space = "MNI152NLin2009aSym"
    return eeg, BoldSpec(run.mask, space, "3", run.tr_s, run.start_time_s, 0.0)


def leave_one_out(
    architecture: str, runs: Sequence[SimulatedRun], samples: Sequence[Samples], seed: int
) -> list[Prediction]:
    """Predict each person with a model of the others."""
    eeg, bold = specifications(runs[0], samples[0])
    predictions = []
    for split in by_participant(samples, generator(seed, "group")):
        scaled = scale_split(samples, split)
        model = fit(architecture, eeg, bold, scaled, split).model
        tested = [run for run in scaled if run.run in split.test]
        predictions += [apply(model, architecture, run, "participant") for run in tested]
    return predictions
