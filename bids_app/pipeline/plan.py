"""What would be done: the pairing table, from headers and markers, touching nothing."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bids_app.config import RunConfig
from bids_app.errors import AppError
from bids_app.files import eeg, sidecar
from bids_app.layout.clock import Expected, fit_clock
from bids_app.layout.pair import find
from bids_app.pipeline.eeg import scan_of
from bids_app.values.pairing import Pairing

COLUMNS = ("run", "EEG", "BOLD", "rule", "markers", "offset (s)", "remark")


def show(config: RunConfig, labels: Sequence[str]) -> int:
    """Print the pairing table, what is left out, and what would be written.

    Returns
    -------
    int
        Exit code: 0; 1 when some runs could not be processed.
    """
    rows, left = [], []
    n_refused = 0
    for label in labels:
        who = find(config, label)
        for pairing in who.pairings:
            row = _row(pairing, config)
            n_refused += row[-1].startswith("refused")
            rows.append(row)
        left += [f"{item.file.name}: {item.reason}" for item in who.unpaired]
    _print_table(rows)
    for line in left:
        click.echo(f"left out: {line}")
    click.echo(
        f"would write to {config.output_dir}: sub-*/{{anat,func,eeg,figures,log}}, sub-*.html, "
        "dataset_description.json, descriptions.tsv, .bidsignore"
    )
    return int(n_refused > 0)


def _row(pairing: Pairing, config: RunConfig) -> tuple[str, ...]:
    eeg_name = pairing.eeg.path.name if pairing.eeg else "-"
    bold_name = pairing.run.bold.path.name if pairing.run else "-"
    markers, offset, remark = "-", "-", ""
    try:
        scan = scan_of(pairing, None)
        if pairing.eeg and scan.tr_s is not None:
            header = eeg.read_header(pairing.eeg.path)
            expected = Expected(scan.tr_s, scan.n_volumes, header.duration_s, config.volume_marker)
            clock = fit_clock(header.events, expected, pairing.eeg.path.name, "recording")
            markers, offset = f"{clock.n_found}/{clock.n_expected}", f"{clock.offset_s:.3f}"
    except AppError as error:
        remark = f"refused: {error}"
        table = (
            sidecar.nearest(config.bids_dir, pairing.eeg.path, "events.tsv")
            if pairing.eeg
            else None
        )
        if table and "no volume markers" in str(error):
            remark = f"no markers in the recording; events.tsv will be tried: {table.name}"
    return pairing.entities.stem, eeg_name, bold_name, pairing.rule, markers, offset, remark


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    lines = [COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
