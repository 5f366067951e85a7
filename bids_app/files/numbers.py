"""Text files that hold nothing but numbers."""

from __future__ import annotations

from pathlib import Path

from bids_app.errors import DataError, MissingInputError


def read_numbers(path: Path) -> list[float]:
    """Read numbers that are separated by blanks, commas or line ends.

    Raises
    ------
    MissingInputError
        When the file cannot be read.
    DataError
        When it holds something else.
    """
    try:
        words = path.read_text(encoding="utf-8-sig").replace(",", " ").split()
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not text; expected numbers") from error
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise DataError(f"{path}: {error}; expected numbers only") from error
