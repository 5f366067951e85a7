"""Keep the EEG channels; refuse those that hold no signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bids_app.errors import DataError
from bids_app.values.recording import Recording

FEWEST_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.channels]``.

    Attributes
    ----------
    leave_out : tuple of str
        Names of channels that are left out of every recording.
    """

    leave_out: tuple[str, ...] = ()


def apply(
    recording: Recording, settings: Settings, where: str, tell: Callable[[str], None]
) -> Recording:
    """Keep the channels of type EEG.

    Raises
    ------
    DataError
        When fewer than two are left, or when one holds NaN or never varies.
    """
    rows = [row for row in recording.rows("EEG") if recording.names[row] not in settings.leave_out]
    if len(rows) < FEWEST_CHANNELS:
        raise DataError(
            f"{where}: {len(rows)} channels of type EEG among {len(recording.names)}; expected "
            f"{FEWEST_CHANNELS} or more",
            hint="check the type column of channels.tsv",
        )
    others = [name for row, name in enumerate(recording.names) if row not in rows]
    if others:
        tell(f"channels that are not EEG were left out: {', '.join(others)}")
    for row in rows:
        _refuse_without_signal(recording, row, where)
    return recording.pick(rows)


def _refuse_without_signal(recording: Recording, row: int, where: str) -> None:
    trace = recording.volts[row]
    bad = int((~np.isfinite(trace)).sum())
    problem = f"{bad} NaN or infinite samples" if bad else ""
    if not bad and float(trace.max()) == float(trace.min()):
        problem = "the same value throughout"
    if problem:
        raise DataError(
            f"{where}: channel {recording.names[row]} holds {problem}",
            hint="mark it as MISC in channels.tsv, or leave it out of all recordings: [eeg.channels] leave_out",
        )
