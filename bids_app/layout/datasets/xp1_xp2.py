"""ds002336 and ds002338 (XP1, XP2), neurofeedback: cleaned EEG in ``derivatives``, cut at the first block's marker.

The scanner started 2 s before the protocol, which begins with a block of rest (marker S 99), followed 20 s later by the
first task block (S 2). In a few recordings the first S 99 is missing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from bids_app.config import RunConfig
from bids_app.layout.datasets.base import Candidate, Dataset, Found
from bids_app.values.entities import BidsFile, Entities
from bids_app.values.pairing import Facts, Unpaired

CLEANED = "cleaned"
NAME = re.compile(r"(?:d_)?sub-(\w+?)_task-([A-Za-z0-9]+)(?:_run-(\d+))?_eeg_pp\.vhdr")
LEAD_S, BLOCK_S = 2.0, 20.0
ANCHORS = (("S 99", LEAD_S), ("S 2", LEAD_S + BLOCK_S))
# 40 s shorter than the others: cut at the second S 99, as the first is missing
CUT_LATE = {("xp203", "MIpre"), ("xp204", "MIpre")}
FACTS = Facts(dataset="XP1/XP2", marker="R128", anchors=ANCHORS, state="gradient and pulse left")


class Xp(Dataset):
    """Takes the cleaned recordings, and tells where they start."""

    variants = (CLEANED, "raw")

    def applies(self, bids_dir: Path) -> bool:
        """Look for participants named xp1.. or xp2.., and for their cleaned EEG."""
        people = bids_dir.glob("sub-xp[12][0-9][0-9]")
        return any((bids_dir / "derivatives" / one.name / "eeg_pp").is_dir() for one in people)

    def facts(self, file: BidsFile) -> Facts:
        """Tell the protocol's markers of raw recordings."""
        return FACTS

    def elsewhere(self, config: RunConfig, label: str) -> Found:
        """Find the cleaned recordings of a participant."""
        found = Found()
        folder = config.bids_dir / "derivatives" / f"sub-{label}" / "eeg_pp"
        for path in sorted(folder.glob("*.vhdr")):
            if path.name.startswith("."):
                continue
            known = NAME.fullmatch(path.name)
            if known is None or known[1] != label:
                told = f"its name does not say task and run; expected d_sub-{label}_task-…_eeg_pp.vhdr"
                found.unpaired.append(Unpaired(path, told))
                continue
            labels = {"sub": label, "task": known[2]} | ({"run": known[3]} if known[3] else {})
            file = BidsFile(path, Entities.of(labels), "eeg", ".vhdr")
            found.candidates.append(
                Candidate(
                    file, _cleaned(label, known[2]), CLEANED, "XP1/XP2: cleaned EEG in eeg_pp"
                )
            )
        return found


def _cleaned(label: str, task: str) -> Facts:
    facts = replace(FACTS, state="gradient and pulse removed")
    if (label, task) not in CUT_LATE:
        return facts
    start_s = -(LEAD_S + 2 * BLOCK_S)
    told = f"this recording was cut at its second rest block, {-start_s:g} s after volume 0"
    return replace(facts, start_s=start_s, anchors=(), notes=(told,))


DATASET = Xp()
