"""One EEG recording from inside a scanner, without images: what cleaning must give back is known.

The brain is background of 1/f spectrum and occipital alpha that comes and goes; the artefacts are those of a whole
dataset, with one minute of head movement.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, signal

from bids_app.simulate.artefacts import HeadPath, add_gradients, add_pulse, gradient_course
from bids_app.simulate.physiology import draw_physiology, electrocardiogram
from bids_app.simulate.settings import SIZES, SimulationSettings
from bids_app.simulate.streams import coloured, stream
from bids_app.simulate.tree import VOLUME_MARKER
from bids_app.values import Floats
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event, Recording

WORK_HZ = 250.0
N_SOURCES = 40
REACH_M = 0.06
HEAD_RADIUS_M = 0.09
BACKGROUND_V = 12e-6
ALPHA_V = 14e-6
ALPHA_BAND_HZ = (8.0, 12.0)
ALPHA_WAXES_BELOW_HZ = 0.3
AMPLIFIER_V = 0.05e-6  # per square root of hertz
LEAD_S = 6.013
TAIL_S = 4.0
HEART_HZ = 1.1
BREATH_HZ = 0.25
MOVED_FOR_S = 60.0
MOVED_MM, MOVED_DEG = 2.0, 2.0
MOVED_BELOW_HZ = 0.15
POSE_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class ScannerEegSettings:
    """What to record.

    Attributes
    ----------
    n_channels : int
        EEG channels; an ECG is added.
    rate_hz : float
        A multiple of 250.
    n_volumes, n_slices : int
        What is scanned meanwhile.
    tr_s : float
        Repetition time on the scanner's clock.
    drift : float
        EEG seconds per scanner second, minus one; 0 for clocks that are tied together.
    samples_late : float
        How long after an EEG sample the first volume starts.
    gradient, pulse, moves : bool
        Which artefacts there are, and whether the head moves for a minute.
    seed : int
        Everything follows from it.
    """

    n_channels: int = 31
    rate_hz: float = 5000.0
    n_volumes: int = 120
    n_slices: int = 30
    tr_s: float = 2.0
    drift: float = 12e-6
    samples_late: float = 0.37
    gradient: bool = True
    pulse: bool = False
    moves: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class ScannerEeg:
    """A recording and its truth.

    Attributes
    ----------
    recording : Recording
        With artefacts, an ECG, and a marker for each volume, on whole samples.
    clean : ndarray of shape (channel, time)
        EEG without artefacts, volts at the recording's rate.
    clock : Clock
        True EEG time on scanner time.
    beats_s : ndarray of shape (beat,)
        True R peaks, in seconds after the first sample.
    """

    recording: Recording
    clean: Floats
    clock: Clock
    beats_s: Floats


def record(settings: ScannerEegSettings) -> ScannerEeg:
    """Draw a recording from inside a scanner."""
    rate_hz = settings.rate_hz
    clock = Clock(
        LEAD_S + settings.samples_late / rate_hz,
        1 + settings.drift,
        n_found=settings.n_volumes,
        n_expected=settings.n_volumes,
        marker="R128",
        source="truth",
    )
    scanned_s = settings.n_volumes * settings.tr_s
    n_samples = round((LEAD_S + scanned_s + TAIL_S) * rate_hz)
    rng = stream(settings.seed, "scanner-eeg")
    positions_m = _cap(settings.n_channels)
    clean = _brain(positions_m, n_samples, rate_hz, rng)
    times_s = np.arange(n_samples) / rate_hz
    heart = draw_physiology(HEART_HZ, BREATH_HZ, (0.0, n_samples / rate_hz), rng)
    volts = np.vstack([clean, electrocardiogram(heart, times_s, rng)[None]]).astype(np.float32)
    if settings.pulse:
        add_pulse(volts[:-1], times_s, heart.beats_s, positions_m, rng)
    if settings.gradient:
        _scan(settings, volts, clock, positions_m, rng)
    onsets_s = clock.eeg_s(np.arange(settings.n_volumes) * settings.tr_s)
    names = tuple(f"E{number}" for number in range(1, settings.n_channels + 1))
    recording = Recording(
        volts=volts,
        rate_hz=rate_hz,
        names=(*names, "ECG"),
        kinds=(*["EEG"] * settings.n_channels, "ECG"),
        positions_m=np.vstack([positions_m, np.full((1, 3), np.nan)]),
        events=tuple(Event(round(onset * rate_hz) / rate_hz, VOLUME_MARKER) for onset in onsets_s),
    )
    return ScannerEeg(recording, clean, clock, heart.beats_s)


def _scan(
    settings: ScannerEegSettings,
    volts: Floats,
    clock: Clock,
    positions_m: Floats,
    rng: np.random.Generator,
) -> None:
    size = replace(
        SIZES["tiny"],
        bold_shape=(1, 1, settings.n_slices),
        n_volumes=settings.n_volumes,
        eeg_hz=settings.rate_hz,
    )
    scan = SimulationSettings(tr_s=settings.tr_s, size=size)
    course = gradient_course(scan, clock, volts.shape[1])
    head = _moving(volts.shape[1], settings, rng)
    leads_m = np.vstack([positions_m, [[0.0, -0.1, -0.12]]])
    add_gradients(volts, course, leads_m, head, rng)


def _cap(n_channels: int) -> Floats:
    """Electrodes spread evenly over the upper half of a sphere, shape (channel, 3), in metres."""
    index = np.arange(n_channels) + 0.5
    height = 1 - 1.1 * index / n_channels
    angle = np.pi * (1 + np.sqrt(5)) * index
    ring = np.sqrt(1 - height**2)
    return HEAD_RADIUS_M * np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])


def _brain(
    positions_m: Floats, n_samples: int, rate_hz: float, rng: np.random.Generator
) -> Floats:
    """EEG of shape (channel, time), in volts."""
    n_slow = fft.next_fast_len(round((n_samples / rate_hz + 1) * WORK_HZ), real=True)
    frequency_hz = np.fft.rfftfreq(n_slow, 1 / WORK_HZ)
    inside = (frequency_hz >= 0.5) & (frequency_hz <= 90)  # noqa: PLR2004 (the background's band)
    falls = inside / np.maximum(frequency_hz, 1.0)
    background = coloured(falls, n_slow, WORK_HZ, rng, N_SOURCES)
    alpha = _alpha(frequency_hz, n_slow, rng)
    places = _cap(N_SOURCES + 1)[:N_SOURCES]
    slow = _reach(positions_m, places) @ background
    slow *= BACKGROUND_V / np.median(slow.std(axis=1))
    rhythm = _reach(positions_m, np.array([[0.0, -0.085, 0.03]])) @ alpha[None]
    slow += rhythm * ALPHA_V / rhythm.std(axis=1).max()
    factor = round(rate_hz / WORK_HZ)
    volts = np.empty((len(positions_m), n_samples), dtype=np.float32)
    noise_v = AMPLIFIER_V * np.sqrt(rate_hz / 2)
    for row, channel in zip(volts, slow, strict=True):
        fast = signal.resample(channel, n_slow * factor) if factor > 1 else channel
        row[:] = fast[:n_samples] + noise_v * rng.standard_normal(n_samples, dtype=np.float32)
    return volts


def _alpha(frequency_hz: Floats, n_slow: int, rng: np.random.Generator) -> Floats:
    low, high = ALPHA_BAND_HZ
    wave = coloured(
        ((frequency_hz >= low) & (frequency_hz <= high)) / (high - low), n_slow, WORK_HZ, rng
    )[0]
    wax = coloured((frequency_hz < ALPHA_WAXES_BELOW_HZ) / 1.0, n_slow, WORK_HZ, rng)[0]
    alpha: Floats = wave * np.exp(0.7 * wax / wax.std())
    return alpha


def _reach(positions_m: Floats, places_m: Floats) -> Floats:
    """How much of each source an electrode sees, shape (channel, source)."""
    distance_m = np.linalg.norm(positions_m[:, None] - places_m[None], axis=-1)
    seen: Floats = np.exp(-0.5 * (distance_m / REACH_M) ** 2)
    return seen


def _moving(n_samples: int, settings: ScannerEegSettings, rng: np.random.Generator) -> HeadPath:
    """One minute of movement in the middle, or a third of the recording where that is shorter."""
    length_s = n_samples / settings.rate_hz
    times_s = np.arange(0, length_s + POSE_STEP_S, POSE_STEP_S)
    frequency_hz = np.fft.rfftfreq(len(times_s), POSE_STEP_S)
    paths = coloured(
        (frequency_hz < MOVED_BELOW_HZ) / 1.0, len(times_s), 1 / POSE_STEP_S, rng, n_rows=6
    )
    moved_s = min(MOVED_FOR_S, length_s / 3)
    ramp = np.clip((moved_s / 2 - np.abs(times_s - length_s / 2)) / (moved_s / 10), 0, 1)
    paths *= ramp * settings.moves
    # The farthest that any axis goes is what is stated.
    shift = paths[:3] * MOVED_MM / max(float(np.abs(paths[:3]).max()), 1e-9)
    turn = paths[3:] * np.deg2rad(MOVED_DEG) / max(float(np.abs(paths[3:]).max()), 1e-9)
    return HeadPath(times_s * settings.rate_hz, shift, turn)
