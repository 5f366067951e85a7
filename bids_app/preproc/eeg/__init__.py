"""EEG cleaning: the steps, in order.

The order is a scientific decision. Gradient artefacts go first, at the recorded rate, where the scanner's clock is
finest. Resampling comes before what is slow, as it makes it cheap, and before filtering, as its own low-pass makes the
filters that follow shorter. Bad channels are looked for when all else is clean; the reference comes last, so that no
channel's noise is spread over the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bids_app.config import ARTEFACT_STEPS, artefact_steps, settings
from bids_app.preproc.eeg import (
    bad_channels,
    band,
    bipolar,
    channels,
    gradient,
    loops,
    notch,
    pulse,
    reference,
    resample,
)
from bids_app.preproc.eeg._state import Finding
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

STEPS = (
    channels,
    gradient,
    resample,
    bipolar,
    loops,
    pulse,
    band,
    notch,
    bad_channels,
    reference,
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What cleaning gave.

    Attributes
    ----------
    recording : Recording
        EEG channels only.
    taken : dict of str to Settings
        Settings of each step that was taken, in order.
    before, after : tuple of Finding
        What was found of each artefact of the scanner, before and after its step.
    """

    recording: Recording
    taken: dict[str, Any]
    before: tuple[Finding, ...]
    after: tuple[Finding, ...]


def clean(
    recording: Recording,
    chosen: Mapping[str, Any],
    scene: Scene,
    tell: Callable[[str], None] = lambda _: None,
    against: str = "auto",
) -> Cleaned:
    """Take a recording through the steps.

    Parameters
    ----------
    recording : Recording
        As it was read.
    chosen : mapping of str to Settings
        Settings by step, of :func:`settings_of`.
    scene : Scene
        The scan that ran meanwhile.
    tell : callable, optional
        Is given one sentence for each thing that the report must say.
    against : str
        Which artefacts of the scanner to remove: ``auto`` for what is found, ``none``, or names of steps, parted by
        commas, that are taken whatever is found.

    Raises
    ------
    DataError
        When the recording cannot be cleaned.
    UsageError
        For a setting or a name that cannot be used.
    """
    wanted = artefact_steps(against)
    taken: dict[str, Any] = {}
    before: list[Finding] = []
    after: list[Finding] = []
    for step in STEPS:
        called = name(step)
        if called not in ARTEFACT_STEPS:
            given, recording = recording, step.apply(recording, chosen[called], scene, tell)
            if recording is not given:
                taken[called] = chosen[called]
            continue
        found: Finding = step.seen(recording, scene)
        before.append(found)
        if found.present if wanted is None else called in wanted:
            recording = step.apply(recording, chosen[called], scene, tell)
            taken[called] = chosen[called]
            found = step.seen(recording, scene)
        after.append(found)
    kept = recording.pick(recording.rows("EEG"))
    return Cleaned(kept, taken, tuple(before), tuple(after))


def settings_of(tables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Settings of all steps by name, from the ``[eeg.…]`` tables of the config file.

    Raises
    ------
    UsageError
        For a setting that a step does not have.
    """
    return {
        name(step): settings(step.Settings, dict(tables.get(name(step), {})), f"eeg.{name(step)}")
        for step in STEPS
    }


def name(step: Any) -> str:
    """Name of a step: its file's."""
    return str(step.__name__).rsplit(".", 1)[-1]
