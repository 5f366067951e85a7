"""What ``bundle.json`` must hold, field by field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bids_app import plugins
from bids_app.errors import DataError
from bids_app.values.bundle import Accepts, Targets

Test = Callable[[Any], bool]
LONGEST_LIST = 4096
LONGEST_WINDOW = 2_000_000
"""Samples; a minute at 20 kHz and more."""


def check(about: Any, path: Path) -> dict[str, Any]:
    """Refuse a description that lacks a field or has one of another kind.

    Parameters
    ----------
    about : object
        What the JSON file holds.
    path : Path
        The file, for messages.

    Returns
    -------
    dict
        The same.

    Raises
    ------
    DataError
        Naming the file and the field.
    """
    if isinstance(about, dict) and about.get("format") != 1:
        raise DataError(
            f"{path}: format is {about.get('format')!r}; this version reads format 1",
            hint="use the version of eeg2fmri that made the model",
        )
    _check_table(about, FIELDS, "", path)
    if "accepts" in about:
        _check_table(about["accepts"], ACCEPTS, "accepts", path)
    if "targets" in about["bold"]:
        _check_table(about["bold"]["targets"], TARGETS, "bold.targets", path)
    if about["architecture"] not in plugins.names("models"):
        raise DataError(
            f"{path}: architecture is {about['architecture']!r}; known are "
            f"{', '.join(plugins.names('models'))}"
        )
    if about["eeg"]["rate_hz"] * about["eeg"]["window_s"] > LONGEST_WINDOW:
        raise DataError(
            f"{path}: a window of {about['eeg']['window_s']:g} s at {about['eeg']['rate_hz']:g} "
            f"Hz; expected at most {LONGEST_WINDOW} samples"
        )
    checked: dict[str, Any] = about
    return checked


def _check_table(
    found: Any, fields: dict[str, tuple[str, Test] | dict[str, Any]], where: str, path: Path
) -> None:
    if not isinstance(found, dict):
        raise DataError(
            f"{path}: {where or 'the file'} is {type(found).__name__}; expected a table"
        )
    for name, expected in fields.items():
        if isinstance(expected, dict):
            _check_table(found.get(name), expected, f"{where}{name}", path)
            continue
        words, test = expected
        if name not in found or not test(found[name]):
            value = repr(found.get(name, "missing"))[:60]
            raise DataError(
                f"{path}: {where}{'.' if where else ''}{name} is {value}; expected {words}"
            )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64  # noqa: PLR2004 (hexadecimal SHA-256)


def _is_shape(value: Any) -> bool:
    whole = isinstance(value, list) and all(isinstance(size, int) for size in value)
    right = len(value) == 3 if whole else False  # noqa: PLR2004 (x, y, z)
    return right and all(0 < size <= LONGEST_LIST for size in value)


def _is_affine(value: Any) -> bool:
    if not (isinstance(value, list) and len(value) == 4):  # noqa: PLR2004 (homogeneous)
        return False
    rows = [row if isinstance(row, list) else [] for row in value]
    return all(len(row) == 4 and all(map(_is_number, row)) for row in rows)  # noqa: PLR2004 (4 x 4)


def _is_channels(value: Any) -> bool:
    named = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return named and 0 < len(value) <= LONGEST_LIST and len(set(value)) == len(value)


FIELDS: dict[str, tuple[str, Test] | dict[str, Any]] = {
    "architecture": ("a text", _is_text),
    "arguments": ("a table", lambda value: isinstance(value, dict)),
    "weights_sha256": ("64 hexadecimal digits", _is_hash),
    "training": ("a table", lambda value: isinstance(value, dict)),
    "eeg": {
        "channels": ("a list of different names", _is_channels),
        "rate_hz": ("a number above 0", _is_positive),
        "window_s": ("a number above 0", _is_positive),
        "reference": ("a text", _is_text),
    },
    "bold": {
        "space": ("a text", _is_text),
        "resolution": ("a text or null", lambda value: value is None or _is_text(value)),
        "tr_s": ("a number above 0", _is_positive),
        "start_time_s": ("a number", _is_number),
        "smoothing_mm": ("a number", _is_number),
        "window_lag_s": ("a number", _is_number),
        "mask_sha256": ("64 hexadecimal digits", _is_hash),
        "grid_shape": ("three whole numbers above 0", _is_shape),
        "grid_affine": ("4 x 4 numbers", _is_affine),
    },
}


def _is_way(name: str) -> Test:
    return lambda value: isinstance(value, str) and value in Accepts.ways[name]


ACCEPTS: dict[str, tuple[str, Test] | dict[str, Any]] = {
    name: (f"one of {', '.join(ways)}", _is_way(name)) for name, ways in Accepts.ways.items()
}
"""What bundles may declare that they take; those of earlier versions declare nothing."""
TARGETS: dict[str, tuple[str, Test] | dict[str, Any]] = {
    "kind": (
        f"one of {', '.join(Targets.KINDS)}",
        lambda value: isinstance(value, str) and value in Targets.KINDS,
    ),
    "count": (
        f"a whole number up to {LONGEST_LIST}",
        lambda value: type(value) is int and 0 <= value <= LONGEST_LIST,
    ),
}
