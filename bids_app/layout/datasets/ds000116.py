"""ds000116, auditory and visual oddball: the BIDS tree holds no EEG, the older openFMRI tree does.

The EEG started with the scanner's first volume and ran on its clock, and holds no volume markers. Channels, bipolar
pairs and excluded pairs are those of the dataset's README and of the mapping that was published with it (Walz et al.
2013, The Journal of Neuroscience 33).
"""

from __future__ import annotations

import re
from pathlib import Path

from bids_app.config import RunConfig
from bids_app.errors import MissingInputError
from bids_app.layout.datasets.base import Candidate, Dataset, Found, below
from bids_app.values.entities import BidsFile, Entities
from bids_app.values.pairing import Facts, Unpaired

NAME = "ds000116"
TASKS = {
    "001": "auditoryoddballwithbuttonresponsetotargetstimuli",
    "002": "visualoddballwithbuttonresponsetotargetstimuli",
}
FOLDER = re.compile(r"task(\d{3})_run(\d{3})")
FILES = {"rereferenced": "EEG_rereferenced.mat", "noGA": "EEG_noGA.mat", "raw": "EEG_raw.mat"}
STATES = {
    "rereferenced": "gradient removed, pulse left",
    "noGA": "gradient removed, pulse left",
    "raw": "gradient and pulse left",
}
RATE_HZ = 1000.0
# volts after an amplification of 10,000
RAW_UNIT = "0.1 mV"
DOWNLOAD = (
    "the EEG of ds000116 is not in its BIDS tree: download ds116_sub{number:03d}.tgz from "
    "https://legacy.openfmri.org/dataset/ds000116/, unpack it, and give its folder with --eeg-dir, or put "
    "it below sourcedata of the dataset; expected sub{number:03d}/EEG/task001_run001/EEG_rereferenced.mat"
)
# fmt: off
PAIRS = (
    "C3-T7", "T7-LM", "LM-CP5", "CP5-P7", "P7-PO7", "PO7-PO3", "PO3-O1", "O1-Oz", "PO3-P3", "P3-CP1", "Pz-CP1",
    "CP1-C3", "Cz-C3", "Fp2-Fp1", "Fp1-AF3", "AF4-Fp2", "AF3-F3", "F4-AF4", "F3-F7", "F8-F4", "FC1-F3", "F4-FC2",
    "F7-FC5", "FC6-F8", "FC5-T7", "T8-FC6", "Cz-Fz", "Fz-FC1", "FC2-Fz", "T8-C4", "RM-T8", "CP6-RM", "P8-CP6",
    "PO8-P8", "PO4-PO8", "O2-PO4", "Oz-O2", "P4-PO4", "CP2-P4", "CP2-Pz",
    "CP2-C4",  # published as C4-CP2, and stored inverted
    "C4-Cz", "Pz-Oz",
)
ELECTRODES = (
    "Fp1", "Fp2", "AF3", "AF4", "F7", "F3", "Fz", "F4", "F8", "FC5", "FC1", "FC2", "FC6", "T7", "C3", "Cz", "C4",
    "T8", "CP5", "CP1", "CP2", "CP6", "P7", "P3", "Pz", "P4", "P8", "PO7", "PO3", "PO4", "PO8", "O1", "Oz", "O2",
)
# pairs, counted from 1, that the authors found too noisy to use
EXCLUDED = {
    1: (8, 24), 2: (5, 30), 3: (29, 30, 34, 36), 4: (23, 24, 30), 5: (8, 30), 6: (9, 24, 30), 7: (30,),
    8: (28, 29, 30, 33, 36), 9: (29, 30, 33), 10: (24, 29, 33), 11: (16, 24, 30), 12: (30,), 13: (30,), 14: (30,),
    15: (8, 16, 28, 34, 37), 16: (16, 24, 30, 28, 37), 17: (7, 33),
}
# fmt: on
FLAGGED = {
    4: "sub-04 is kept, but others leave this participant out: a BOLD run of it (auditory, run 2) was reported as "
    "glitched, and one published copy of the dataset lacks it"
}


class Ds000116(Dataset):
    """Joins the two trees: sub-01 is sub001, the auditory task is task001, the visual task002."""

    variants = tuple(FILES)

    def applies(self, bids_dir: Path) -> bool:
        """Look for the sidecars of both tasks, which no other dataset has."""
        return all((bids_dir / f"task-{task}_bold.json").is_file() for task in TASKS.values())

    def elsewhere(self, config: RunConfig, label: str) -> Found:
        """Find a participant's EEG in the folder that was given, else below ``sourcedata``.

        Raises
        ------
        MissingInputError
            When a folder was given that holds nobody's EEG.
        """
        if not label.isdecimal():
            return Found()
        number, found = int(label), Found()
        root = config.eeg_dir or config.bids_dir / "sourcedata"
        for path in below(root, f"sub{number:03d}/EEG/*/EEG_*.mat"):
            self._sort(path, label, found)
        if number in FLAGGED:
            found.notes.append(FLAGGED[number])
        if not found.candidates:
            told = DOWNLOAD.format(number=number)
            if config.eeg_dir and not any(below(root, "sub[0-9][0-9][0-9]/EEG/*/EEG_*.mat")):
                raise MissingInputError(f"--eeg-dir {root}: has no EEG of ds000116", hint=told)
            found.notes.append(f"sub-{label}: {told}")
        return found

    def _sort(self, path: Path, label: str, found: Found) -> None:
        """Put one file among the recordings, or among those that are left out."""
        known = FOLDER.fullmatch(path.parent.name)
        variant = next((name for name, file in FILES.items() if file == path.name), None)
        if known is None or known[1] not in TASKS or variant is None:
            expected = f"task001_run001 or task002_run001, holding {', '.join(FILES.values())}"
            told = f"is no recording that ds000116 is known to have; expected a folder {expected}"
            found.unpaired.append(Unpaired(path, told))
            return
        entities = Entities.of({
            "sub": label,
            "task": TASKS[known[1]],
            "run": f"{int(known[2]):02d}",
        })
        file = BidsFile(path, entities, "eeg", path.suffix)
        task = TASKS[known[1]].partition("oddball")[0]
        rule = f"{NAME}: sub{int(label):03d} {path.parent.name} is the {task} task, run {int(known[2])}"
        found.candidates.append(Candidate(file, facts_of(int(label), variant), variant, rule))


def facts_of(number: int, variant: str) -> Facts:
    """What is known of a recording.

    Parameters
    ----------
    number : int
        Participant.
    variant : str
        ``rereferenced``, ``noGA`` or ``raw``.
    """
    excluded = EXCLUDED.get(number, ())
    notes = [
        f"{NAME}: EEG sample 0 is the start of volume 0; the recording holds no volume markers"
    ]
    if variant == "rereferenced":
        rows = [(name, "EEG", "uV") for name in ELECTRODES]
        rows += [("ECG", "ECG", "uV")]
        notes.append("row 35 is ECG by the README; published code puts a bipolar pair there")
    else:
        unit = "uV" if variant == "noGA" else RAW_UNIT
        rows = [
            (name, "MISC" if place in excluded else "EEG", unit)
            for place, name in enumerate(PAIRS, start=1)
        ]
        rows += [("HEOG", "EOG", unit), ("VEOG", "EOG", unit)]
        rows += [("ECG1", "ECG", unit), ("ECG2", "ECG", unit)]
        if excluded:
            told = ", ".join(f"{place} ({PAIRS[place - 1]})" for place in sorted(excluded))
            notes.append(f"bipolar pairs that the dataset excludes are left out: {told}")
    rows += [("stimulus", "TRIG", "n/a"), ("behaviour", "TRIG", "n/a")]
    names, kinds, units = (list(column) for column in zip(*rows, strict=True))
    reference = "average of the mastoids" if variant == "rereferenced" else "bipolar pairs"
    return Facts(
        dataset=NAME,
        channels={"name": names, "type": kinds, "units": units},
        rate_hz=RATE_HZ,
        metadata={"EEGReference": reference, "SamplingFrequency": RATE_HZ},
        start_s=0.0,
        state=STATES[variant],
        notes=tuple(notes),
    )


DATASET = Ds000116()
