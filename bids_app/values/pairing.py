"""Which EEG goes with which BOLD, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.values import Floats
from bids_app.values.entities import BidsFile, Entities


@dataclass(frozen=True, slots=True)
class Clock:
    """EEG time on BOLD time: ``eeg_s = offset_s + rate * bold_s``.

    Attributes
    ----------
    offset_s : float
        When the first stored volume starts, in seconds after the first EEG sample.
    rate : float
        EEG seconds per BOLD second; 1 when the two clocks agree.
    residual_s : float
        Largest distance of a volume marker from the fitted line.
    n_found, n_expected : int
        Volume markers found, and volumes in the BOLD series.
    marker : str
        Name of the marker that was used.
    source : str
        Where the markers were read: ``recording``, the name of an events table, or who said when volume 0 starts.
    first_s, last_s : float or None
        First and last marker that were used, in seconds of the EEG; None without markers.
    """

    offset_s: float
    rate: float = 1.0
    residual_s: float = 0.0
    n_found: int = 0
    n_expected: int = 0
    marker: str = ""
    source: str = ""
    first_s: float | None = None
    last_s: float | None = None

    def eeg_s(self, bold_s: Floats | float) -> Any:
        """EEG time, of the same shape as the BOLD time given."""
        return self.offset_s + self.rate * np.asarray(bold_s)

    def bold_s(self, eeg_s: Floats | float) -> Any:
        """BOLD time, of the same shape as the EEG time given."""
        return (np.asarray(eeg_s) - self.offset_s) / self.rate


@dataclass(frozen=True, slots=True)
class Scan:
    """What the EEG must know of its volumes.

    Attributes
    ----------
    tr_s : float or None
        Repetition time: of the BOLD, else of the model that will be applied.
    n_volumes : int or None
        Volumes of the BOLD; None without BOLD.
    header_tr_s : float or None
        Repetition time in the header of the image, where the sidecar may say another.
    n_slices : int or None
        Excitations of a volume: slices that are measured together count once; None when slice times are unknown.
    """

    tr_s: float | None
    n_volumes: int | None
    header_tr_s: float | None = None
    n_slices: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the project knows of one EEG recording of a public dataset, where the recording does not say it.

    Attributes
    ----------
    dataset : str
        Which dataset; empty when nothing is known.
    channels : dict of str to list of str
        Columns ``name``, ``type`` and ``units`` of all rows; empty to take the recording's own.
    rate_hz : float or None
        Sampling rate, for files that do not hold it.
    metadata : dict
        Keys of its sidecar.
    marker : str or None
        Name of the volume markers.
    start_s : float or None
        When the first stored volume starts, in seconds after the first EEG sample.
    anchors : tuple of (str, float)
        Markers of the experiment, and the time from the first volume at which each appears for the first time. The
        earliest of them in a recording counts.
    state : str
        Which artefacts of the scanner are left in it.
    notes : tuple of str
        What a reader must know.
    """

    dataset: str = ""
    channels: dict[str, list[str]] = field(default_factory=dict, hash=False)
    rate_hz: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    marker: str | None = None
    start_s: float | None = None
    anchors: tuple[tuple[str, float], ...] = ()
    state: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One BOLD file with its metadata."""

    bold: BidsFile
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Pairing:
    """What belongs together.

    Attributes
    ----------
    entities : Entities
        Labels of the run: those of the BOLD where there is one.
    run : Run or None
        None for EEG alone, to which a trained model can be applied.
    eeg : BidsFile or None
        None for BOLD alone, which can only be preprocessed.
    eeg_metadata : dict
        The EEG's sidecar.
    rule : str
        What matched them.
    facts : Facts
        What is known of the EEG beside its files.
    """

    entities: Entities
    run: Run | None
    eeg: BidsFile | None
    eeg_metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    rule: str = "same entities"
    facts: Facts = Facts()


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A file that is left out, and the reason."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Participant:
    """All that one participant has.

    Attributes
    ----------
    label : str
        Without ``sub-``.
    t1w : BidsFile or None
        The anatomy that was chosen.
    pairings : tuple of Pairing
        Runs, sorted by name.
    unpaired : tuple of Unpaired
        Files left out.
    notes : tuple of str
        Choices that the report must tell.
    """

    label: str
    t1w: BidsFile | None
    pairings: tuple[Pairing, ...]
    unpaired: tuple[Unpaired, ...] = ()
    notes: tuple[str, ...] = ()
