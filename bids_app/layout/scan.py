"""The files of one participant, as far as filters in the words of pybids let them through."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.errors import InvalidDatasetError
from bids_app.files import eeg
from bids_app.values.entities import BidsFile, Entities, bids_file
from bids_app.values.pairing import Unpaired

REJECTED = {"rejected", "excluded", "bad"}
FOLDERS = re.compile(r"ses-[0-9a-zA-Z+]+|anat|func|eeg", re.IGNORECASE)
LABELLED = re.compile(r"(?:^|_)(sub|ses|task|run)-([0-9a-zA-Z+]+)")

QUERIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "bold": ("bold", (".nii", ".nii.gz")),
    "eeg": ("eeg", eeg.SUFFIXES),
    "t1w": ("T1w", (".nii", ".nii.gz")),
}
MAPS = ("T1map", "UNIT1", "MP2RAGE", "inplaneT1")
"""Anatomy with grey values unlike those of a T1w image."""

# Runners write one filter file for every app they start; these names mean something to others.
QUERIES_OF_OTHERS = {"fmap", "sbref", "flair", "t2w", "roi"}


def scan(
    config: RunConfig, label: str, root: Path | None = None
) -> tuple[dict[str, list[BidsFile]], list[Unpaired]]:
    """List a participant's BOLD, EEG and T1w files that the filters let through.

    Only this participant's folder is listed, and nothing is written.

    Parameters
    ----------
    config : RunConfig
        Filters, and the dataset.
    label : str
        Participant, without ``sub-``.
    root : Path, optional
        Another BIDS tree than the dataset's own.

    Returns
    -------
    files : dict of str to list of BidsFile
        By query: ``bold``, ``eeg``, ``t1w``; sorted by path.
    unpaired : list of Unpaired
        Files whose names are not BIDS, or name someone else; where there is no T1w image, anatomy that is none.

    Raises
    ------
    InvalidDatasetError
        When a folder cannot be listed.
    """
    found: dict[str, list[BidsFile]] = {name: [] for name in QUERIES}
    unpaired = []
    root = root or config.bids_dir
    files = _files(root, label)
    for path in files:
        query = _query(path)
        if query is None:
            continue
        aside = REJECTED.intersection(part.casefold() for part in path.relative_to(root).parts)
        if aside:
            unpaired.append(Unpaired(path, f"lies in a folder {min(aside)!r}"))
            continue
        try:
            file = bids_file(path) if _is_named(path, query) else _loosely_named(path)
        except ValueError as error:
            unpaired.append(Unpaired(path, str(error)))
            continue
        if file.entities.get("sub") != label:
            unpaired.append(Unpaired(path, f"lies in sub-{label}, but its name does not say so"))
            continue
        if passes(file, query, config):
            found[query].append(file)
    if not found["t1w"]:
        maps = (path for path in files if _suffix(path) in MAPS and ".nii" in path.name)
        unpaired += [Unpaired(path, "is not a T1w image, and there is none") for path in maps]
    return found, unpaired


def _files(root: Path, label: str) -> list[Path]:
    """List a participant's files, hidden ones left out, without a look at anybody else's."""

    def refuse(error: OSError) -> None:
        raise InvalidDatasetError(
            f"{error.filename}: cannot be listed: {error.strerror}",
            hint="check the permissions of the dataset",
        ) from error

    if not (root / f"sub-{label}").is_dir():
        return []
    found, seen = [], set()
    # Folders that are links are followed, each once, as links may lead in circles.
    for folder, below, names in os.walk(root / f"sub-{label}", onerror=refuse, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".")]
        if os.path.realpath(folder) in seen:
            below.clear()
            continue
        seen.add(os.path.realpath(folder))
        for path in (Path(folder, name) for name in names if FOLDERS.fullmatch(name)):
            if path.is_symlink() and not path.exists():
                refuse(OSError(errno.ENOENT, "a link that leads nowhere", str(path)))
        # A folder that has the name of a file is found too, for its reader to refuse.
        found += [
            Path(folder, name)
            for name in [*names, *below]
            if not name.startswith(".") and (name in names or _query(Path(folder, name)))
        ]
    return sorted(found)


def _query(path: Path) -> str | None:
    extension = "." + path.name.partition(".")[2].lower()
    for query, (suffix, extensions) in QUERIES.items():
        if _suffix(path) == suffix and extension in extensions:
            return query
    is_eeg = path.parent.name.casefold() == "eeg" and path.suffix.lower() in eeg.SUFFIXES
    return "eeg" if is_eeg else None


def _suffix(path: Path) -> str:
    return path.name.partition(".")[0].rsplit("_", 1)[-1]


def _is_named(path: Path, query: str) -> bool:
    return path.name.partition(".")[0].endswith(f"_{QUERIES[query][0]}")


def _loosely_named(path: Path) -> BidsFile:
    """Take the labels that stand anywhere in a name, such as ``EEG_data_sub-02_run-01.mat``."""
    labels = dict(LABELLED.findall(path.stem))
    if "sub" not in labels or not labels.keys() & {"task", "run"}:
        raise ValueError(
            f"{path.name}: its name does not say participant and task or run; expected "
            f"sub-<label>_task-<label>_eeg{path.suffix}"
        )
    return BidsFile(path, Entities.of(labels), "eeg", path.suffix)


def passes(file: BidsFile, query: str, config: RunConfig) -> bool:
    """Tell whether the user's filters let a file through.

    Filters name entities as pybids does (``session``, not ``ses``), since one filter file serves all BIDS apps.
    """
    wanted: dict[str, Any] = {}
    if config.session_labels:
        wanted["session"] = list(config.session_labels)
    if query != "t1w":
        if config.task_ids:
            wanted["task"] = list(config.task_ids)
        if config.runs:
            wanted["run"] = list(config.runs)
    elif file.entities.get("ses") is None:
        wanted.pop("session", None)
    wanted |= config.filters.get(query, {})
    told = _told(file) if wanted else {}
    return all(_fits(told.get(name), value, name) for name, value in wanted.items())


def _told(file: BidsFile) -> dict[str, str]:
    from bids.layout import parse_file_entities  # noqa: PLC0415 (slow to load, and filters alone need it)

    # Entities as pybids names them; it looks for them in the whole path, so only folder and name are shown to it.
    path = f"/{file.path.parent.name}/{file.path.name}"
    found = {name: str(label) for name, label in parse_file_entities(path).items()}
    labels = dict(file.entities.labels)
    return {**file.extra, **labels, **found, "suffix": file.suffix, "extension": file.extension}


def _fits(label: str | None, wanted: Any, name: str) -> bool:
    if wanted is None:
        return label is None
    if wanted == "*":
        return label is not None
    choices = wanted if isinstance(wanted, list) else [wanted]
    if label is not None and name in {"run", "echo"} and label.isdecimal():
        return any(str(choice).isdecimal() and int(choice) == int(label) for choice in choices)
    return label in [str(choice) for choice in choices]
