"""Keep the EEG, and what tells of its artefacts; refuse a recording without signal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bids_app.errors import DataError
from bids_app.files.electrodes import standard_name
from bids_app.preproc.eeg.bad_channels import FEWEST_CHANNELS as FEWEST_TO_INTERPOLATE
from bids_app.preproc.eeg.bad_channels import LARGEST_SHARE, placed
from bids_app.preproc.eeg.loops import loop_rows
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

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
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Keep EEG, ECG and wire loops; only the EEG is in the result of all steps.

    Electrodes get the spelling of the 10-05 system, so that ``FP1`` and ``Fp1`` are one channel to a model.
    An EEG channel that never varies is silenced when it can be interpolated. One with samples that are no numbers is
    refused: that is no bad electrode but a broken file.

    Raises
    ------
    DataError
        When fewer than two EEG channels are left, when one holds NaN, or when one never varies and cannot be
        interpolated.
    """
    wanted = [row for row, name in enumerate(recording.names) if name not in settings.leave_out]
    rows = [row for row in wanted if recording.kinds[row] == "EEG"]
    if len(rows) < FEWEST_CHANNELS:
        raise DataError(
            f"{scene.where}: {len(rows)} channels of type EEG among {len(recording.names)}; expected "
            f"{FEWEST_CHANNELS} or more",
            hint="check the type column of channels.tsv",
        )
    others = [name for row, name in enumerate(recording.names) if row not in rows]
    if others:
        tell(f"channels that are not EEG were left out: {', '.join(others)}")
    listens = {*recording.rows("ECG"), *loop_rows(recording)}
    kept = recording.pick([row for row in wanted if row in rows or row in listens])
    named = replace(kept, names=tuple(standard_name(name) for name in kept.names))
    return _silenced(named, scene, tell)


def _silenced(recording: Recording, scene: Scene, tell: Callable[[str], None]) -> Recording:
    """Set channels without signal to zero, so that they are found when bad channels are interpolated."""
    dead = {
        row: problem
        for row in recording.rows("EEG")
        if (problem := _problem(recording.volts[row]))
    }
    if not dead:
        return recording
    placed_rows = placed(recording)
    few = len(dead) <= LARGEST_SHARE * len(placed_rows)
    for row, problem in dead.items():
        is_broken = not np.isfinite(recording.volts[row]).all()
        if (
            is_broken
            or not few
            or row not in placed_rows
            or len(placed_rows) < FEWEST_TO_INTERPOLATE
        ):
            raise DataError(
                f"{scene.where}: channel {recording.names[row]} holds {problem}",
                hint="mark it as MISC in channels.tsv, or leave it out of all recordings: [eeg.channels] leave_out",
            )
        tell(f"channel {recording.names[row]} holds {problem}")
    volts = recording.volts.copy()
    volts[list(dead)] = 0
    return replace(recording, volts=volts)


def _problem(trace: Floats) -> str:
    bad = int((~np.isfinite(trace)).sum())
    if bad:
        return f"{bad} NaN or infinite samples"
    return "the same value throughout" if float(trace.max()) == float(trace.min()) else ""
