"""ds002725, affective music: volumes are marked by 10; 47 is a relay of it that runs before the scan too."""

from __future__ import annotations

from pathlib import Path

from bids_app.layout.datasets.base import Dataset
from bids_app.values.entities import BidsFile
from bids_app.values.pairing import Facts

TASKS = ("classicalMusic", "genMusic01", "washout")
FACTS = Facts(
    dataset="ds002725",
    marker="10",
    state="gradient removed",
    notes=("ds002725: events.tsv of func/ is in the time of the EEG, not of the BOLD",),
)


class Ds002725(Dataset):
    """Names the volume marker."""

    def applies(self, bids_dir: Path) -> bool:
        """Look for the first recording of each of three tasks."""
        first = next((path for path in sorted(bids_dir.glob("sub-*")) if path.is_dir()), None)
        return first is not None and all(
            any(first.glob(f"eeg/{first.name}_task-{task}_eeg.edf")) for task in TASKS
        )

    def facts(self, file: BidsFile) -> Facts:
        """Give the same for all recordings."""
        return FACTS


DATASET = Ds002725()
