"""JSON files, with the BIDS inheritance principle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bids_app.errors import DataError, MissingInputError
from bids_app.files.whole import write_text
from bids_app.values.entities import parse_name

LARGEST_JSON_BYTES = 16 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    MissingInputError
        When the file cannot be read.
    DataError
        When it is no JSON object.
    """
    try:
        if path.stat().st_size > LARGEST_JSON_BYTES:
            raise DataError(
                f"{path}: {path.stat().st_size} bytes; expected a sidecar of a few kilobytes"
            )
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: is not JSON: {error}", hint="check the file with a JSON editor"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds a {type(found).__name__}; expected an object")
    return found


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write a JSON object, indented, in the order given."""
    return write_text(
        path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def inherited(bids_dir: Path, path: Path) -> dict[str, Any]:
    """Collect the sidecar of a data file, from the dataset's root down to the file's folder.

    A sidecar applies when its suffix is the same and all its entities stand in the file's name with the same
    labels; the deeper and the longer name wins (BIDS, inheritance principle).

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    path : Path
        The data file, below the root.
    """
    own = parse_name(path.name)
    collected: dict[str, Any] = {}
    folder = bids_dir
    for part in ("", *path.relative_to(bids_dir).parts[:-1]):
        folder = folder / part
        matching = [
            name for name in folder.glob(f"*{own['suffix']}.json") if _applies(name.name, own)
        ]
        for sidecar in sorted(matching, key=lambda name: len(name.name)):
            collected |= read_json(sidecar)
    return collected


def nearest(bids_dir: Path, path: Path, ending: str) -> Path | None:
    """Find the table that goes with a data file, such as its ``channels.tsv``.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset.
    path : Path
        The data file, below the root.
    ending : str
        Suffix and extension of the table.

    Returns
    -------
    Path or None
        The applicable one that lies deepest and has the longest name.
    """
    own = parse_name(path.name) | {"suffix": ending.partition(".")[0]}
    folder = path.parent
    while True:
        matching = [name for name in folder.glob(f"*{ending}") if _applies(name.name, own)]
        if matching:
            return max(matching, key=lambda name: len(name.name))
        if folder == bids_dir:
            return None
        folder = folder.parent


def _applies(sidecar: str, own: dict[str, str]) -> bool:
    if sidecar.startswith("."):
        return False
    try:
        found = parse_name(sidecar)
    except ValueError:
        return False
    del found["extension"]
    return all(own.get(name) == label for name, label in found.items())
