"""Bring every recording to one rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import scipy

from bids_app.errors import DataError, UsageError
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

LARGEST_FACTOR = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.resample]``.

    Attributes
    ----------
    rate_hz : float
        Sampling rate that the model sees. The paper's is 1000.
    """

    rate_hz: float = 250.0


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Resample with a polyphase low-pass without delay: sample 0 stays at time 0.

    Raises
    ------
    DataError
        When the two rates have no simple ratio.
    UsageError
        For a rate that is none.
    """
    if not 0 < settings.rate_hz < math.inf:
        raise UsageError(
            f"config file: [eeg.resample] rate_hz is {settings.rate_hz:g}; expected more than 0"
        )
    ratio = Fraction(settings.rate_hz / recording.rate_hz).limit_denominator(LARGEST_FACTOR)
    if abs(float(ratio) * recording.rate_hz / settings.rate_hz - 1) > 1e-9:  # noqa: PLR2004 (float error only)
        raise DataError(
            f"{scene.where}: {recording.rate_hz:g} Hz cannot be brought to {settings.rate_hz:g} Hz exactly",
            hint="choose another [eeg.resample] rate_hz",
        )
    if ratio == 1:
        return replace(recording, rate_hz=settings.rate_hz)
    if ratio > 1:
        tell(f"recorded at {recording.rate_hz:g} Hz, below the model's {settings.rate_hz:g} Hz")
    rows = []
    for (
        trace
    ) in recording.volts:  # one at a time: in double precision all of them are twice the recording
        row = trace.astype(np.float64)
        row -= row.mean()
        rows.append(
            scipy.signal.resample_poly(row, ratio.numerator, ratio.denominator).astype(np.float32)
        )
    return replace(recording, volts=np.stack(rows), rate_hz=settings.rate_hz)
