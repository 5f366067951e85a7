"""Files are written whole: under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bids_app.errors import CannotCreateError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary path; rename it to ``path`` when the block ends well, remove it otherwise.

    The temporary name keeps the suffixes, as some writers choose the format by them.

    Raises
    ------
    CannotCreateError
        When the folder cannot be made or the file cannot be written.
    """
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        raise CannotCreateError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="check free space and permissions of the output and work folders",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder; it takes the place of ``path`` when the block ends well.

    Raises
    ------
    CannotCreateError
        When the folder cannot be written.
    """
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    old = path.with_name(f".old-{os.getpid()}-{path.name}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if path.exists():
            path.replace(old)
        try:
            partial.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
    except OSError as error:
        raise CannotCreateError(
            f"{path}: cannot be written: {error.strerror or error}",
            hint="check free space and permissions of the output and work folders",
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path, text: str) -> Path:
    """Write a text file, UTF-8."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def check_folder(folder: Path) -> None:
    """Make a folder, and see that it can be written to.

    Raises
    ------
    CannotCreateError
        When it cannot.
    """
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotCreateError(
            f"{folder}: cannot be written: {error.strerror}",
            hint="is it mounted writable, and owned by the user of the container (-u $(id -u))?",
        ) from error
