"""A recording's clock, from all that tells it: its markers, its tables, its dataset, the user."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import RunConfig
from bids_app.errors import AppError, DataError
from bids_app.files import sidecar, tables
from bids_app.layout.clock import NO_MARKERS, Expected, Start, fit_clock, plain
from bids_app.values.entities import parse_name
from bids_app.values.pairing import Clock, Facts, Pairing, Scan
from bids_app.values.recording import Event, Header, Recording

log = logging.getLogger(__name__)

SAME_SAMPLES = 1.5  # a table's samples may be counted from 0 or from 1


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside a recording, or is known of it.

    Attributes
    ----------
    channels : dict of str to list of str or None
        Columns of its ``channels.tsv``.
    rate_hz : float or None
        Sampling rate, for formats that do not hold it.
    line_hz : float or None
        Power line frequency.
    events : Path or None
        Its ``events.tsv``.
    files : tuple of Path
        All tables that were found.
    """

    channels: dict[str, list[str]] | None
    rate_hz: float | None
    line_hz: float | None
    events: Path | None
    files: tuple[Path, ...]


def beside(pairing: Pairing, config: RunConfig) -> Beside:
    """Collect what a recording's neighbours and its dataset say of it."""
    assert pairing.eeg is not None
    root, name = sidecar_place(config, pairing.eeg.path, pairing.eeg.entities.stem)
    found = {
        ending: sidecar.nearest(root, name, ending) for ending in ("channels.tsv", "events.tsv")
    }
    table, metadata = found["channels.tsv"], pairing.eeg_metadata
    channels = pairing.facts.channels or (tables.read_tsv(table) if table else None)
    return Beside(
        channels=channels,
        rate_hz=pairing.facts.rate_hz or _number(metadata.get("SamplingFrequency")),
        line_hz=_number(metadata.get("PowerLineFrequency")),
        events=found["events.tsv"],
        files=tuple(path for path in found.values() if path),
    )


def sidecar_place(config: RunConfig, path: Path, stem: str) -> tuple[Path, Path]:
    """Give the root and the path under which a recording's sidecars are looked for.

    A recording whose own name is not BIDS takes those that it would have in its participant's folder.

    Parameters
    ----------
    config : RunConfig
        The call.
    path : Path
        The recording.
    stem : str
        Its labels, as in ``sub-01_task-rest``.
    """
    try:
        named = parse_name(path.name)["suffix"] == "eeg"
    except ValueError:
        named = False
    for root in (config.bids_dir, config.eeg_dir):
        if named and root is not None and path.is_relative_to(root):
            return root, path
    folders = [part for part in stem.split("_") if part.startswith(("sub-", "ses-"))]
    return config.bids_dir, config.bids_dir.joinpath(*folders, "eeg", f"{stem}_eeg{path.suffix}")


def find_clock(
    pairing: Pairing, heard: Recording | Header, scan: Scan, config: RunConfig
) -> Clock | None:
    """EEG time on BOLD time, from the recording's own markers, else from its events.tsv, else from what is known.

    Parameters
    ----------
    pairing : Pairing
        Which recording.
    heard : Recording or Header
        With its markers.
    scan : Scan
        Its volumes.
    config : RunConfig
        What the user says of markers and start.

    Returns
    -------
    Clock or None
        None for EEG without BOLD that has no markers: then nothing says when volumes would have been.

    Raises
    ------
    DataError
        When the markers are unusable, and nothing else tells the clock.
    """
    if scan.tr_s is None:
        return None
    assert pairing.eeg is not None
    facts, where = pairing.facts, pairing.eeg.path.name
    start = _start(facts, heard, config)
    marker = config.volume_marker or facts.marker
    metadata = pairing.run.metadata if pairing.run else {}
    n_discarded = int(_number(metadata.get("NumberOfVolumesDiscardedByUser")) or 0)
    expected = Expected(scan.tr_s, scan.n_volumes, heard.duration_s, marker, start, n_discarded)
    problems: list[DataError] = []
    for source, events in _sources(pairing, heard, config):
        try:
            return fit_clock(events, expected, where, source)
        except DataError as error:
            problems.append(error)
    unusable = [error for error in problems if NO_MARKERS not in str(error)]
    if unusable:
        raise unusable[0]
    if start is not None:
        n_volumes = scan.n_volumes or config.n_volumes or 0
        return Clock(start.eeg_s, n_expected=n_volumes, source=start.source)
    if scan.n_volumes is None:
        return None
    _refuse_another_tr(pairing, heard, scan, config)
    raise problems[0]


def _refuse_another_tr(
    pairing: Pairing, heard: Recording | Header, scan: Scan, config: RunConfig
) -> None:
    """Tell when the markers follow the repetition time of the image's header, not that of its sidecar."""
    if scan.header_tr_s is None or scan.header_tr_s == scan.tr_s or not scan.header_tr_s > 0:
        return
    assert pairing.eeg is not None
    expected = Expected(scan.header_tr_s, None, heard.duration_s, config.volume_marker)
    for source, events in _sources(pairing, heard, config):
        try:
            clock = fit_clock(events, expected, pairing.eeg.path.name, source)
        except DataError:
            continue
        raise DataError(
            f"{pairing.eeg.path.name}: {clock.marker!r} markers are {clock.rate * scan.header_tr_s:g} s apart, as the "
            f"header of the BOLD says; RepetitionTime is {scan.tr_s:g} s",
            hint="correct RepetitionTime in the sidecar",
        )


def _sources(
    pairing: Pairing, heard: Recording | Header, config: RunConfig
) -> list[tuple[str, tuple[Event, ...]]]:
    table = beside(pairing, config).events
    found = [("recording", heard.events)]
    if table is not None and (events := table_events(table, heard.rate_hz)):
        found.append((table.name, events))
    return found


def table_events(table: Path, rate_hz: float) -> tuple[Event, ...]:
    """Read the markers of an events.tsv, each under its type and under its value.

    Where a column ``sample`` disagrees with ``onset``, the onsets count from something else than the recording's start,
    and the samples are taken.

    Parameters
    ----------
    table : Path
        The table; one that cannot be read is told in the log and gives nothing.
    rate_hz : float
        Sampling rate of the recording.
    """
    try:
        columns = tables.read_tsv(table)
    except AppError as error:
        log.warning("%s", error)
        return ()
    onsets = np.array([tables.number(cell) for cell in columns.get("onset", [])])
    if "sample" in columns:
        by_sample = np.array([tables.number(cell) for cell in columns["sample"]]) / rate_hz
        if len(onsets) == 0:
            onsets = by_sample
        apart = np.abs(onsets - by_sample) > SAME_SAMPLES / rate_hz
        onsets = np.where(apart | np.isnan(onsets), by_sample, onsets)
    found = [
        Event(float(onset), label)
        for name in ("trial_type", "value")
        for onset, label in zip(onsets, columns.get(name, []), strict=False)
        if np.isfinite(onset) and label != tables.MISSING
    ]
    return tuple(dict.fromkeys(found))


def _start(facts: Facts, heard: Recording | Header, config: RunConfig) -> Start | None:
    if config.eeg_start_s is not None:
        return Start(config.eeg_start_s, "--eeg-start")
    if facts.start_s is not None:
        return Start(facts.start_s, facts.dataset)
    seen = [
        (min(times), label, bold_s)
        for label, bold_s in facts.anchors
        if (times := [one.onset_s for one in heard.events if plain(one.label) == label])
    ]
    if not seen:
        return None
    onset_s, label, bold_s = min(seen)
    return Start(onset_s - bold_s, f"{facts.dataset}: first {label!r}")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and value > 0 else None
