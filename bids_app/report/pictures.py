"""Figures, carried inside the page."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from bids_app.report.record import Table, rows, text

SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
    contents = []
    for name in [text(row, "path", ""), *([text(row, "second", "")] if "second" in row else [])]:
        try:
            contents.append(_content(output_dir, name))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return Picture(title, caption, alt, problem=f"{name or 'no path'}: {reason}")
    width, height = struct.unpack(">II", contents[0][16:24])
    sources = [
        f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
        for content in contents
    ]
    second = sources[1] if len(sources) > 1 else ""
    return Picture(title, caption, alt, sources[0], second, width, height)


def _content(output_dir: Path, name: str) -> bytes:
    path = (output_dir / name).resolve()
    if not path.is_relative_to(output_dir.resolve()):
        raise ValueError("lies outside the output folder")
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"has {path.stat().st_size} bytes; expected at most {LARGEST_BYTES}")
    content = path.read_bytes()
    if not content.startswith(SIGNATURE) or len(content) < 24:  # noqa: PLR2004 (size stands in bytes 16 to 24)
        raise ValueError("is not a PNG")
    return content
