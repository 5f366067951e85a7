"""NODDI (osf.io/94c5t), EEG and fMRI at rest: as published, and in the form of the BIDS examples.

Volumes are marked in the cleaned recordings alone; the raw ones hold the amplifier's clock marks only. The cleaned ones
start long before the scan in some participants (Deligianni et al. 2014, Frontiers in Neuroscience 8).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.layout.datasets.base import Candidate, Dataset, Found, below
from bids_app.values.entities import BidsFile, Entities
from bids_app.values.pairing import Facts, Unpaired

CLEANED = "cleaned"
TASK = "rest"
FMRI = "fMRI"
BOLD = re.compile(r".*_cross\.nii(\.gz)?")
T1W = re.compile(r".*(t1|mprage|struct|anat).*\.nii(\.gz)?", re.IGNORECASE)
RAW_FACTS = Facts(dataset="NODDI", state="gradient and pulse left")
CLEANED_FACTS = Facts(dataset="NODDI", marker="Scan Start", state="gradient and pulse removed")


class Noddi(Dataset):
    """Takes the cleaned recordings, which alone mark the volumes."""

    variants = (CLEANED, "raw")

    def applies(self, bids_dir: Path) -> bool:
        """Look for the name of the BIDS form, or for the folders of the published one."""
        description = bids_dir / "dataset_description.json"
        if description.is_file():
            return "NODDI" in description.read_text(encoding="utf-8", errors="replace")
        return _is_published(bids_dir)

    def description(self, bids_dir: Path) -> dict[str, Any] | None:
        """Describe the published form, which does not describe itself."""
        if not _is_published(bids_dir):
            return None
        return {"Name": "EEG, fMRI and NODDI at rest", "License": "CC BY 4.0"}

    def labels(self, bids_dir: Path) -> tuple[str, ...]:
        """Labels of the participants: bare numbers in the published form."""
        if not _is_published(bids_dir):
            return super().labels(bids_dir)
        return tuple(
            sorted(path.name for path in (bids_dir / FMRI).glob("[0-9]*") if path.is_dir())
        )

    def images(self, config: RunConfig, label: str) -> dict[str, list[BidsFile]]:
        """BOLD and T1w of the published form."""
        found: dict[str, list[BidsFile]] = {"bold": [], "t1w": []}
        for path in sorted((config.bids_dir / FMRI / label).glob("[!.]*.nii*")):
            if BOLD.fullmatch(path.name):
                found["bold"].append(
                    BidsFile(path, _entities(label), "bold", "".join(path.suffixes))
                )
            elif T1W.fullmatch(path.name):
                entities = Entities.of({"sub": label})
                found["t1w"].append(BidsFile(path, entities, "T1w", "".join(path.suffixes)))
        return found

    def facts(self, file: BidsFile) -> Facts:
        """Tell the state of raw recordings."""
        return RAW_FACTS

    def elsewhere(self, config: RunConfig, label: str) -> Found:
        """Find the recordings in ``derivatives``, or in the published folders."""
        found = Found()
        cleaned = config.bids_dir / "derivatives" / f"sub-{label}" / "eeg"
        _take(sorted(cleaned.glob("[!.]*.vhdr")), label, CLEANED, found)
        root = config.eeg_dir or config.bids_dir
        if config.eeg_dir or _is_published(config.bids_dir):
            for folder, variant in (("export", CLEANED), ("raw", "raw")):
                _take([*below(root, f"{label}/{folder}/[!.]*.vhdr")], label, variant, found)
        return found


def _is_published(bids_dir: Path) -> bool:
    return any((bids_dir / FMRI).glob("[0-9]*/*_cross.nii*"))


def _entities(label: str) -> Entities:
    return Entities.of({"sub": label, "task": TASK})


def _take(paths: list[Path], label: str, variant: str, found: Found) -> None:
    """Add the recording of one folder; several are refused, as nothing tells which one it is."""
    facts = CLEANED_FACTS if variant == CLEANED else RAW_FACTS
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        found.unpaired.extend(
            Unpaired(path, f"one {variant} recording was expected, found {names}")
            for path in paths
        )
        return
    for path in paths:
        file = BidsFile(path, _entities(label), "eeg", ".vhdr")
        rule = f"NODDI: {variant} EEG in {path.parent.parent.name}/{path.parent.name}"
        found.candidates.append(Candidate(file, facts, variant, rule))


DATASET = Noddi()
