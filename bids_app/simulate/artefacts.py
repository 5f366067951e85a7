"""What the scanner and the pulse add to the EEG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import interpolate, signal

from bids_app.simulate.settings import SimulationSettings
from bids_app.values import Floats
from bids_app.values.pairing import Clock

# the gradients are drawn at this rate and reach the recording through the amplifier's low-pass filter
SCANNER_HZ = 20000.0
LOW_PASS_HZ = 250.0
FILTER_TAPS = 801
ECHO_SPACING_S = 0.6e-3
N_ECHOES = 60
RAMP_S = 0.15e-3
EXCITATION_S = 3e-3
SLICE_SPREAD = 0.1
# root mean square of the artefact over that of the EEG, in the median channel
GRADIENT_TIMES_EEG = 100.0
PULSE_TIMES_EEG = 2.0
HEAD_RADIUS_M = 0.1
LEAD_PER_MM = 0.005
PULSE_SPREAD = 0.15
# time from the R peak, width in seconds, and size of each wave, for three patterns over the head
PULSE_WAVES = (
    ((0.17, 0.035, -0.7), (0.25, 0.045, 1.0), (0.36, 0.06, -0.5)),
    ((0.20, 0.05, 0.8), (0.32, 0.05, -0.6), (0.45, 0.08, 0.3)),
    ((0.23, 0.06, 0.5), (0.40, 0.09, -0.3), (0.55, 0.10, 0.15)),
)
PULSE_LENGTH_S = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class HeadPath:
    """Where the head is while the EEG is recorded.

    Attributes
    ----------
    sample : ndarray of shape (pose,)
        EEG sample of each pose, rising; between them the head moves evenly.
    shift_mm, turn_rad : ndarray of shape (3, pose)
        Small shifts, and small turns about each axis.
    """

    sample: Floats
    shift_mm: Floats
    turn_rad: Floats

    def at(self, n_samples: int) -> tuple[Floats, Floats]:
        """Shift in millimetres and turn in radians at every sample, each of shape (3, time)."""
        samples = np.arange(n_samples)
        shift, turn = (
            np.stack([np.interp(samples, self.sample, row) for row in path]).astype(np.float32)
            for path in (self.shift_mm, self.turn_rad)
        )
        return shift, turn


def gradient_course(settings: SimulationSettings, clock: Clock, n_samples: int) -> Floats:
    """Voltage that each gradient induces, low-passed and sampled at the EEG's rate.

    Parameters
    ----------
    settings : SimulationSettings
        Volumes, slices and rate.
    clock : Clock
        EEG time on scanner time; volumes may start between two samples.
    n_samples : int
        Length of the EEG.

    Returns
    -------
    ndarray of shape (axis, time)
        Largest absolute value 1.
    """
    course = interpolate.CubicSpline(*_volume_course(settings), axis=1, extrapolate=False)
    scanner_s = clock.bold_s(np.arange(n_samples) / settings.eeg_hz)
    volume = np.floor(scanner_s / settings.tr_s).astype(int)
    total = np.zeros((3, n_samples), dtype=np.float32)
    for shift in (-1, 0, 1):  # the filter's tails reach into the volumes beside
        near = volume + shift
        heard = np.flatnonzero((near >= 0) & (near < settings.size.n_volumes))
        total[:, heard] += np.nan_to_num(course(scanner_s[heard] - near[heard] * settings.tr_s))
    total /= np.abs(total).max()
    return total


def _volume_course(settings: SimulationSettings) -> tuple[Floats, Floats]:
    """One volume by itself: scanner time in seconds, shape (time,), and voltage, shape (axis, time)."""
    n_slices, slice_s = settings.size.bold_shape[2], settings.tr_s / settings.size.bold_shape[2]
    margin = FILTER_TAPS // 2
    raw = np.zeros((3, round(settings.tr_s * SCANNER_HZ) + 2 * margin))
    for number in range(n_slices):
        # Each slice has a gradient of its own: what repeats is the volume.
        one = _slice_course() * (1 + SLICE_SPREAD * np.sin(2.4 * number + np.arange(3)))[:, None]
        start = margin + round(number * slice_s * SCANNER_HZ)
        stop = min(start + one.shape[1], raw.shape[1])
        raw[:, start:stop] += one[:, : stop - start]
    taps = signal.firwin(FILTER_TAPS, LOW_PASS_HZ, fs=SCANNER_HZ)
    passed = np.stack([signal.oaconvolve(row, taps, mode="same") for row in raw])
    return (np.arange(raw.shape[1]) - margin) / SCANNER_HZ, passed


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
    volts: Floats, course: Floats, positions_m: Floats, head: HeadPath, rng: np.random.Generator
) -> None:
    """Add the gradient artefact, in place; it changes with the position of the head.

    A gradient induces a voltage in proportion to an electrode's place along it, and in the loop of its lead.

    Parameters
    ----------
    volts : ndarray of shape (channel, time)
        EEG.
    course : ndarray of shape (axis, time)
        See :func:`gradient_course`.
    positions_m : ndarray of shape (channel, 3)
        Electrodes.
    head : HeadPath
        Where the head is.
    rng : numpy.random.Generator
        How the leads lie.
    """
    mixing = rng.standard_normal((3, 3)) / HEAD_RADIUS_M
    leads = 0.4 * rng.standard_normal((len(volts), 3))
    weights = (positions_m - positions_m.mean(axis=0)) @ mixing + leads
    plucked = LEAD_PER_MM * rng.standard_normal((len(volts), 3, 3))
    induced = np.sqrt(np.einsum("ca,ab,cb->c", weights, course @ course.T, weights))
    heard = np.linalg.norm(volts - volts.mean(axis=1, keepdims=True), axis=1)
    size = GRADIENT_TIMES_EEG * float(np.median(heard / induced))
    shift_mm, turn_rad = head.at(volts.shape[1])
    for row, place, weight, pluck in zip(volts, positions_m, weights, plucked, strict=True):
        moved_m = shift_mm.T / 1000 + np.cross(turn_rad.T, place.astype(np.float32))
        changed = weight + moved_m @ mixing + shift_mm.T @ pluck
        np.add(row, size * np.einsum("ta,at->t", changed.astype(np.float32), course), out=row)


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
    step_s = float(times_s[1] - times_s[0])
    length = round(PULSE_LENGTH_S / step_s)
    pulse = np.zeros(volts.shape, dtype=np.float32)
    for beat_s in beats_s:
        start = int(np.ceil((beat_s - times_s[0]) / step_s))
        first, last = max(start, 0), min(start + length, len(times_s))
        if first >= last:
            continue
        after_s = times_s[first:last] - beat_s
        sizes = 1 + PULSE_SPREAD * rng.standard_normal(len(PULSE_WAVES))
        stretch = 1 + 0.03 * rng.standard_normal()
        waves = np.stack([_wave(after_s / stretch, parts) for parts in PULSE_WAVES])
        pulse[:, first:last] += (patterns * sizes) @ waves
    strength = volts.std(axis=1) / np.maximum(pulse.std(axis=1), np.finfo(np.float32).tiny)
    np.add(volts, np.float32(PULSE_TIMES_EEG * np.median(strength)) * pulse, out=volts)


def _wave(after_s: Floats, parts: tuple[tuple[float, float, float], ...]) -> Floats:
    total = np.zeros(len(after_s))
    for latency, width, size in parts:
        total += size * np.exp(-0.5 * ((after_s - latency) / width) ** 2)
    return total
