"""The task's events of a run, from its ``events.tsv``."""

from __future__ import annotations

from pathlib import Path

from bids_app.files import tables
from bids_app.values.pairing import Pairing

ANY_KIND = "event"


def events_of(pairing: Pairing) -> list[Path]:
    """Find the events of a BOLD run, beside it; none for rest and for EEG alone."""
    if pairing.run is None:
        return []
    bold = pairing.run.bold.path
    path = bold.with_name(bold.name.split("_bold.")[0] + "_events.tsv")
    return [path] if path.is_file() else []


def schedule_of(pairing: Pairing) -> dict[str, list[float]]:
    """Onsets of each kind of event, in seconds after the first volume began; rows without an onset are no events."""
    schedule: dict[str, list[float]] = {}
    for path in events_of(pairing):
        table = tables.read_tsv(path)
        onsets = table.get("onset", [])
        for onset, kind in zip(
            onsets, table.get("trial_type", [ANY_KIND] * len(onsets)), strict=True
        ):
            try:
                schedule.setdefault(kind, []).append(float(onset))
            except ValueError:
                continue
    return {kind: found for kind, found in schedule.items() if found}
