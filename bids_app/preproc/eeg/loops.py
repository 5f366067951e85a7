"""Take out what wire loops on the cap hear of movement in the field.

Loops of carbon wire beside the electrodes hear no brain. What the EEG shares with them, a little earlier or later, is
movement: of the pulse, of the head, of the helium pump.

References
----------
van der Meer JN, et al. (2016). NeuroImage 125:880-894. doi:10.1016/j.neuroimage.2015.10.064
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bids_app.errors import UsageError
from bids_app.preproc.eeg._cancel import Canceller, Window
from bids_app.preproc.eeg._state import Finding
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

NAMES = re.compile(r"^(CWL|CW\d|(CARBON|WIRE)?[ _-]?LOOP)", re.IGNORECASE)
SMOOTHED_S = 5.0  # slower than this is drift, which the loops do not explain


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.loops]``.

    Attributes
    ----------
    lag_s : float
        The EEG may follow the loops by this much earlier or later.
    adapt_s : float
        How quickly the weights of the loops may change.
    """

    lag_s: float = 0.012
    adapt_s: float = 6.0


def loop_rows(recording: Recording) -> list[int]:
    """Rows of the loops, which are known by their names and are no EEG."""
    return [
        row
        for row, (name, kind) in enumerate(zip(recording.names, recording.kinds, strict=True))
        if kind != "EEG" and NAMES.match(name) and np.isfinite(recording.volts[row]).all()
    ]


def seen(recording: Recording, scene: Scene) -> Finding:
    """Tell whether the cap has loops."""
    n_loops = len(loop_rows(recording))
    return Finding("loops", n_loops > 0, f"{n_loops or 'no'} wire loops", {})


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Subtract from each EEG channel what follows the loops.

    Raises
    ------
    UsageError
        For settings that leave nothing to fit.
    """
    if settings.lag_s < 0 or not settings.adapt_s > 0:
        raise UsageError(
            f"config file: [eeg.loops] has lag_s = {settings.lag_s:g}, adapt_s = {settings.adapt_s:g}; "
            "expected 0 or more, more than 0"
        )
    loops = loop_rows(recording)
    if not loops:
        return recording
    lag = round(settings.lag_s * recording.rate_hz)
    heard = _without_drift(recording.volts[loops], recording.rate_hz)
    references = np.concatenate([np.roll(heard, shift, axis=1) for shift in {-lag, 0, lag}])
    window = Window(round(settings.adapt_s * recording.rate_hz), lag=1, n_differences=0)
    canceller = Canceller(references, window)
    volts = recording.volts.copy()
    for row in recording.rows("EEG"):
        volts[row] -= canceller.noise(_without_drift(volts[row][None], recording.rate_hz)[0])
    tell(f"what the EEG shares with {len(loops)} wire loops was removed")
    return replace(recording, volts=volts)


def _without_drift(volts: Floats, rate_hz: float) -> Floats:
    """Rows of shape (channel, time) minus their mean over some seconds around each sample."""
    half = max(1, round(SMOOTHED_S * rate_hz / 2))
    padded = np.pad(volts.astype(np.float64), ((0, 0), (half + 1, half)), mode="edge")
    sums = np.cumsum(padded, axis=1)
    mean = (sums[:, 2 * half + 1 :] - sums[:, : -2 * half - 1]) / (2 * half + 1)
    return np.asarray(volts - mean, dtype=np.float32)
