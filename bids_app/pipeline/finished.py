"""Which participants are done: told by names, sizes and times of files, so that a call with nothing to do ends at once.

A participant is done when the call asks for the same as before, each file that it could have read has the size and the
time that it had then, and each file that it left is there with its size and time. Whatever differs is looked at by
content, stage by stage (:mod:`bids_app.derivatives.provenance`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from bids_app import __version__
from bids_app.config import RunConfig
from bids_app.derivatives.provenance import plain
from bids_app.errors import AppError
from bids_app.files.sidecar import read_json, write_json

log = logging.getLogger(__name__)

# What is asked for that changes no output.
FREE = (
    "command",
    "dry_run",
    "mem_mb",
    "n_procs",
    "omp_nthreads",
    "overwrite",
    "participant_labels",
    "reports_only",
    "stop_on_first_crash",
)
Stamps = dict[str, list[int]]


class Finished:
    """Participants that an earlier call finished.

    Parameters
    ----------
    config : RunConfig
        The call. With ``overwrite`` nobody is finished.
    """

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self._inputs: dict[str, str] = {}

    def n_done(self, label: str) -> int | None:
        """Runs of a participant that was finished; None when there is something to do.

        Parameters
        ----------
        label : str
            Without ``sub-``.
        """
        self._inputs[label] = self._input(label)
        if self.config.overwrite:
            return None
        try:
            found = read_json(self._path(label))
            left = {name: _stamp(self.config.output_dir / name) for name in found["output"]}
            if found["input"] != self._inputs[label] or left != found["output"]:
                return None
            n_runs = int(found["n_done"])
        except (AppError, OSError, KeyError, TypeError, ValueError):
            return None
        log.info("sub-%s: done before, and nothing has changed", label)
        return n_runs

    def keep(self, label: str, n_runs: int) -> None:
        """Note that a participant came out without a failure.

        Parameters
        ----------
        label : str
            One that :meth:`n_done` was asked for: what counts is the input as it was before the work.
        n_runs : int
            Runs that came out.
        """
        top = self.config.output_dir
        left = [*_below(top / f"sub-{label}"), top / f"sub-{label}.html"]
        # The group level writes the scans table later.
        own = (path for path in left if path.name.split(".")[0] != f"sub-{label}_scans")
        output = _stamps(top, own)
        write_json(
            self._path(label),
            {"input": self._inputs[label], "n_done": n_runs, "output": output},
        )

    def _path(self, label: str) -> Path:
        return self.config.work_dir / "finished" / f"sub-{label}.json"

    def _input(self, label: str) -> str:
        """Hash of what is asked for, and of names, sizes and times of all that may be read."""
        asked = {key: value for key, value in plain(self.config).items() if key not in FREE}
        bids_dir = self.config.bids_dir
        own = _stamps(bids_dir, _below(bids_dir / f"sub-{label}"))
        for name, root in sorted(self.config.derivatives.items()):
            tops = (root, root / "fmriprep")
            files = [path for top in tops for path in _below(top / f"sub-{label}")]
            own |= {f"{name}:{path}": stamp for path, stamp in _stamps(root, files).items()}
        told = json.dumps([__version__, asked, own, self._shared], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    @cached_property
    def _shared(self) -> Stamps:
        """Files that may be read for any participant: those beside the participants, the model, EEG elsewhere."""
        bids_dir = self.config.bids_dir
        apart = {self.config.output_dir, self.config.work_dir, bids_dir / "derivatives"}
        found = []
        for path in sorted(bids_dir.iterdir()):
            if path.is_dir() and not path.name.startswith(("sub-", ".")) and path not in apart:
                found += list(_below(path))
            elif path.is_file():
                found.append(path)
        stamps = _stamps(bids_dir, found)
        for folder in (self.config.model, self.config.eeg_dir):
            if folder is not None:
                stamps |= {
                    f"{folder}:{name}": one
                    for name, one in _stamps(folder, _below(folder)).items()
                }
        return stamps | {"slices": _stamp(Path(self.config.slice_order or "none"))}


def _below(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(top, name) for name in names)


def _stamps(root: Path, files: Iterable[Path]) -> Stamps:
    return {path.relative_to(root).as_posix(): _stamp(path) for path in files}


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:  # a link to a file that was not fetched
        return [-1, -1]
    return [found.st_size, found.st_mtime_ns]
