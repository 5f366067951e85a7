"""Logging, set up once."""

from __future__ import annotations

import logging
import sys
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


def to_file(path: Path) -> logging.FileHandler:
    """Also write the app's messages to a file, until the handler is closed with :func:`close`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    logging.getLogger("bids_app").addHandler(handler)
    return handler


def close(handler: logging.FileHandler) -> None:
    """Stop writing to a log file."""
    logging.getLogger("bids_app").removeHandler(handler)
    handler.close()


def verbosity() -> int:
    """Verbosity that :func:`setup` was given last; 0 before that."""
    handlers = [
        item
        for item in logging.getLogger("bids_app").handlers
        if type(item) is logging.StreamHandler
    ]
    return LEVELS.index(handlers[0].level) if handlers else 0
