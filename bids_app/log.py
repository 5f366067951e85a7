"""Logging, set up once."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

FORMAT = "%(asctime)s %(name)s %(levelname)s: %(message)s"
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def setup(verbosity: int = 1) -> None:
    """Send the app's messages to standard error.

    Parameters
    ----------
    verbosity : int, default=1
        0 for warnings, 1 for one line per run and stage, 2 for everything.
    """
    app = logging.getLogger("bids_app")
    app.setLevel(logging.DEBUG)
    app.propagate = False
    for handler in list(app.handlers):
        app.removeHandler(handler)
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(LEVELS[min(max(verbosity, 0), len(LEVELS) - 1)])
    screen.setFormatter(logging.Formatter(FORMAT, datefmt="%H:%M:%S"))
    app.addHandler(screen)


@contextmanager
def also_in(folder: Path) -> Iterator[Path]:
    """Also write the app's messages to a file of their own in a folder, for the length of the block.

    The file is named by date, time and process, so that jobs do not write into each other's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{os.getpid()}.log"
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    app = logging.getLogger("bids_app")
    app.addHandler(handler)
    try:
        yield path
    finally:
        app.removeHandler(handler)
        handler.close()


def verbosity() -> int:
    """Verbosity that :func:`setup` was given last; 0 before that."""
    handlers = [
        item
        for item in logging.getLogger("bids_app").handlers
        if type(item) is logging.StreamHandler
    ]
    return LEVELS.index(handlers[0].level) if handlers else 0
