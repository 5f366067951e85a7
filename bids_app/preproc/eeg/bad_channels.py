"""Find channels that heard no brain, and put in what their neighbours heard.

The criteria are those of the PREP pipeline that need no draw of random channels: a channel without signal, one that is
far louder or quieter than the others, or one that is like no other [Bigdely-Shamlo 2015].

References
----------
Bigdely-Shamlo N, et al. (2015). Frontiers in Neuroinformatics 9:16. doi:10.3389/fninf.2015.00016
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import mne
import numpy as np

from bids_app.errors import UsageError
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

FEWEST_CHANNELS = 8  # fewer say too little of each other
LARGEST_SHARE = 0.25  # of the channels: with more, there is too little to interpolate from
WINDOW_S = 1.0
DEVIATION_OF_MAD = 1.4826  # standard deviation of a Gaussian over its median absolute deviation


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.bad_channels]``.

    Attributes
    ----------
    largest_z : float
        How far the logarithm of a channel's size may lie from the others', in robust standard deviations.
    least_correlation : float
        With the channel that it is most like, in the median second.
    """

    largest_z: float = 5.0
    least_correlation: float = 0.4


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Interpolate bad EEG channels with spherical splines, in MNE.

    Raises
    ------
    UsageError
        For limits that none or all channels keep.
    """
    if not settings.largest_z > 0 or not 0 <= settings.least_correlation < 1:
        raise UsageError(
            f"config file: [eeg.bad_channels] has largest_z = {settings.largest_z:g}, least_correlation = "
            f"{settings.least_correlation:g}; expected more than 0, 0 to below 1"
        )
    rows = placed(recording)
    if len(rows) < FEWEST_CHANNELS:
        return recording
    reasons = _reasons(recording.volts[rows], recording.rate_hz, settings)
    bad = {recording.names[rows[index]]: reason for index, reason in reasons.items()}
    if not bad:
        return recording
    told = ", ".join(f"{name} ({reason})" for name, reason in bad.items())
    if len(bad) > LARGEST_SHARE * len(rows):
        tell(f"{len(bad)} of {len(rows)} channels look bad, too many to interpolate: {told}")
        return recording
    volts = recording.volts.copy()
    volts[rows] = _interpolated(recording, rows, list(bad))
    tell(f"channels that were interpolated from the others: {told}")
    return replace(recording, volts=volts)


def placed(recording: Recording) -> list[int]:
    """Rows of the EEG channels whose position is known."""
    return [row for row in recording.rows("EEG") if np.isfinite(recording.positions_m[row]).all()]


def _reasons(volts: Floats, rate_hz: float, settings: Settings) -> dict[int, str]:
    size = np.median(np.abs(volts - np.median(volts, axis=1, keepdims=True)), axis=1)
    reasons = dict.fromkeys(np.flatnonzero(size == 0).tolist(), "no signal")
    alive = np.flatnonzero(size > 0)
    level = np.log(size[alive])
    spread = DEVIATION_OF_MAD * float(np.median(np.abs(level - np.median(level))))
    # A cap whose channels are all alike must not make small differences look large.
    z = (level - np.median(level)) / max(spread, np.log(1.2))
    like = _likeness(volts[alive], rate_hz)
    for index, deviation, most in zip(alive.tolist(), z, like, strict=True):
        if abs(deviation) > settings.largest_z:
            reasons[index] = "too loud" if deviation > 0 else "too quiet"
        elif most < settings.least_correlation:
            reasons[index] = "like no other"
    return reasons


def _likeness(volts: Floats, rate_hz: float) -> Floats:
    """Correlation of each channel with the one it is most like, in the median second, shape (channel,)."""
    n_window = round(WINDOW_S * rate_hz)
    n_windows = volts.shape[1] // n_window
    if len(volts) < 2 or not n_windows:  # noqa: PLR2004 (nothing to compare with)
        return np.ones(len(volts))
    cut = volts[:, : n_windows * n_window].reshape(len(volts), n_windows, n_window)
    cut = cut - cut.mean(axis=2, keepdims=True)
    cut /= np.maximum(np.linalg.norm(cut, axis=2, keepdims=True), 1e-30)
    products = np.abs(np.einsum("cwt,dwt->wcd", cut, cut, optimize=True))
    products[:, np.arange(len(volts)), np.arange(len(volts))] = 0
    most: Floats = np.median(products.max(axis=2), axis=0)
    return most


def _interpolated(recording: Recording, rows: list[int], bad: list[str]) -> Floats:
    names = [recording.names[row] for row in rows]
    info = mne.create_info(names, recording.rate_hz, "eeg", verbose="error")
    places = dict(zip(names, np.asarray(recording.positions_m)[rows], strict=True))
    montage = mne.channels.make_dig_montage(ch_pos=places, coord_frame="head")
    raw = mne.io.RawArray(recording.volts[rows].astype(np.float64), info, verbose="error")
    raw.set_montage(montage, verbose="error")
    raw.info["bads"] = bad
    raw.interpolate_bads(verbose="error")
    return np.asarray(raw.get_data(verbose="error"), dtype=np.float32)
