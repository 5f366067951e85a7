"""BIDS labels as strings, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bids_app.labels import LABEL

ORDER = ("sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo")


@dataclass(frozen=True, slots=True)
class Entities:
    """The labels that say which recording a file belongs to, as written in its name.

    Attributes
    ----------
    labels : tuple of (str, str)
        Entity and label, in the order of the BIDS specification.
    """

    labels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, labels: dict[str, str]) -> Entities:
        """Order the labels as BIDS does; entities that name no recording (desc, space, …) are dropped."""
        return cls(tuple((name, labels[name]) for name in ORDER if name in labels))

    def get(self, name: str) -> str | None:
        """Label of one entity, or None."""
        return dict(self.labels).get(name)

    @property
    def participant(self) -> str:
        """Participant label, without ``sub-``."""
        return dict(self.labels)["sub"]

    @property
    def stem(self) -> str:
        """Start of a file name, such as ``sub-01_task-rest_run-1``."""
        return "_".join(f"{name}-{label}" for name, label in self.labels)

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Labels to compare by: run and echo as numbers, so that ``run-01`` equals ``run-1``."""
        return tuple(
            (name, str(int(label)) if name in {"run", "echo"} and label.isdigit() else label)
            for name, label in self.labels
        )

    def without(self, *names: str) -> Entities:
        """Leave out some entities."""
        return replace(self, labels=tuple(pair for pair in self.labels if pair[0] not in names))


@dataclass(frozen=True, slots=True)
class BidsFile:
    """One file of a dataset and what its name says."""

    path: Path
    entities: Entities
    suffix: str
    extension: str
    extra: dict[str, str] = field(default_factory=dict, hash=False)


def parse_name(file_name: str) -> dict[str, str]:
    """Split a BIDS name into its entities, suffix and extension.

    Raises
    ------
    ValueError
        When a part of the name is not ``key-label``.

    Examples
    --------
    >>> parse_name("sub-xp101_task-eegNF_bold.nii.gz")["suffix"]
    'bold'
    >>> parse_name("sub-02_ses-001_task-main_run-001_eeg.vhdr")["run"]
    '001'
    """
    stem, _, extension = file_name.partition(".")
    *parts, suffix = stem.split("_")
    for part in parts:
        name, dash, label = part.partition("-")
        if not (name and dash and LABEL.fullmatch(label)):
            raise ValueError(f"{file_name}: {part!r} is not an entity; expected key-label")
    found = dict(part.split("-", 1) for part in parts)
    return found | {"suffix": suffix, "extension": f".{extension}"}


def bids_file(path: Path) -> BidsFile:
    """Read what a file's name says.

    Raises
    ------
    ValueError
        When the name does not follow BIDS.
    """
    found = parse_name(path.name)
    suffix, extension = found.pop("suffix"), found.pop("extension")
    entities = Entities.of(found)
    return BidsFile(
        path, entities, suffix, extension, {k: v for k, v in found.items() if k not in ORDER}
    )
