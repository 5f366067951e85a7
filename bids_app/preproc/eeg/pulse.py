"""Take out what each heart beat induces.

Beats come from the ECG, or from the EEG itself where there is none. From beat to beat, the artefact is a sliding mean
and an optimal basis set of what varies about it [Niazy 2005]; each basis course is subtracted as far as it varies more
after beats than at other times, so that EEG that has nothing to do with the heart stays.

References
----------
Niazy RK, et al. (2005). NeuroImage 28(3):720-737. doi:10.1016/j.neuroimage.2005.06.067
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy

from bids_app.errors import UsageError
from bids_app.preproc.eeg._beats import beats_of_ecg, beats_of_eeg
from bids_app.preproc.eeg._state import Finding, locked_share
from bids_app.values import Bools, Floats, Ints
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

FEWEST_BEATS = 20
PRESENT_SHARE = 0.05
LOOKED_AT_S = 0.6
LOOKED_AT_BAND_HZ = (1.0, 20.0)
SURROGATE_SEED = 0
LONGEST_QUANTILE = 0.98
BEFORE_ECG_S, BEFORE_EEG_S = 0.05, 0.35  # of each interval that belongs to its end


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.pulse]``.

    Attributes
    ----------
    window_beats : int
        Beats of the sliding mean.
    n_components : int
        Courses of the basis set.
    """

    window_beats: int = 40
    n_components: int = 4


def seen(recording: Recording, scene: Scene) -> Finding:
    """Look for variance of the EEG that repeats with every beat.

    Beats that were found in the EEG itself fit it a little by chance: as well as those found in surrogates of the same
    spectra.
    """
    found = find_beats(recording)
    if found is None:
        return Finding("pulse", present=False, words="no beats", figures={})
    beats, source = found
    rows = _usable(recording)
    volts = _passed(recording.volts[rows], recording.rate_hz)
    length = round(LOOKED_AT_S * recording.rate_hz)
    before = round((BEFORE_ECG_S if source == "ECG" else BEFORE_EEG_S) * recording.rate_hz)
    share = locked_share(volts, beats - before, length)
    figures, by_chance = {"heart_locked_share": share}, 0.0
    if source == "EEG":
        surrogate = _without_phase(volts)
        false = beats_of_eeg(surrogate, recording.rate_hz)
        by_chance = locked_share(surrogate, false - before, length) if len(false) else 0.0
        figures["share_in_surrogates"] = by_chance
    present = share > PRESENT_SHARE + by_chance
    words = f"{100 * share:.1f} % of the variance follows the heart beats found in the {source}"
    return Finding("pulse", present, words, figures)


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Subtract the pulse artefact from the EEG channels.

    Raises
    ------
    UsageError
        For settings that leave nothing to average.
    """
    if settings.window_beats < 2 or settings.n_components < 0:  # noqa: PLR2004 (two make a mean)
        raise UsageError(
            f"config file: [eeg.pulse] has window_beats = {settings.window_beats}, n_components = "
            f"{settings.n_components}; expected 2 or more, 0 or more"
        )
    rows = _usable(recording)
    found = find_beats(recording)
    if found is None or not len(rows):
        tell(f"{scene.where}: pulse artefacts were not removed: fewer than {FEWEST_BEATS} beats")
        return recording
    beats, source = found
    spans = _spans(beats, recording, BEFORE_ECG_S if source == "ECG" else BEFORE_EEG_S)
    volts = recording.volts.copy()
    epochs = np.stack([volts[row][spans.samples] for row in rows])
    means = np.stack([_sliding(part, spans.inside, settings.window_beats) for part in epochs])
    epochs -= means
    varying = _varying(epochs * spans.inside, settings.n_components)
    for row, mean, courses in zip(rows, means, varying, strict=True):
        volts[row][spans.samples[spans.inside]] -= (mean + courses)[spans.inside]
    tell(f"pulse artefacts of {len(beats)} beats were removed; beats are from the {source}")
    return replace(recording, volts=volts)


def find_beats(recording: Recording) -> tuple[Ints, str] | None:
    """Find samples of beats, shape (beat,), and what they were found in, ``ECG`` or ``EEG``; None for too few."""
    rows = [row for row in recording.rows("ECG") if _varies(recording.volts[row])]
    if rows:
        beats, source = beats_of_ecg(recording.volts[rows[0]], recording.rate_hz), "ECG"
    else:
        rows = _usable(recording)
        if not rows:
            return None
        beats, source = beats_of_eeg(recording.volts[rows], recording.rate_hz), "EEG"
    return (beats, source) if len(beats) >= FEWEST_BEATS else None


def _usable(recording: Recording) -> list[int]:
    return [row for row in recording.rows("EEG") if _varies(recording.volts[row])]


def _varies(trace: Floats) -> bool:
    return bool(np.isfinite(trace).all() and np.ptp(trace) > 0)


def _passed(volts: Floats, rate_hz: float) -> Floats:
    sections = scipy.signal.butter(2, LOOKED_AT_BAND_HZ, "bandpass", fs=rate_hz, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sections, volts.astype(np.float64), axis=1))


def _without_phase(volts: Floats) -> Floats:
    """Surrogate of shape (channel, time) with the same spectra and cross-spectra, and no beat."""
    spectrum = np.fft.rfft(volts, axis=1)
    phases = np.random.default_rng(SURROGATE_SEED).uniform(0, 2 * np.pi, spectrum.shape[1])
    surrogate: Floats = np.fft.irfft(spectrum * np.exp(1j * phases), volts.shape[1], axis=1)
    return surrogate


@dataclass(frozen=True, slots=True, eq=False)
class _Spans:
    """Samples from beat to beat: ``samples`` of shape (beat, time), and which of them come before the next beat."""

    samples: Ints
    inside: Bools


def _spans(beats: Ints, recording: Recording, before_s: float) -> _Spans:
    starts = beats - round(before_s * recording.rate_hz)
    lengths = np.diff(starts)
    longest = int(np.quantile(lengths, LONGEST_QUANTILE))
    lengths = np.minimum(np.r_[lengths, longest], longest)
    samples = starts[:, None] + np.arange(longest)
    inside = np.arange(longest) < lengths[:, None]
    inside &= (samples >= 0) & (samples < recording.n_samples)
    return _Spans(np.clip(samples, 0, recording.n_samples - 1), inside)


def _sliding(epochs: Floats, inside: Bools, window_beats: int) -> Floats:
    """Mean over the beats around each beat, shape (beat, time)."""
    edge = np.zeros((1, epochs.shape[1]))
    sums = np.cumsum(np.vstack([edge, epochs * inside]), axis=0)
    counts = np.cumsum(np.vstack([edge, inside]), axis=0)
    n_beats = len(epochs)
    window = min(window_beats, n_beats)
    first = np.clip(np.arange(n_beats) - window // 2, 0, n_beats - window)
    last = first + window
    mean: Floats = (sums[last] - sums[first]) / np.maximum(counts[last] - counts[first], 1)
    return mean.astype(np.float32)


def _varying(rest: Floats, n_components: int) -> Floats:
    """What changes from beat to beat, shape (channel, beat, time).

    Parameters
    ----------
    rest : ndarray of shape (channel, beat, time)
        Epochs about their mean.
    n_components : int
        Courses, shared by all channels.
    """
    flat = rest.reshape(-1, rest.shape[-1])
    elsewhere = np.roll(rest.reshape(len(rest), -1), rest.shape[-1] // 2, axis=1).reshape(
        rest.shape
    )
    courses = np.linalg.eigh(flat.T @ flat)[1][:, ::-1][:, :n_components].astype(np.float32)
    sizes, others = rest @ courses, elsewhere @ courses
    by_chance = (others**2).mean(axis=1) / np.maximum((sizes**2).mean(axis=1), 1e-30)
    kept = np.maximum(1 - by_chance, 0)[:, None]
    varying: Floats = (sizes * kept) @ courses.T
    return varying
