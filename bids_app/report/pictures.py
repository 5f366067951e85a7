"""Figures, carried inside the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from bids_app.report.record import Table, rows, text

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}
LARGEST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of a page.

    Attributes
    ----------
    title, caption, alt : str
        As the record has them.
    source, second : str
        Data URIs: of the figure, empty when there is a problem, and of the one that it takes turns with, if any.
    width, height : int
        In pixels.
    problem : str
        Why the figure cannot be shown.
    """

    title: str
    caption: str
    alt: str
    source: str = ""
    second: str = ""
    width: int = 0
    height: int = 0
    problem: str = ""


def of(output_dir: Path, table: Table) -> list[Picture]:
    """Read the figures that a record lists under ``figures``."""
    return [_picture(output_dir, row) for row in rows(table, "figures")]


def _picture(output_dir: Path, row: Table) -> Picture:
    title = text(row, "title", "Figure")
    caption, alt = text(row, "caption", ""), text(row, "alt", title)
    found = []
    for name in [text(row, "path", ""), *([text(row, "second", "")] if "second" in row else [])]:
        try:
            found.append(_carried(output_dir, name))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return Picture(title, caption, alt, problem=f"{name or 'no path'}: {reason}")
    source, size = found[0]
    return Picture(title, caption, alt, source, found[1][0] if len(found) > 1 else "", *size)


def _carried(output_dir: Path, name: str) -> tuple[str, tuple[int, int]]:
    """Data URI of a figure, and its width and height in pixels."""
    path = (output_dir / name).resolve()
    if not path.is_relative_to(output_dir.resolve()):
        raise ValueError("lies outside the output folder")
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"has {path.stat().st_size} bytes; expected at most {LARGEST_BYTES}")
    content = path.read_bytes()
    try:
        with Image.open(BytesIO(content), formats=list(KINDS)) as picture:
            kind, size = KINDS[str(picture.format)], picture.size
    except (UnidentifiedImageError, SyntaxError) as error:
        raise ValueError("is neither a PNG nor a JPEG") from error
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}", size
