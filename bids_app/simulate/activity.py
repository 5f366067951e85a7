"""What happens in one run: when the EEG starts, the oddball events, and the networks' slow activity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.simulate.hemodynamics import (
    HRF_LENGTH_S,
    STEP_S,
    SlowSeries,
    draw_latents,
    hrf,
    respond,
)
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.streams import stream
from bids_app.values import Floats

# A multiple of it is a whole sample at every rate in use.
CLOCK_STEP_S = 0.02
EEG_LEAD_S = (4.0, 20.0)
EEG_TAIL_S = (2.0, 6.0)
FIRST_TRIAL_S = 4.0
TRIAL_SPACING_S = (2.0, 3.0)
ODDBALL_FRACTION = 0.2
TRIAL_GAIN_SD = 0.3
TRIAL_LENGTH_S = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One stimulus.

    Attributes
    ----------
    onset_s : float
        From the start of the first volume.
    oddball : bool
        Rare or frequent.
    """

    onset_s: float
    oddball: bool


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """What happens in one run.

    Attributes
    ----------
    offset_s : float
        When the first volume starts, in seconds after the first EEG sample.
    eeg_length_s : float
        Length of the EEG.
    trials : tuple of Trial
        Stimuli, in order.
    eeg_latents : SlowSeries
        What modulates the networks' band power.
    bold_latents : SlowSeries
        What drives the networks' BOLD; the same unless the run is uncoupled.
    bold : SlowSeries
        The networks' BOLD, of unit variance.
    """

    offset_s: float
    eeg_length_s: float
    trials: tuple[Trial, ...]
    eeg_latents: SlowSeries
    bold_latents: SlowSeries
    bold: SlowSeries


def make_activity(
    settings: SimulationSettings, label: str, run: str, hrf_peak_s: float
) -> Activity:
    """Draw what happens in one run of one person."""
    rng = stream(settings.seed, label, run, "times")
    offset_s = _on_clock(rng.uniform(*EEG_LEAD_S))
    length_s = _on_clock(offset_s + settings.duration_s + rng.uniform(*EEG_TAIL_S))
    if settings.layout == "ds000116":
        offset_s, length_s = 0.0, settings.duration_s
    trials = _draw_trials(settings.duration_s, rng)
    span_s = (-offset_s - HRF_LENGTH_S - 1.0, length_s - offset_s + 1.0)
    if settings.schedule_only:
        eeg, bold = (
            _driven(settings, trials, span_s, stream(settings.seed, label, run, "gain", which))
            for which in ("eeg", "bold")
        )
        response = _unit(_convolved(bold, hrf_peak_s))
    else:
        eeg = _latents(settings, span_s, stream(settings.seed, label, run, "latents"))
        bold = eeg
        if settings.evoked_share:
            rng = stream(settings.seed, label, run, "gain", "both")
            eeg = bold = _mixed(eeg, _driven(settings, trials, span_s, rng), settings.evoked_share)
        if not settings.coupled:
            bold = _latents(settings, span_s, stream(settings.seed, label, run, "uncoupled"))
        response = (
            _unit(_convolved(bold, hrf_peak_s))
            if settings.evoked_share
            else respond(bold, hrf_peak_s, settings.difficulty.latent_band_hz)
        )
    return Activity(offset_s, length_s, trials, eeg, bold, response)


def _on_clock(time_s: float) -> float:
    return round(round(time_s / CLOCK_STEP_S) * CLOCK_STEP_S, 6)


def _draw_trials(duration_s: float, rng: np.random.Generator) -> tuple[Trial, ...]:
    trials: list[Trial] = []
    onset_s = FIRST_TRIAL_S + rng.uniform(0, 2)
    while onset_s < duration_s - TRIAL_LENGTH_S:
        oddball = bool(rng.random() < ODDBALL_FRACTION)
        # As in the usual paradigm, no two oddballs follow each other.
        trials.append(Trial(round(onset_s, 3), oddball and not (trials and trials[-1].oddball)))
        onset_s += rng.uniform(*TRIAL_SPACING_S)
    return tuple(trials)


def _latents(
    settings: SimulationSettings, span_s: tuple[float, float], rng: np.random.Generator
) -> SlowSeries:
    return draw_latents(settings.n_networks, span_s, settings.difficulty.latent_band_hz, rng)


def _driven(
    settings: SimulationSettings,
    trials: tuple[Trial, ...],
    span_s: tuple[float, float],
    rng: np.random.Generator,
) -> SlowSeries:
    """Activity that follows the oddballs, each with a gain of its own."""
    times = np.arange(span_s[0], span_s[1], STEP_S)
    rows = np.zeros((settings.n_networks, len(times)))
    for trial in trials:
        gain = 1 + TRIAL_GAIN_SD * rng.standard_normal(settings.n_networks)
        during = (times >= trial.onset_s) & (times < trial.onset_s + TRIAL_LENGTH_S)
        if trial.oddball:
            rows[:, during] += gain[:, None]
    return _unit(SlowSeries(span_s[0], rows))


def _mixed(slow: SlowSeries, driven: SlowSeries, share: float) -> SlowSeries:
    """Add two series that begin together, the second with this share of the variance."""
    n_both = min(slow.values.shape[1], driven.values.shape[1])
    rows = (
        np.sqrt(1 - share) * slow.values[:, :n_both] + np.sqrt(share) * driven.values[:, :n_both]
    )
    return SlowSeries(slow.start_s, rows)


def _convolved(series: SlowSeries, hrf_peak_s: float) -> SlowSeries:
    response = hrf(hrf_peak_s)
    rows = [np.convolve(row, response, mode="valid") for row in series.values]
    return SlowSeries(series.start_s + (len(response) - 1) * STEP_S, np.stack(rows))


def _unit(series: SlowSeries) -> SlowSeries:
    centred = series.values - series.values.mean(axis=1, keepdims=True)
    spread: Floats = np.maximum(centred.std(axis=1, keepdims=True), 1e-9)
    return SlowSeries(series.start_s, centred / spread)
