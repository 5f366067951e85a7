"""Heart beats: from an ECG, or from what the pulse does to the EEG."""

from __future__ import annotations

import numpy as np
import scipy

from bids_app.values import Floats, Ints

ECG_BAND_HZ = (6.0, 25.0)
EEG_BAND_HZ = (1.0, 8.0)
GRID_HZ = 50.0
INTERVALS_S = (0.4, 1.6)  # 37 to 150 beats a minute
USUAL_INTERVAL_S, USUAL_OCTAVES = 0.9, 0.7
# how much an interval twice the usual costs, in units of a clear beat; an ECG can be trusted when a beat comes early
ECG_STEADINESS, EEG_STEADINESS = 0.7, 2.0
ECG_HALF_S, EEG_HALF_S = 0.12, 0.35  # of the wave that beats are aligned by
FARTHEST_S = 0.08
CLEAR_QUANTILE = 0.97
ROUNDS = 3


def beats_of_ecg(trace: Floats, rate_hz: float) -> Ints:
    """Find R peaks.

    Parameters
    ----------
    trace : ndarray of shape (time,)
        ECG, either way up.
    rate_hz : float
        Sampling rate.

    Returns
    -------
    ndarray of shape (beat,)
        Samples.
    """
    filtered = _passed(trace, rate_hz, ECG_BAND_HZ)
    smooth = max(1, round(0.06 * rate_hz))
    energy = np.convolve(filtered**2, np.ones(smooth) / smooth, mode="same")
    beats = _tracked(np.sqrt(energy), rate_hz, ECG_STEADINESS)
    for _ in range(ROUNDS):
        beats = _aligned(filtered, beats, round(ECG_HALF_S * rate_hz), rate_hz)
    return beats


def beats_of_eeg(volts: Floats, rate_hz: float) -> Ints:
    """Find the pulse in EEG of shape (channel, time): samples of beats, shape (beat,), all as late as each other.

    The first principal component of slow EEG is followed by the wave that repeats in it, which is learned on the way.
    """
    slow = np.stack([_passed(row, rate_hz, EEG_BAND_HZ) for row in volts])
    strongest = np.linalg.eigh(slow @ slow.T)[1][:, -1]
    wave = strongest @ slow
    wave *= np.sign((wave**3).sum()) or 1.0
    half = round(EEG_HALF_S * rate_hz)
    beats = _tracked(np.maximum(wave, 0), rate_hz, EEG_STEADINESS)
    for _ in range(ROUNDS):
        likeness = _likeness(wave, _mean_wave(wave, beats, half))
        tracked = _tracked(np.maximum(likeness, 0), rate_hz, EEG_STEADINESS)
        beats = _aligned(wave, tracked, half, rate_hz)
    return beats


def _passed(trace: Floats, rate_hz: float, band_hz: tuple[float, float]) -> Floats:
    sections = scipy.signal.butter(2, band_hz, "bandpass", fs=rate_hz, output="sos")
    return np.asarray(scipy.signal.sosfiltfilt(sections, np.asarray(trace, dtype=np.float64)))


def _tracked(strength: Floats, rate_hz: float, steadiness: float) -> Ints:
    """Most likely beats: where the strength is large and the intervals are even.

    Dynamic programming over all sequences of beats, as for the beat of music (Ellis 2007, Journal of New Music
    Research 36:51-60).
    """
    step = max(1, round(rate_hz / GRID_HZ))
    n_cells = len(strength) // step
    coarse = strength[: n_cells * step].reshape(n_cells, step).max(axis=1)
    coarse = np.minimum(coarse / max(np.quantile(coarse, CLEAR_QUANTILE), 1e-30), 1.5)
    cell_s = step / rate_hz
    interval = _interval(coarse, cell_s)
    waits = np.arange(max(1, round(interval / 2)), round(2 * interval) + 1)
    cost = steadiness * np.log2(waits / interval) ** 2
    # Before the first cell lie some that nothing is gained from.
    total = np.concatenate([np.full(waits[-1], -np.inf), coarse])
    before = np.full(n_cells, -1)
    # No beat hears of one less than the shortest wait before it: so many cells are done at once.
    for start in range(waits[0], n_cells, waits[0]):
        cells = np.arange(start, min(start + waits[0], n_cells))
        gains = total[waits[-1] + cells[:, None] - waits] - cost
        best = gains.argmax(axis=1)
        gain = gains[np.arange(len(cells)), best]
        follows = gain > 0
        total[waits[-1] + cells[follows]] += gain[follows]
        before[cells[follows]] = (cells - waits[best])[follows]
    total = total[waits[-1] :]
    cell = n_cells - waits[-1] + int(total[-waits[-1] :].argmax()) if n_cells > waits[-1] else 0
    found = []
    while cell >= 0:
        found.append(cell)
        cell = int(before[cell])
    middles: Ints = np.array(found[::-1]) * step + step // 2
    return middles


def _interval(coarse: Floats, cell_s: float) -> float:
    """Usual interval between beats, in cells: where the strength resembles itself most."""
    centred = coarse - coarse.mean()
    n_fast = 2 * len(centred)
    likeness = np.fft.irfft(np.abs(np.fft.rfft(centred, n_fast)) ** 2, n_fast)
    shortest, longest = (round(limit / cell_s) for limit in INTERVALS_S)
    lags = np.arange(shortest, min(longest, len(centred) - 1) + 1)
    octaves = np.log2(lags * cell_s / USUAL_INTERVAL_S)
    weighted = likeness[lags] * np.exp(-0.5 * (octaves / USUAL_OCTAVES) ** 2)
    return float(lags[int(weighted.argmax())])


def _mean_wave(trace: Floats, beats: Ints, half: int) -> Floats:
    inner = beats[(beats >= half) & (beats < len(trace) - half)]
    mean: Floats = trace[inner[:, None] + np.arange(-half, half + 1)].mean(axis=0)
    return mean


def _likeness(trace: Floats, wave: Floats) -> Floats:
    return np.asarray(scipy.signal.oaconvolve(trace, wave[::-1], mode="same"))


def _aligned(trace: Floats, beats: Ints, half: int, rate_hz: float) -> Ints:
    """Move each beat to where the trace is most like the mean beat, not farther than the next one allows."""
    likeness = _likeness(trace, _mean_wave(trace, beats, half))
    far = round(FARTHEST_S * rate_hz)
    near = np.clip(beats[:, None] + np.arange(-far, far + 1), 0, len(trace) - 1)
    moved: Ints = np.unique(near[np.arange(len(beats)), likeness[near].argmax(axis=1)])
    return moved
