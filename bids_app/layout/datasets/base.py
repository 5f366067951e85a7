"""What a dataset's file may change: who takes part, which EEG there is, and what is known of it.

A file in this folder holds one object ``DATASET`` of a class that inherits from :class:`Dataset`. ``applies`` is asked
of every dataset that the app is given, so that it must look at little and be sure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.labels import LABEL
from bids_app.values.entities import BidsFile
from bids_app.values.pairing import Facts, Unpaired

RAW = "raw"
DEEPEST = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """An EEG recording that could belong to a run.

    Attributes
    ----------
    file : BidsFile
        With the labels of its run, whatever its name is.
    facts : Facts
        What is known of it.
    variant : str
        Which form of the recording it is.
    rule : str
        How its labels were found, when not by its name.
    """

    file: BidsFile
    facts: Facts = field(default_factory=Facts)
    variant: str = RAW
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """EEG that lies elsewhere than BIDS has it.

    Attributes
    ----------
    candidates : list of Candidate
        Recordings.
    unpaired : list of Unpaired
        Files that are none, and why.
    notes : list of str
        What the participant's report must say.
    """

    candidates: list[Candidate] = field(default_factory=list)
    unpaired: list[Unpaired] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Dataset:
    """A dataset that follows BIDS.

    Attributes
    ----------
    variants : tuple of str
        Forms of a recording, the one to take first.
    """

    variants: tuple[str, ...] = (RAW,)

    def applies(self, bids_dir: Path) -> bool:
        """Tell whether a folder holds this dataset."""
        return bids_dir.is_dir()

    def description(self, bids_dir: Path) -> dict[str, Any] | None:
        """Give what stands for ``dataset_description.json`` when the published form has none."""
        return None

    def labels(self, bids_dir: Path) -> tuple[str, ...]:
        """Labels of the participants, without ``sub-``, sorted."""
        found = (
            path.name.removeprefix("sub-") for path in bids_dir.glob("sub-*") if path.is_dir()
        )
        return tuple(sorted(label for label in found if LABEL.fullmatch(label)))

    def images(self, config: RunConfig, label: str) -> dict[str, list[BidsFile]]:
        """BOLD and T1w that lie elsewhere than BIDS has them, by query: ``bold``, ``t1w``."""
        return {}

    def facts(self, file: BidsFile) -> Facts:
        """What is known of a recording that lies where BIDS has it."""
        return Facts()

    def elsewhere(self, config: RunConfig, label: str) -> Found:
        """Find a participant's recordings that lie elsewhere."""
        return Found()


def below(root: Path, pattern: str) -> Iterator[Path]:
    """Files that match a pattern in a folder or in folders of it, sorted, nearest first."""
    for depth in range(DEEPEST + 1):
        yield from sorted(root.glob("*/" * depth + pattern))
