"""EEG cleaning: the steps, in order.

The order is a scientific decision. Resampling comes before filtering, as its own low-pass makes the filters that
follow shorter; the reference comes last, so that no channel's line noise is spread over the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bids_app.config import settings
from bids_app.preproc.eeg import band, bipolar, channels, notch, reference, resample
from bids_app.values.recording import Recording

STEPS = (channels, resample, bipolar, band, notch, reference)


def clean(
    recording: Recording,
    tables: Mapping[str, dict[str, Any]],
    where: str,
    tell: Callable[[str], None] = lambda _: None,
) -> Recording:
    """Take a recording through all steps.

    Parameters
    ----------
    recording : Recording
        As it was read.
    tables : mapping of str to dict
        The ``[eeg.…]`` tables of the config file, by step.
    where : str
        Name of the recording, for messages.
    tell : callable, optional
        Is given one sentence for each thing that the report must say.

    Raises
    ------
    DataError
        When the recording cannot be cleaned.
    UsageError
        For a setting that a step does not have.
    """
    for step in STEPS:
        chosen = settings(step.Settings, dict(tables.get(name(step), {})), f"eeg.{name(step)}")
        recording = step.apply(recording, chosen, where, tell)
    return recording


def name(step: Any) -> str:
    """Name of a step: its file's."""
    return str(step.__name__).rsplit(".", 1)[-1]
