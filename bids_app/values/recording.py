"""An EEG recording in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a recording.

    Attributes
    ----------
    onset_s : float
        From the recording's first sample.
    label : str
        As the file has it, such as ``Response/R128``.
    duration_s : float
        0 for a moment.
    """

    onset_s: float
    label: str
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a recording without its samples.

    Attributes
    ----------
    rate_hz : float
        Sampling rate.
    n_samples : int
        Samples per channel.
    names : tuple of str
        Channels.
    events : tuple of Event
        Markers found in the recording itself.
    """

    rate_hz: float
    n_samples: int
    names: tuple[str, ...]
    events: tuple[Event, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An EEG recording.

    Attributes
    ----------
    volts : ndarray of shape (channel, time)
        Float32.
    rate_hz : float
        Sampling rate.
    names : tuple of str
        Channel names.
    kinds : tuple of str
        BIDS channel types in upper case: EEG, ECG, EOG, EMG, MISC, TRIG.
    positions_m : ndarray of shape (channel, 3)
        Electrode positions in metres, RAS head coordinates; NaN where unknown.
    events : tuple of Event
        Markers found in the recording itself.
    line_hz : float or None
        Power line frequency.
    """

    volts: Floats
    rate_hz: float
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    positions_m: Floats
    events: tuple[Event, ...] = ()
    line_hz: float | None = None

    def __post_init__(self) -> None:
        """Refuse a recording whose parts disagree."""
        n_channels = self.volts.shape[0]
        if not n_channels == len(self.names) == len(self.kinds) == len(self.positions_m):
            raise ValueError(
                f"{n_channels} channels, {len(self.names)} names, {len(self.kinds)} types, "
                f"{len(self.positions_m)} positions"
            )
        if not self.rate_hz > 0:
            raise ValueError(f"sampling rate is {self.rate_hz:g} Hz")

    @property
    def n_samples(self) -> int:
        """Number of samples per channel."""
        return int(self.volts.shape[1])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz

    def rows(self, kind: str) -> list[int]:
        """Indices of the channels of one type."""
        return [index for index, found in enumerate(self.kinds) if found == kind]

    def pick(self, rows: list[int]) -> Recording:
        """Keep some channels, in the order given."""
        return Recording(
            self.volts[rows],
            self.rate_hz,
            tuple(self.names[row] for row in rows),
            tuple(self.kinds[row] for row in rows),
            np.asarray(self.positions_m)[rows],
            self.events,
            self.line_hz,
        )
