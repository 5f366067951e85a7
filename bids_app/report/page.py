"""The pages ``sub-X.html`` and ``group.html``: each is one file, without network or script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bids_app.errors import MissingInputError, UsageError
from bids_app.files.sidecar import read_json
from bids_app.files.whole import write_text
from bids_app.labels import LABEL
from bids_app.report import coverage, experiment, methods, pictures, tables
from bids_app.report.record import Table, count, flat, number, part, rows, text, words
from bids_app.report.viewer import viewers

TEMPLATES = Path(__file__).resolve().parent / "templates"
STATUS_KINDS = {
    "done": "good",
    "failed": "bad",
    "eeg only": "plain",
    "bold only": "plain",
    "missing": "bad",
}
PER_MILLION = 1e6
CEILINGS = ("half", "reliability", "ceiling")


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table: a heading, a status and the other cells."""

    name: str
    status: str
    kind: str
    cells: tuple[str, ...]
    link: str = ""


def participant_page(output_dir: Path, label: str) -> Path:
    """Write the page of one participant.

    Parameters
    ----------
    output_dir : Path
        Of the app; it holds ``sub-X/log/record.json``.
    label : str
        With or without ``sub-``.

    Returns
    -------
    Path
        ``sub-X.html`` in `output_dir`.

    Raises
    ------
    UsageError
        For a label that BIDS does not allow.
    MissingInputError
        When there is no record.
    """
    label = label.removeprefix("sub-")
    if not LABEL.fullmatch(label):
        raise UsageError(
            f"participant label {label!r} is not allowed; expected letters and digits"
        )
    record = _read(output_dir / f"sub-{label}" / "log" / "record.json", "participant")
    return _write(
        output_dir / f"sub-{label}.html",
        "participant.html",
        _participant(output_dir, label, record),
    )


def group_page(output_dir: Path) -> Path:
    """Write the page of the group.

    Parameters
    ----------
    output_dir : Path
        Of the app; it holds ``log/group.json``.

    Returns
    -------
    Path
        ``group.html`` in `output_dir`.

    Raises
    ------
    MissingInputError
        When there is no record.
    """
    record = _read(output_dir / "log" / "group.json", "group")
    return _write(output_dir / "group.html", "group.html", _group(output_dir, record))


def _read(path: Path, level: str) -> Table:
    if not path.is_file():
        raise MissingInputError(
            f"{path}: there is no record to make a report from",
            hint=f"run the {level} level on this output folder first",
        )
    return read_json(path)


def _write(path: Path, template: str, content: dict[str, Any]) -> Path:
    page = _environment().get_template(template).render(content)
    # JSON can hold half of a surrogate pair, which no file can.
    return write_text(path, page.encode("utf-8", "replace").decode("utf-8"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["anchor"] = anchor
    return environment


def anchor(name: str) -> str:
    """Turn a name into what can stand after ``#`` in an address."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "part"


def _shared(record: Table) -> dict[str, Any]:
    errors = [
        (
            text(row, "what", "Something"),
            text(row, "why", "the reason is not recorded"),
            text(row, "hint", ""),
        )
        for row in rows(record, "errors")
    ]
    scores = rows(record, "scores")
    found = {tables.row_name(score) for score in scores} | {
        tables.base(text(score, "name")) for score in scores
    }
    return {
        "version": text(record, "version"),
        "command": text(record, "command"),
        "started": _moment(text(record, "started")),
        "finished": _moment(text(record, "finished", "")),
        "verdict": text(record, "verdict", ""),
        "errors": errors,
        "notes": words(record, "notes"),
        "settings": flat(part(record, "settings")),
        "versions": flat(part(record, "versions")),
        "tests": _tests(record),
        "methods": methods.of(record),
        "references": _references(found),
        "ceilings": _ceilings(record),
        "ceilings_known": "noise free" in found,
        "metrics": [
            (tables.NAMES[name], said) for name, said in tables.METRICS.items() if name in found
        ],
        "has_largest": any(text(score, "name").endswith("_max") for score in scores),
        "hidden_scores": len(scores) - len(tables.shown(scores)),
        "power": _power(record),
    }


def _participant(output_dir: Path, label: str, record: Table) -> dict[str, Any]:
    pairings, scores = rows(record, "pairings"), rows(record, "scores")
    anatomy = part(record, "anatomy")
    runs = [_run(output_dir, run, scores) for run in rows(record, "runs")]
    # Of one person, the mean over the group is the person's.
    named = {run["name"] for run in runs} | {f"sub-{label}", "group"}
    others = [on for on in tables.unique(text(score, "on") for score in scores) if on not in named]
    facts = [
        ("Runs done", f"{_n_done(pairings)} of {len(pairings)}"),
        ("Volumes synthesized", _sum(pairings, "n_samples")),
        ("Volumes without prediction", _sum(pairings, "volumes_without_prediction")),
        *_headline(scores, f"sub-{label}"),
    ]
    return _shared(record) | {
        "title": f"Participant {label}",
        "facts": facts,
        "pairings": [_pairing(pairing) for pairing in pairings],
        "clocks": [_clock(pairing) for pairing in pairings if part(pairing, "clock")],
        "unpaired": [(text(row, "file"), text(row, "reason")) for row in rows(record, "unpaired")],
        "anatomy": {
            "recorded": bool(anatomy),
            "t1w": text(anatomy, "t1w", "none"),
            "engine": text(anatomy, "engine"),
            "notes": words(anatomy, "notes"),
            "pictures": pictures.of(output_dir, anatomy),
        },
        "runs": runs,
        "score_tables": tables.of(scores, f"sub-{label}"),
        "other_tables": [table for on in others for table in tables.of(scores, on)],
        "validator": _validator(record),
    }


def _group(output_dir: Path, record: Table) -> dict[str, Any]:
    scores, people = rows(record, "scores"), rows(record, "participants")
    n_done = sum(text(person, "status") == "done" for person in people)
    return _shared(record) | {
        "title": "Group",
        "facts": [
            ("Participants used", f"{n_done} of {len(people)}"),
            ("Models", ", ".join(words(record, "models")) or "none"),
            *_headline(scores, "group"),
        ],
        "people": [_person(output_dir, person) for person in people],
        "experiment": experiment.of(record),
        "coverage": coverage.of(record),
        "coverage_says": coverage.sentences(record),
        "experiment_columns": experiment.COLUMNS,
        "score_tables": tables.of(scores, "group"),
        "people_tables": tables.people(scores),
        "pictures": pictures.of(output_dir, record),
        "viewers": viewers(output_dir),
        "bundles": [(text(row, "name"), text(row, "path")) for row in rows(record, "bundles")],
    }


def _run(output_dir: Path, run: Table, scores: list[Table]) -> dict[str, Any]:
    name, eeg = text(run, "run", "unnamed run"), part(run, "eeg")
    rate = number(eeg, "rate_hz")
    return {
        "name": name,
        "short": re.sub(r"^sub-[^_]+_", "", name),
        "eeg": f"{count(eeg, 'channels')} channels at {rate:g} Hz" if rate else "",
        "artefacts": [_artefact(row) for row in rows(eeg, "artefacts")],
        "state": _eeg_state(rows(eeg, "artefacts")),
        "notes": [*words(run, "notes"), *words(eeg, "notes")],
        "pictures": pictures.of(output_dir, run),
        "score_tables": tables.of(scores, name),
        "tests": _tests(run),
    }


def _artefact(row: Table) -> list[str]:
    removed = "removed" if row.get("removed") else "not removed" if row.get("found") else "-"
    return [text(row, "artefact"), text(row, "before", "-"), removed, text(row, "after", "-")]


def _eeg_state(artefacts: list[Table]) -> str:
    """Which artefacts of the scanner the EEG holds: as recorded, and after cleaning."""
    scanner = [row for row in artefacts if text(row, "artefact") != "loops"]
    if not scanner:
        return ""
    found = " and ".join(text(row, "artefact") for row in scanner if row.get("found"))
    left = " and ".join(text(row, "artefact") for row in scanner if row.get("left"))
    if not found and not left:
        return "As recorded: clean of artefacts of the scanner, as far as its spectrum tells."
    after = f"{left} residue" if left else "clean"
    return f"As recorded: {found or 'no'} artefacts. After cleaning: {after}."


def _pairing(pairing: Table) -> Cells:
    status = text(pairing, "status")
    cells = (
        Path(text(pairing, "eeg", "none")).name,
        Path(text(pairing, "bold", "none")).name,
        text(pairing, "rule", ""),
        *(count(pairing, key) for key in ("n_volumes", "n_samples", "volumes_without_prediction")),
        text(pairing, "reason", ""),
    )
    return Cells(text(pairing, "run"), status, STATUS_KINDS.get(status.lower(), "plain"), cells)


def _clock(pairing: Table) -> Cells:
    clock = part(pairing, "clock")
    offset, rate, residual = (number(clock, key) for key in ("offset_s", "rate", "residual_s"))
    found, expected = count(clock, "n_found"), count(clock, "n_expected")
    cells = (
        text(clock, "marker", "n/a"),
        text(clock, "source", "n/a"),
        f"{found} of {expected}",
        _span(clock),
        "n/a" if offset is None else f"{offset:.3f}",
        "n/a" if rate is None else f"{PER_MILLION * (rate - 1):+.1f}".replace("-", tables.MINUS),
        "n/a" if residual is None else f"{1e3 * residual:.2f}",
    )
    # A recording without any marker has a clock of another source.
    is_odd = found != expected and bool(number(clock, "n_found"))
    return Cells(text(pairing, "run"), "differs" if is_odd else "", "bad", cells)


def _span(clock: Table) -> str:
    """First and last marker, in seconds of the EEG."""
    first_s, last_s = number(clock, "first_s"), number(clock, "last_s")
    return "n/a" if first_s is None or last_s is None else f"{first_s:.3f} to {last_s:.3f}"


def _person(output_dir: Path, person: Table) -> Cells:
    label, status = text(person, "label").removeprefix("sub-"), text(person, "status")
    page = f"sub-{label}.html"
    link = page if LABEL.fullmatch(label) and (output_dir / page).is_file() else ""
    kind = STATUS_KINDS.get(status.lower(), "plain")
    return Cells(f"sub-{label}", status, kind, (text(person, "reason", ""),), link)


def _tests(table: Table) -> list[tuple[str, ...]]:
    return [
        (
            text(test, "model"),
            text(test, "split"),
            text(test, "statistic"),
            text(test, "against", "circular shifts"),
            tables.written(number(test, "value"), "r"),
            tables.written_p(number(test, "p")),
            count(test, "n_shifts"),
        )
        for test in rows(table, "tests")
    ]


def _references(found: set[str]) -> list[tuple[str, str]]:
    """Rows that are no models, and what they are."""
    told = [(name, said) for name, said in tables.REFERENCES.items() if name in found]
    controls = sorted(name for name in found if name.endswith(tables.CONTROL))
    return told + [(name, tables.CONTROLS) for name in controls]


def _ceilings(record: Table) -> list[tuple[str, ...]]:
    return [
        (text(row, "on"), *(tables.written(number(row, key), "r") for key in CEILINGS))
        for row in rows(record, "ceilings")
    ]


def _validator(record: Table) -> dict[str, Any] | None:
    found = part(record, "validator")
    if not found:
        return None
    codes = flat(part(found, "codes"))
    return {"errors": count(found, "errors"), "warnings": count(found, "warnings"), "codes": codes}


def _power(record: Table) -> str:
    n_samples = [value for row in rows(record, "pairings") if (value := number(row, "n_samples"))]
    if not n_samples:
        return ""
    fewest = min(n_samples)
    spread = (fewest - 1) ** -0.5 if fewest > 1 else 1.0
    return (
        f"One run has little power. With {fewest:.0f} scored volumes, the correlation of a single "
        "voxel that has nothing to do with the EEG still scatters around 0 with a standard "
        f"deviation of {spread:.2f} or more, as BOLD is correlated in time."
    )


def _headline(scores: list[Table], on: str) -> list[tuple[str, str]]:
    """Correlations of predictions, those of left-out people first; what leaks or was shown the truth is none."""
    own = [score for score in tables.shown(scores) if text(score, "on") == on]
    own = [score for score in own if tables.is_prediction(score)]
    own = [score for score in own if text(score, "name") in {"r", "r_mean"}]
    own.sort(key=lambda score: text(score, "split") != "participant")
    return [
        (
            f"{tables.row_name(score)}: {tables.heading(text(score, 'name'))}, "
            f"split {text(score, 'split')}",
            tables.written(number(score, "value"), "r"),
        )
        for score in own[:3]
    ]


def _n_done(pairings: list[Table]) -> int:
    return sum(text(pairing, "status") == "done" for pairing in pairings)


def _sum(pairings: list[Table], key: str) -> str:
    found = [value for pairing in pairings if (value := number(pairing, key)) is not None]
    return f"{sum(found):.0f}" if found else "n/a"


def _moment(iso: str) -> str:
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?", r"\1 \2", iso)
