"""Match a participant's EEG with its BOLD; say why not."""

from __future__ import annotations

from collections import defaultdict

from bids_app.config import RunConfig
from bids_app.files.sidecar import inherited
from bids_app.layout.scan import scan
from bids_app.values.entities import BidsFile
from bids_app.values.pairing import Pairing, Participant, Run, Unpaired

# EEG and BOLD of one recording share these; the others describe one of the two only.
SHARED = ("sub", "ses", "task", "run")
Key = tuple[tuple[str, str], ...]


def find(config: RunConfig, label: str) -> Participant:
    """Pair the files of one participant.

    Returns
    -------
    Participant
        BOLD with its EEG, BOLD alone and EEG alone, each as a pairing; every other file with the reason why it
        was left out.
    """
    files, unpaired = scan(config, label)
    bold, left_bold = _one_each(files["bold"], "BOLD")
    eeg, left_eeg = _one_each(files["eeg"], "EEG")
    pairings = [
        _pairing(config, bold.get(key), eeg.get(key)) for key in sorted(bold.keys() | eeg.keys())
    ]
    t1w, left_t1w, notes = _choose_t1w(files["t1w"])
    return Participant(
        label=label,
        t1w=t1w,
        pairings=tuple(pairings),
        unpaired=(*unpaired, *left_bold, *left_eeg, *left_t1w),
        notes=notes,
    )


def _one_each(files: list[BidsFile], what: str) -> tuple[dict[Key, BidsFile], list[Unpaired]]:
    groups: dict[Key, list[BidsFile]] = defaultdict(list)
    for file in files:
        shared = tuple(pair for pair in file.entities.key if pair[0] in SHARED)
        groups[shared].append(file)
    left = [
        Unpaired(
            file.path,
            f"{group[0].path.name} is the same {what} run and was taken; choose with --bids-filter-file",
        )
        for group in groups.values()
        for file in group[1:]
    ]
    return {key: group[0] for key, group in groups.items()}, left


def _pairing(config: RunConfig, bold: BidsFile | None, eeg: BidsFile | None) -> Pairing:
    lead = bold or eeg
    assert lead is not None
    rule = "same entities"
    if bold is None:
        rule = "EEG without BOLD"
    elif eeg is None:
        rule = "BOLD without EEG"
    elif bold.entities.get("run") != eeg.entities.get("run"):
        rule = "same entities, run numbers padded differently"
    return Pairing(
        entities=lead.entities,
        run=Run(bold, inherited(config.bids_dir, bold.path)) if bold else None,
        eeg=eeg,
        eeg_metadata=inherited(config.bids_dir, eeg.path) if eeg else {},
        rule=rule,
    )


def _choose_t1w(
    files: list[BidsFile],
) -> tuple[BidsFile | None, list[Unpaired], tuple[str, ...]]:
    if not files:
        return None, [], ()
    chosen, *others = files
    left = [Unpaired(file.path, f"{chosen.path.name} was taken as the anatomy") for file in others]
    notes = (f"of {len(files)} T1w images the first by name was taken: {chosen.path.name}",)
    return chosen, left, notes if others else ()
