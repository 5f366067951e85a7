"""Which stage is done: its inputs, settings and version, and the files that it wrote, by content.

A stage's record lies in the work folder. It is done when the record's key is the one of now and each file that it
wrote is still there with the same content: a truncated, missing or stale file is made again, a finished one is not.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app import __version__
from bids_app.errors import AppError, MissingInputError
from bids_app.files.sidecar import read_json, write_json

BLOCK_BYTES = 2**20


def sha256(path: Path) -> str:
    """Hash of a file's content.

    Raises
    ------
    MissingInputError
        When it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as opened:
            while block := opened.read(BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise MissingInputError(
            f"{path}: cannot be read: {error.strerror}",
            hint="is the dataset complete, and mounted? A link may lead nowhere",
        ) from error
    return digest.hexdigest()


def key(stage: str, inputs: Iterable[Path], settings: Any) -> str:
    """Hash of all that decides a stage's result.

    Parameters
    ----------
    stage : str
        Its name.
    inputs : iterable of Path
        Files that it reads; those that a header points to must be named too.
    settings : Any
        Dataclasses and plain values.
    """
    files = [(path.name, sha256(path)) for path in sorted(inputs)]
    told = json.dumps([stage, __version__, files, plain(settings)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def plain(value: Any) -> Any:
    """Turn settings and figures into what JSON can hold: what is not finite becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


@dataclass(frozen=True, slots=True)
class Done:
    """What a finished stage left.

    Attributes
    ----------
    files : list of Path
        What it wrote.
    told : dict
        What the report must say of it.
    """

    files: list[Path]
    told: dict[str, Any]


class Stage:
    """One stage's record.

    Parameters
    ----------
    work_dir : Path
        Where records lie.
    output_dir : Path
        Where the stage writes; its files are recorded relative to it, so that a work folder may serve another one.
    name : str
        Name of the stage, with that of its run or participant.
    key : str
        See :func:`key`.
    """

    def __init__(self, work_dir: Path, output_dir: Path, name: str, key: str) -> None:
        self.path = work_dir / "stages" / f"{name}.json"
        self.root = output_dir
        self.key = key

    def done(self) -> Done | None:
        """Give what the stage left when all is as the record says; None when there is work to do."""
        try:
            found = read_json(self.path)
            files = {self.root / name: content for name, content in found["files"].items()}
            same = found["key"] == self.key and all(
                sha256(path) == content for path, content in files.items()
            )
            return Done(list(files), dict(found["told"])) if same else None
        except (AppError, OSError, KeyError, ValueError, TypeError, AttributeError):
            return None

    def record(self, files: Iterable[Path], told: dict[str, Any]) -> Done:
        """Note that the stage is done.

        Parameters
        ----------
        files : iterable of Path
            What it wrote, below the output folder.
        told : dict
            What the report must say of it; plain values only.
        """
        paths = list(files)
        written = {path.relative_to(self.root).as_posix(): sha256(path) for path in paths}
        kept = plain(told)
        write_json(self.path, {"key": self.key, "files": written, "told": kept})
        return Done(paths, kept)
