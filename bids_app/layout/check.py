"""Refuse a dataset that cannot be processed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bids_app.errors import (
    AppError,
    DeviceError,
    InvalidDatasetError,
    MissingInputError,
    NoMatchError,
)
from bids_app.files.sidecar import read_json
from bids_app.layout.datasets import dataset_of

VALIDATOR = "bids-validator-deno"
LONGEST_VALIDATION_S = 900


def check_dataset(bids_dir: Path) -> dict[str, Any]:
    """Read the dataset's description.

    Raises
    ------
    MissingInputError
        When the folder is not there.
    InvalidDatasetError
        Without a readable ``dataset_description.json``, or without participants.
    """
    if not bids_dir.is_dir():
        raise MissingInputError(f"{bids_dir}: no such folder", hint="is the dataset mounted?")
    description = bids_dir / "dataset_description.json"
    try:
        found = dataset_of(bids_dir).description(bids_dir) or read_json(description)
    except AppError as error:
        raise InvalidDatasetError(
            f"{bids_dir}: is not a BIDS dataset: {error}",
            hint="BIDS wants a dataset_description.json with Name and BIDSVersion at the top",
        ) from error
    if not labels(bids_dir):
        raise InvalidDatasetError(
            f"{bids_dir}: has no folder sub-<label>", hint="point to the top of the dataset"
        )
    return found


def labels(bids_dir: Path) -> tuple[str, ...]:
    """Labels of the participants of a dataset, without ``sub-``, sorted."""
    return dataset_of(bids_dir).labels(bids_dir)


def choose_labels(known: tuple[str, ...], asked: tuple[str, ...], where: Path) -> tuple[str, ...]:
    """Take the participants that were asked for, or all.

    Raises
    ------
    NoMatchError
        For a label that the dataset does not have.
    """
    unknown = [label for label in asked if label not in known]
    if unknown:
        raise NoMatchError(
            f"{where}: has no participant {', '.join(unknown)}; it has {', '.join(known) or 'none'}",
            hint="labels are the folder names without sub-",
        )
    return asked or known


def validate(bids_dir: Path, chosen: tuple[str, ...]) -> dict[str, Any] | None:
    """Run the BIDS validator, when it is installed, and count what it says of the chosen participants.

    Returns
    -------
    dict or None
        ``errors``, ``warnings`` and ``codes``; None when no validator is installed.

    Raises
    ------
    DeviceError
        When the validator itself failed.
    """
    # Beside this Python too: an environment need not be on the PATH to be used.
    beside = Path(sys.executable).parent
    program = shutil.which(VALIDATOR) or shutil.which(VALIDATOR, path=str(beside))
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, str(bids_dir), "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_VALIDATION_S,
        )
        issues = [
            (issue["severity"], issue["code"], str(issue.get("location", "")))
            for issue in json.loads(done.stdout)["issues"]["issues"]
        ]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        subprocess.TimeoutExpired,
    ) as error:
        raise DeviceError(
            f"{VALIDATOR} failed on {bids_dir}: {error}", hint="use --skip-bids-validation"
        ) from error
    mine = [issue for issue in issues if _concerns(issue[2], chosen)]
    severity = Counter(severity for severity, _, _ in mine)
    codes = Counter(f"{severity}: {code}" for severity, code, _ in mine)
    return {"errors": severity["error"], "warnings": severity["warning"], "codes": dict(codes)}


def _concerns(location: str, chosen: tuple[str, ...]) -> bool:
    top = location.strip("/").split("/")[0]
    return not top.startswith("sub-") or top.removeprefix("sub-") in chosen
