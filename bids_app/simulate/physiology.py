"""Heart and breathing of one run: they reach the ECG, the EEG and the BOLD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats

# amplitude in volts, time from the R peak and width in seconds: P, Q, R, S, T
ECG_WAVES = (
    (0.10e-3, -0.17, 0.025),
    (-0.12e-3, -0.03, 0.009),
    (1.20e-3, 0.0, 0.011),
    (-0.22e-3, 0.03, 0.010),
    (0.28e-3, 0.27, 0.045),
)
ECG_NOISE_V = 10e-6
BEAT_JITTER = 0.03
BREATH_ON_BEAT = 0.05
BREATH_STEP_S = 0.1
MARGIN_S = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Physiology:
    """Heart and breathing.

    Attributes
    ----------
    beats_s : ndarray of shape (beat,)
        R peaks, from the start of the first volume.
    breath_times_s, breath_phase : ndarray of shape (time,)
        Phase of breathing in radians, always growing.
    """

    beats_s: Floats
    breath_times_s: Floats
    breath_phase: Floats

    def heart_phase(self, times_s: Floats) -> Floats:
        """Phase in radians, of the shape of the times given; a whole turn from beat to beat."""
        return np.asarray(
            np.interp(times_s, self.beats_s, 2 * np.pi * np.arange(len(self.beats_s)))
        )

    def breathing(self, times_s: Floats) -> Floats:
        """Phase in radians, of the shape of the times given."""
        return np.asarray(np.interp(times_s, self.breath_times_s, self.breath_phase))


def draw_physiology(
    heart_hz: float, breath_hz: float, span_s: tuple[float, float], rng: np.random.Generator
) -> Physiology:
    """Draw heart beats and breathing over a span of time.

    Parameters
    ----------
    heart_hz, breath_hz : float
        Mean rates.
    span_s : tuple of float
        First and last time, from the start of the first volume.
    rng : numpy.random.Generator
        Where the numbers come from.
    """
    start_s, stop_s = span_s[0] - MARGIN_S, span_s[1] + MARGIN_S
    times = np.arange(start_s, stop_s, BREATH_STEP_S)
    pace = np.convolve(rng.standard_normal(len(times)), np.ones(60) / np.sqrt(60), mode="same")
    rate = breath_hz * np.clip(1 + 0.12 * pace, 0.5, 1.5)
    phase = np.cumsum(2 * np.pi * rate * BREATH_STEP_S)
    beats = [start_s + rng.uniform(0, 1 / heart_hz)]
    while beats[-1] < stop_s:
        breath = np.sin(np.interp(beats[-1], times, phase))
        wait = (1 + BREATH_ON_BEAT * breath + BEAT_JITTER * rng.standard_normal()) / heart_hz
        beats.append(beats[-1] + max(0.3, wait))
    return Physiology(np.array(beats), times, phase)


def electrocardiogram(physiology: Physiology, times_s: Floats, rng: np.random.Generator) -> Floats:
    """ECG of shape (time,), in volts, at times of shape (time,) from the start of the first volume."""
    trace = ECG_NOISE_V * rng.standard_normal(len(times_s))
    for beat_s in physiology.beats_s:
        near = slice(*np.searchsorted(times_s, [beat_s - 0.4, beat_s + 0.6]))
        for size, shift, width in ECG_WAVES:
            trace[near] += size * np.exp(-0.5 * ((times_s[near] - beat_s - shift) / width) ** 2)
    return trace
