"""What the scanner and the pulse add to the EEG."""

from __future__ import annotations

import numpy as np
from scipy import signal

from bids_app.simulate.settings import SimulationSettings
from bids_app.values import Floats

# the gradients are drawn at this rate and reach the recording through the amplifier's low-pass filter
SCANNER_HZ = 20000.0
LOW_PASS_HZ = 250.0
FILTER_TAPS = 801
ECHO_SPACING_S = 0.6e-3
N_ECHOES = 60
RAMP_S = 0.15e-3
EXCITATION_S = 3e-3
LARGEST_GRADIENT_V = 2.5e-3
GRADIENT_PER_MM = 0.02
LARGEST_PULSE_V = 70e-6
PULSE_SPREAD = 0.15
# time from the R peak, width in seconds, and size of each wave, for three patterns over the head
PULSE_WAVES = (
    ((0.17, 0.035, -0.7), (0.25, 0.045, 1.0), (0.36, 0.06, -0.5)),
    ((0.20, 0.05, 0.8), (0.32, 0.05, -0.6), (0.45, 0.08, 0.3)),
    ((0.23, 0.06, 0.5), (0.40, 0.09, -0.3), (0.55, 0.10, 0.15)),
)
PULSE_LENGTH_S = 0.9


def gradient_course(settings: SimulationSettings, offset_s: float, n_samples: int) -> Floats:
    """Voltage that each gradient induces, low-passed and sampled at the EEG's rate.

    Parameters
    ----------
    settings : SimulationSettings
        Volumes, slices and rate.
    offset_s : float
        When the first volume starts, in seconds after the first EEG sample.
    n_samples : int
        Length of the EEG.

    Returns
    -------
    ndarray of shape (axis, time)
        Largest absolute value 1.
    """
    one = _slice_course()
    factor = round(SCANNER_HZ / settings.eeg_hz)
    course = np.zeros((3, n_samples * factor), dtype=np.float32)
    slice_s = settings.tr_s / settings.size.bold_shape[2]
    for number in range(settings.size.n_volumes * settings.size.bold_shape[2]):
        start = round((offset_s + number * slice_s) * SCANNER_HZ)
        stop = min(start + one.shape[1], course.shape[1])
        course[:, start:stop] += one[:, : stop - start]
    taps = signal.firwin(FILTER_TAPS, LOW_PASS_HZ, fs=SCANNER_HZ).astype(np.float32)
    passed = np.stack([signal.oaconvolve(row, taps, mode="same")[::factor] for row in course])
    scaled: Floats = (passed / np.abs(passed).max()).astype(np.float32)
    return scaled


def _slice_course() -> Floats:
    """Derivative of the three gradients of one slice, shape (axis, time), at ``SCANNER_HZ``."""
    n_samples = round((2 * EXCITATION_S + N_ECHOES * ECHO_SPACING_S) * SCANNER_HZ)
    times = np.arange(n_samples) / SCANNER_HZ
    echo = np.floor((times - 2 * EXCITATION_S) / ECHO_SPACING_S)
    reading = echo >= 0
    readout = np.where(reading, np.where(echo % 2 == 0, 1.0, -1.0), 0.0)
    within = (times - 2 * EXCITATION_S) - echo * ECHO_SPACING_S
    blips = np.where(reading & (within < RAMP_S), 0.3, 0.0) - np.where(
        (times > EXCITATION_S) & ~reading, 0.5, 0.0
    )
    selection = np.where(times < EXCITATION_S, 1.0, np.where(reading, 0.0, -0.5))
    gradients = np.stack([readout, blips, selection])
    ramp = np.ones(round(RAMP_S * SCANNER_HZ)) / round(RAMP_S * SCANNER_HZ)
    ramped = np.stack([np.convolve(row, ramp) for row in gradients])
    return np.diff(ramped, axis=1, prepend=0, append=0).astype(np.float32)


def add_gradients(
    volts: Floats, course: Floats, positions_m: Floats, shifts_mm: Floats, rng: np.random.Generator
) -> None:
    """Add the gradient artefact, in place; it changes a little with the position of the head.

    Parameters
    ----------
    volts : ndarray of shape (channel, time)
        EEG.
    course : ndarray of shape (axis, time)
        See :func:`gradient_course`.
    positions_m : ndarray of shape (channel, 3)
        Electrodes.
    shifts_mm : ndarray of shape (time, 3)
        Where the head is at each of the volumes, spread evenly over the recording.
    rng : numpy.random.Generator
        How the leads lie.
    """
    mixing = rng.standard_normal((3, 3))
    weights = (positions_m - positions_m.mean(axis=0)) @ mixing / 0.1 + 0.4 * rng.standard_normal((
        len(volts),
        3,
    ))
    weights *= LARGEST_GRADIENT_V / np.abs(weights).max()
    change = GRADIENT_PER_MM * rng.standard_normal((len(volts), 3))
    steps = np.linspace(0, volts.shape[1] - 1, len(shifts_mm))
    samples = np.arange(volts.shape[1])
    moved = np.stack([np.interp(samples, steps, shift) for shift in shifts_mm.T]).astype(
        np.float32
    )
    for row, weight, slope in zip(volts, weights, change, strict=True):
        modulation = 1 + slope.astype(np.float32) @ moved
        np.add(row, (weight.astype(np.float32) @ course) * modulation, out=row)


def add_pulse(
    volts: Floats, times_s: Floats, beats_s: Floats, positions_m: Floats, rng: np.random.Generator
) -> None:
    """Add the pulse artefact, in place: each beat turns the head and widens its vessels, never quite alike.

    Parameters
    ----------
    volts : ndarray of shape (channel, time)
        EEG.
    times_s : ndarray of shape (time,)
        Time of each sample, evenly spaced.
    beats_s : ndarray of shape (beat,)
        R peaks on the same axis.
    positions_m : ndarray of shape (channel, 3)
        Electrodes.
    rng : numpy.random.Generator
        Where the numbers come from.
    """
    centred = positions_m - positions_m.mean(axis=0)
    patterns = centred @ rng.standard_normal((3, len(PULSE_WAVES))) / 0.1
    patterns *= LARGEST_PULSE_V / np.abs(patterns).max()
    step_s = float(times_s[1] - times_s[0])
    length = round(PULSE_LENGTH_S / step_s)
    for beat_s in beats_s:
        start = int(np.ceil((beat_s - times_s[0]) / step_s))
        first, last = max(start, 0), min(start + length, len(times_s))
        if first >= last:
            continue
        after_s = times_s[first:last] - beat_s
        sizes = 1 + PULSE_SPREAD * rng.standard_normal(len(PULSE_WAVES))
        stretch = 1 + 0.03 * rng.standard_normal()
        waves = np.stack([_wave(after_s / stretch, parts) for parts in PULSE_WAVES])
        volts[:, first:last] += (patterns * sizes) @ waves


def _wave(after_s: Floats, parts: tuple[tuple[float, float, float], ...]) -> Floats:
    total = np.zeros(len(after_s))
    for latency, width, size in parts:
        total += size * np.exp(-0.5 * ((after_s - latency) / width) ** 2)
    return total
