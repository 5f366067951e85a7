"""Which EEG goes with what a model predicts: forward patterns of its predictions.

The weights of a model that decodes are no explanation: a channel may be weighted to cancel noise. What its output goes
with is the forward pattern, the covariance of input and output times the inverse covariance of the outputs (Haufe et
al. 2014, NeuroImage 87, 96-110, equation 6). It needs no weights, so that every model is explained in the same way, by
runs that it never saw. The input is the log power of each electrode, band and time before the volume; the outputs are
the predictions of regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.models._power import BandPower, PowerSettings
from bids_app.models._solve import drift_basis, without
from bids_app.values import Floats, Ints
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

BANDS_HZ = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 45.0))
SEGMENT_S = 1.0
GRID_S = 0.5
LAGS_S = np.arange(0.5, 16.1, 0.5)
DRIFT_S = 128.0
SEGMENTS_AT_ONCE = 128
SHRINKAGE = 0.1
"""Of the correlations between regions towards none: regions that are predicted alike cannot be told apart."""

DB_PER_NEPER = 10 / np.log(10)
"""Power; from natural logarithms."""


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """Forward patterns of the predictions of some regions.

    Attributes
    ----------
    channels : tuple of str
        Electrodes.
    bands_hz : tuple of (float, float)
        Edges of the bands.
    lags_s : ndarray of shape (lag,)
        Time from the middle of a piece of EEG to the volume.
    decibels : ndarray of shape (region, channel, band, lag)
        Change of band power that goes with a rise of the prediction by one standard deviation while those of the
        other regions stay; mean over runs.
    spread : ndarray of shape (channel, band)
        Standard deviation of band power over time, decibels.
    power : ndarray of shape (channel, band)
        Mean band power, as a share of that of all electrodes.
    """

    channels: tuple[str, ...]
    bands_hz: tuple[tuple[float, float], ...]
    lags_s: Floats
    decibels: Floats
    spread: Floats
    power: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """What is seen of one region: electrodes times lags, in the band where that is clearest.

    Clearest is where it is largest in standard deviations of the electrodes' power: alpha power varies most whatever
    the brain does.

    Attributes
    ----------
    band, lag_s : int, float
        Number of the band, and the peak of the curve, between lags.
    topography : ndarray of shape (channel,)
        Decibels in that band at that peak.
    spectrum : ndarray of shape (band,)
        Decibels of each band over the same lags, electrodes weighted as in the topography.
    curve : ndarray of shape (lag,)
        Course over lags in that band, 1 at its peak.
    """

    band: int
    lag_s: float
    topography: Floats
    spectrum: Floats
    curve: Floats


def patterns(runs: Iterable[tuple[Samples, Floats]], eeg: EegSpec, bold: BoldSpec) -> Patterns:
    """Average the patterns of runs; an electrode counts where it was worn.

    Parameters
    ----------
    runs : iterable of (Samples, ndarray of shape (sample, region))
        EEG, not scaled, and what a model that never saw the run predicts of each region.
    eeg, bold : EegSpec, BoldSpec
        What the model eats and gives.
    """
    measure = BandPower(eeg, bold, PowerSettings(BANDS_HZ, SEGMENT_S))
    bands_hz = BANDS_HZ[: len(measure.averages)]
    # EEG from before the first window may be missing.
    lags_s = LAGS_S[eeg.window_s - SEGMENT_S / 2 >= LAGS_S]
    found: dict[str, list[tuple[Floats, Floats, Floats]]] = {}
    for run, predicted in runs:
        decibels, spread, power = _of_run(run, predicted, measure, lags_s)
        for row, channel in enumerate(run.channels):
            found.setdefault(channel, []).append((decibels[:, row], spread[row], power[row]))
    parts = [
        np.array([np.mean([run[part] for run in some], axis=0) for some in found.values()])
        for part in range(3)
    ]
    return Patterns(
        tuple(found), bands_hz, lags_s + bold.window_lag_s,
        np.moveaxis(parts[0], 0, 1), parts[1], parts[2] / parts[2].mean(axis=0),
    )  # fmt: skip


def of_region(found: Patterns, region: int) -> Pattern:
    """Separate the pattern of one region into electrodes and lags: its largest singular vectors, in one band."""
    values = np.moveaxis(found.decibels[region], 1, 0)  # (band, channel, lag)
    clear = np.linalg.svd(values / found.spread.T[..., None], compute_uv=False)[:, 0]
    band = int(clear.argmax())
    _, _, courses = np.linalg.svd(values[band], full_matrices=False)
    curve = courses[0] * np.sign(courses[0][np.abs(courses[0]).argmax()])
    top = curve.max()
    over_lags = values @ curve * top  # (band, channel), at the peak
    topography = over_lags[band]
    weights = np.abs(topography) / max(float(np.abs(topography).sum()), np.finfo(float).tiny)
    return Pattern(
        band, _peak_s(found.lags_s, curve), topography, over_lags @ weights, curve / top
    )


def _of_run(
    run: Samples, predicted: Floats, measure: BandPower, lags_s: Floats
) -> tuple[Floats, Floats, Floats]:
    """Decibels of shape (region, channel, band, lag), their spread and mean power of shape (channel, band)."""
    power, positions = _log_power(run, measure, lags_s)
    course = power[positions]  # (sample, lag, channel, band)
    drift = drift_basis(run.stops / run.rate_hz, DRIFT_S)
    rows = without(drift, course.reshape(len(run), -1).astype(float))
    output = without(drift, np.asarray(predicted, float))
    output /= np.maximum(np.sqrt(np.mean(output**2, axis=0)), np.finfo(float).tiny)
    alike = (1 - SHRINKAGE) * output.T @ output / len(run) + SHRINKAGE * np.eye(output.shape[1])
    per_sd = np.linalg.solve(alike, output.T @ rows / len(run))
    decibels = DB_PER_NEPER * per_sd.reshape(-1, *course.shape[1:])
    spread = DB_PER_NEPER * np.sqrt(np.mean(rows**2, axis=0)).reshape(course.shape[1:])
    return np.moveaxis(decibels, 1, -1), spread.mean(axis=0), np.exp(power).mean(axis=0)


def _log_power(run: Samples, measure: BandPower, lags_s: Floats) -> tuple[Floats, Ints]:
    """Log power of shape (segment, channel, band), and which segment is how long before which volume."""
    grid, n_segment = round(GRID_S * run.rate_hz), measure.n_segment
    starts = run.stops[:, None] - np.round(lags_s * run.rate_hz).astype(int) - n_segment // 2
    # Overlapping pieces on one grid, so that volumes share them.
    unique, positions = np.unique(starts // grid * grid, return_inverse=True)
    views = np.lib.stride_tricks.sliding_window_view(run.eeg, n_segment, axis=1)
    scale = float(np.std(run.eeg)) or 1.0
    parts = [
        measure.log_power(torch.from_numpy(np.asarray(views[:, some] / scale, np.float32)))
        for some in np.array_split(unique, 1 + len(unique) // SEGMENTS_AT_ONCE)
    ]
    power = torch.cat(parts, dim=1).transpose(0, 1).numpy()
    return power, positions.reshape(starts.shape)


def _peak_s(lags_s: Floats, curve: Floats) -> float:
    """Where a curve is largest: the top of the parabola through the largest value and its neighbours."""
    top = int(curve.argmax())
    if not 0 < top < len(curve) - 1:
        return float(lags_s[top])
    before, here, after = curve[top - 1 : top + 2]
    bend = before - 2 * here + after
    shift = 0.5 * (before - after) / bend if bend else 0.0
    return float(lags_s[top] + np.clip(shift, -1, 1) * (lags_s[1] - lags_s[0]))
