"""Slice timing: each slice is shifted in time by Fourier interpolation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import fft

from bids_app.values import Floats
from bids_app.values.bold import BoldSeries

PADDING_VOLUMES = 24
FEWEST_VOLUMES = 5
LEAST_LAG = 1e-6
BLOCK_VOLUMES = 200


def middle_s(slice_times_s: Floats) -> float:
    """Middle between the first and the last of slice times of shape (slice,), rounded to milliseconds."""
    first, last = float(slice_times_s.min()), float(slice_times_s.max())
    return round(first + 0.5 * (last - first), 3)


def blocks(
    bold: BoldSeries, slice_times_s: Floats, to_s: float, n_dummies: int
) -> Iterator[tuple[int, Floats]]:
    """Shift every slice to one time within the volume, a stretch of the run at a time.

    So a long run never lies in memory twice. Each stretch is shifted together with volumes on both of its sides.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    slice_times_s : ndarray of shape (slice,)
        When each slice was acquired.
    to_s : float
        The time that slices are shifted to.
    n_dummies : int
        Volumes at the start that are left as they are and do not enter the interpolation.

    Yields
    ------
    first : int
        Volume that the stretch starts with.
    volumes : ndarray of shape (x, y, z, time)
        Float32; in memory, volumes lie one after the other.
    """
    for first in range(0, bold.n_volumes, BLOCK_VOLUMES):
        last = min(first + BLOCK_VOLUMES, bold.n_volumes)
        # A short rest is not worth its own stretch, and could not be shifted well.
        if first and last - first < PADDING_VOLUMES:
            return
        if bold.n_volumes - last < PADDING_VOLUMES:
            last = bold.n_volumes
        yield first, _block(bold, (first, last), (slice_times_s, to_s), n_dummies)


def _block(
    bold: BoldSeries, between: tuple[int, int], times_s: tuple[Floats, float], n_dummies: int
) -> Floats:
    first, last = between
    low, high = max(first - PADDING_VOLUMES, 0), min(last + PADDING_VOLUMES, bold.n_volumes)
    series = np.moveaxis(bold.volumes[..., low:high], (-1, bold.slice_axis), (0, 1))
    # Time first: each volume is then read in one piece.
    shifted = np.array(series[first - low : last - low], dtype=np.float32, order="C")
    steady = max(n_dummies - low, 0)
    begin = max(steady - (first - low), 0)
    for index, acquired_s in enumerate(times_s[0]):
        lag = float(times_s[1] - acquired_s) / bold.tr_s
        if abs(lag) > LEAST_LAG and steady < last - low:
            # A shift is linear in the series: of unit pulses, it is the matrix that shifts all voxels at once.
            later = shift(np.eye(high - low - steady), lag).T.astype(np.float32)
            rows = later[first - low + begin - steady : last - low - steady]
            part = np.array(series[steady:, index], dtype=np.float32, order="C")
            moved = rows @ part.reshape(len(part), -1)
            shifted[begin:, index] = moved.reshape(-1, *part.shape[1:])
    return np.moveaxis(np.moveaxis(shifted, 0, -1), 0, bold.slice_axis)


def shift(series: Floats, lag: float) -> Floats:
    """Read a series later by a fraction of its step.

    Parameters
    ----------
    series : ndarray of shape (..., time)
        Sampled at whole steps.
    lag : float
        How much later to read it, in steps.

    Returns
    -------
    ndarray of shape (..., time)
        Values at ``time + lag``.
    """
    length = series.shape[-1]
    # Reflected about its end points, the series has neither a jump nor a kink where it would wrap round.
    reach = min(PADDING_VOLUMES, length - 1)
    before = 2 * series[..., :1] - series[..., reach:0:-1]
    after = 2 * series[..., -1:] - series[..., -2 : -reach - 2 : -1]
    padded = np.concatenate([before, series, after], axis=-1)
    n_padded = padded.shape[-1]
    time = np.linspace(0, 1, n_padded, dtype=np.float32)
    slope = padded[..., -1:] - padded[..., :1]
    spectrum = fft.rfft(padded - slope * time, axis=-1)
    turn = np.exp(2j * np.pi * fft.rfftfreq(n_padded) * lag).astype(np.complex64)
    moved = fft.irfft(spectrum * turn, n_padded, axis=-1)
    moved += slope * (time + np.float32(lag / (n_padded - 1)))
    result: Floats = moved[..., reach : reach + length]
    return result
