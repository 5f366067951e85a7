"""What would be done: the pairing table, from headers and markers, touching nothing."""

from __future__ import annotations

import csv
import gc
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import click

from bids_app.config import RunConfig
from bids_app.errors import AppError
from bids_app.files import eeg
from bids_app.layout.pair import find
from bids_app.layout.timing import beside, find_clock
from bids_app.pipeline.eeg import clock_notes, scan_of
from bids_app.values.pairing import Pairing, Unpaired

NONE = "-"
NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    status : str
        ``paired``, ``EEG only``, ``BOLD only``, ``refused`` or ``left out``.
    run : str
        Labels of the run.
    eeg, bold : str
        Files.
    rule : str
        What matched them.
    markers : str
        Volume markers found, and volumes.
    offset_s : str
        When the first volume starts, in seconds of the EEG.
    clock : str
        Where that is known from.
    state : str
        Artefacts of the scanner in the EEG, as far as its dataset's file tells.
    remark : str
        Why it is refused or left out, or what a reader must know.
    """

    status: str
    run: str = NONE
    eeg: str = NONE
    bold: str = NONE
    rule: str = NONE
    markers: str = NONE
    offset_s: str = NONE
    clock: str = NONE
    state: str = NONE
    remark: str = ""


def show(config: RunConfig, labels: Sequence[str]) -> int:
    """Print the pairing table with what is left out and why, and what would be written.

    Returns
    -------
    int
        Exit code: 0; 1 when some runs could not be processed.
    """
    # Thousands of markers a recording: looking through all that was imported, again and again, would take longer.
    gc.freeze()
    rows: list[Row] = []
    notes: list[str] = []
    for label in labels:
        found, told = rows_of(label, config)
        rows += found
        notes += told
    printer = {"json": _as_json, "tsv": _as_tsv}.get(config.dry_run_format)
    if printer is not None:
        click.echo(printer(rows))
    else:
        _print_table(rows, notes, config)
    return int(any(row.status == "refused" for row in rows))


def rows_of(label: str, config: RunConfig) -> tuple[list[Row], list[str]]:
    """Say what one participant has: a row for each run and for each file that is left out, and notes."""
    who = find(config, label)
    rows = [_row(pairing, config) for pairing in who.pairings]
    rows += [_left_out(item, config) for item in who.unpaired]
    return rows, [f"sub-{label}: {note}" for note in who.notes]


def _row(pairing: Pairing, config: RunConfig) -> Row:
    status = (
        "paired" if pairing.eeg and pairing.run else "BOLD only" if pairing.run else "EEG only"
    )
    told = {
        "run": pairing.entities.stem,
        "eeg": config.told(pairing.eeg.path) if pairing.eeg else NONE,
        "bold": config.told(pairing.run.bold.path) if pairing.run else NONE,
        "rule": pairing.rule,
        "state": pairing.facts.state or NONE,
    }
    try:
        told |= _clock(pairing, config)
    except AppError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Row("refused", **told, remark=f"{error}{hint}")
    return Row(status, **told)


def _clock(pairing: Pairing, config: RunConfig) -> dict[str, str]:
    scan = scan_of(pairing, None)
    if pairing.eeg is None:
        return {}
    near = beside(pairing, config)
    is_described = bool(near.channels and near.rate_hz)
    if not eeg.has_quick_header(pairing.eeg.path, is_described=is_described):
        return {"markers": NOT_READ, "offset_s": NOT_READ, "clock": NOT_READ}
    header = eeg.read_header(pairing.eeg.path, near.channels, near.rate_hz)
    clock = find_clock(pairing, header, scan, config)
    if clock is None:
        return {}
    return {
        "markers": f"{clock.n_found}/{clock.n_expected}",
        "offset_s": f"{clock.offset_s:.3f}",
        "clock": f"{clock.marker} in {clock.source}" if clock.marker else clock.source,
        "remark": "; ".join(clock_notes(clock)),
    }


def _left_out(item: Unpaired, config: RunConfig) -> Row:
    return Row("left out", eeg=config.told(item.file), remark=item.reason)


def _as_json(rows: Sequence[Row]) -> str:
    return json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False)


def _as_tsv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerow(item.name for item in fields(Row))
    table.writerows(asdict(row).values() for row in rows)
    return text.getvalue().rstrip("\n")


def _print_table(rows: Sequence[Row], notes: Sequence[str], config: RunConfig) -> None:
    names = ("status", "run", "eeg", "bold", "markers", "offset_s", "state", "rule")
    shown = [row for row in rows if row.status != "left out"]
    lines = [names, *(tuple(str(getattr(row, name)) for name in names) for row in shown)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line, remark in zip(lines, ["", *(row.remark for row in shown)], strict=True):
        cells = zip(line, widths, strict=True)
        click.echo("  ".join(cell.ljust(width) for cell, width in cells).rstrip())
        if remark:
            click.echo(f"    {remark}")
    for row in rows:
        if row.status == "left out":
            click.echo(f"left out: {row.eeg}: {row.remark}")
    for note in notes:
        click.echo(f"note: {note}")
    click.echo(
        f"would write to {config.output_dir}: sub-*/{{anat,func,eeg,figures,log}}, sub-*.html, "
        "dataset_description.json, descriptions.tsv, .bidsignore"
    )
