"""How much of the scanner a recording still holds, from its spectrum and from its heart beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from bids_app.values import Floats, Ints

PERIODS = 20  # of the repetition in one segment: harmonics lie that many bins apart
NEIGHBOURS = (5, 9)  # bins from a harmonic whose power it is compared with
BAND_HZ = (
    10.0,
    70.0,
)  # below, tasks that keep pace with the scanner have their responses; above, EEG is weak
LINE_APART_HZ = 1.5
HIGHEST_SHARE_OF_RATE = 0.45


@dataclass(frozen=True, slots=True)
class Finding:
    """How much of one artefact there is.

    Attributes
    ----------
    artefact : str
        Such as ``gradient``.
    present : bool
        Whether it is enough to be removed.
    words : str
        The figures, for the report.
    figures : dict of str to float
        By name, with the unit at its end.
    """

    artefact: str
    present: bool
    words: str
    figures: dict[str, float]


def harmonics_db(volts: Floats, rate_hz: float, base_hz: float, line_hz: float | None) -> float:
    """How far the harmonics of a repetition stand out of the power around them.

    Parameters
    ----------
    volts : ndarray of shape (channel, time)
        EEG.
    rate_hz, base_hz : float
        Sampling rate, and rate of the repetition.
    line_hz : float or None
        Power line, whose multiples are left out.

    Returns
    -------
    float
        Decibels, mean over harmonics and median over channels; NaN when the recording is too short to tell.
    """
    n_segment = round(PERIODS * rate_hz / base_hz)
    highest = min(BAND_HZ[1], HIGHEST_SHARE_OF_RATE * rate_hz)
    harmonics = base_hz * np.arange(np.ceil(BAND_HZ[0] / base_hz), highest / base_hz)
    if line_hz:
        away = np.abs(harmonics - line_hz * np.round(harmonics / line_hz))
        harmonics = harmonics[away > LINE_APART_HZ]
    if volts.shape[1] < n_segment or not harmonics.size:
        return float("nan")
    frequency_hz, power = scipy.signal.welch(volts, rate_hz, nperseg=n_segment)
    bins = np.round(harmonics / frequency_hz[1]).astype(int)
    apart = np.arange(NEIGHBOURS[0], NEIGHBOURS[1] + 1)
    around = np.concatenate([bins + apart[:, None], bins - apart[:, None]])
    around = np.minimum(around, len(frequency_hz) - 1)
    floor = np.maximum(np.median(power[:, around], axis=1), 1e-30)
    excess = 10 * np.log10(np.maximum(power[:, bins], 1e-30) / floor)
    return float(np.median(excess.mean(axis=1)))


def locked_share(volts: Floats, beats: Ints, length: int) -> float:
    """Share of the variance that repeats after each beat.

    Odd and even beats are averaged apart: what their averages have in common is not chance.

    Parameters
    ----------
    volts : ndarray of shape (channel, time)
        EEG without slow drifts.
    beats : ndarray of shape (beat,)
        Samples.
    length : int
        Samples after each beat that are looked at.

    Returns
    -------
    float
        Median over channels; 0 for chance, 1 when there is nothing else.
    """
    inside = beats[(beats >= 0) & (beats + length <= volts.shape[1])]
    epochs = volts[:, inside[:, None] + np.arange(length)]  # (channel, beat, time)
    odd, even = epochs[:, ::2].mean(axis=1), epochs[:, 1::2].mean(axis=1)
    shared = (odd * even).mean(axis=1) / np.maximum((epochs**2).mean(axis=(1, 2)), 1e-30)
    return float(np.clip(np.median(shared), 0, 1))
