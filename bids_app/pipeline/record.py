"""What happened, for the report."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bids_app import __version__, crash
from bids_app.config import RunConfig
from bids_app.derivatives.provenance import plain
from bids_app.errors import AppError, DeviceError, TemporaryError
from bids_app.files.sidecar import write_json
from bids_app.pipeline.failure import Failure
from bids_app.pipeline.verdict import sentence
from bids_app.values.outcome import Score

log = logging.getLogger(__name__)

BROKEN = {
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.ESTALE,
    errno.EACCES,
    errno.EPERM,
}
BROKEN_HINT = "check free space, permissions and the file system, and start again"


@dataclass(slots=True)
class Record:
    """Collects what happened to one participant, or at the group level.

    Attributes
    ----------
    config : RunConfig
        The call.
    name : str
        ``sub-<label>`` or ``group``.
    content : dict
        As the report reads it.
    failures : list of Failure
        What could not be done.
    n_done : int
        Runs or models that came out.
    """

    config: RunConfig
    name: str
    content: dict[str, Any] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    n_done: int = 0

    def __post_init__(self) -> None:
        """Begin with the call itself."""
        self.content |= {
            "version": __version__,
            "command": self.config.command,
            "started": now(),
            "settings": plain(self.config),
            "notes": [],
            "scores": [],
            "errors": [],
        }

    def note(self, text: str) -> None:
        """Keep a sentence for the report."""
        if text not in self.content["notes"]:
            self.content["notes"].append(text)

    def append(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """Add a row to a table of the record, and give it back for more to be added."""
        self.content.setdefault(table, []).append(row)
        return row

    def scores(self, scores: list[Score]) -> None:
        """Add scores."""
        self.content["scores"] += [asdict(score) for score in scores]

    def fail(self, failure: Failure) -> None:
        """Keep a failure, and say it."""
        log.error("%s: %s", failure.what, failure.why)
        self.failures.append(failure)
        self.content["errors"].append(asdict(failure))

    def fail_run(self, run: str, error: AppError) -> None:
        """Keep the failure of one run, also in its row of the pairing table."""
        self.fail(Failure(run, str(error), error.hint, error.exit_code))
        for row in self.content.get("pairings", []):
            if row["run"] == run:
                self.n_done -= row["status"] != "failed"
                row |= {"status": "failed", "reason": str(error)}

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Keep a failure inside the block from costing what comes after it.

        A bug is kept too, with its traceback in a crash file, unless the user asked to stop at the first crash.
        """
        try:
            yield
        except AppError as error:
            self.fail(Failure(what, str(error), error.hint, error.exit_code))
        except MemoryError as error:
            hint = "run this participant where there is more memory, or with fewer at a time"
            self.fail(Failure(what, f"memory ran out: {error}", hint, TemporaryError.exit_code))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in BROKEN:
                self.fail(Failure(what, str(error), BROKEN_HINT, DeviceError.exit_code))
                return
            if self.config.stop_on_first_crash:
                raise
            self.fail(self._crash(what, error))

    def _crash(self, what: str, error: Exception) -> Failure:
        told = f"{type(error).__name__}: {error}"
        try:
            path = crash.write(self.folder, what, self.config.command, error)
        except OSError as full:
            log.debug("no crash file: %s", full, exc_info=error)
            return Failure(what, told, "this is a bug: please report it; -vv shows more")
        where = path.relative_to(self.config.output_dir)
        return Failure(what, told, f"this is a bug: please report it with {where}")

    @property
    def folder(self) -> Path:
        """Where the record and crash files lie."""
        top = self.config.output_dir
        return top / "log" if self.name == "group" else top / self.name / "log"

    def save(self) -> Path:
        """Write the record, with its verdict."""
        self.content["verdict"] = sentence(self.content.get("tests", []))
        file = "group.json" if self.name == "group" else "record.json"
        if self.config.fold is not None and self.name == "group":
            # Several calls of this kind run at one time, and none has anything for the report.
            file = f"group_fold-{self.config.fold}.json"
        return write_json(self.folder / file, plain(self.content | {"finished": now()}))


def now() -> str:
    """Date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
