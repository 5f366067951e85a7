"""Match a participant's EEG with its BOLD; say why not."""

from __future__ import annotations

import logging
from collections import defaultdict

from bids_app.config import RunConfig
from bids_app.files.eeg import SUFFIXES
from bids_app.files.sidecar import inherited
from bids_app.layout import join
from bids_app.layout.datasets import dataset_of
from bids_app.layout.datasets.base import Candidate, Dataset, Found
from bids_app.layout.scan import passes, scan
from bids_app.layout.timing import sidecar_place
from bids_app.values.entities import BidsFile, parse_name
from bids_app.values.pairing import Facts, Pairing, Participant, Run, Unpaired

log = logging.getLogger(__name__)

# EEG and BOLD of one recording share these; the others describe one of the two only.
SHARED = ("sub", "ses", "task", "run")


def find(config: RunConfig, label: str) -> Participant:
    """Pair the files of one participant.

    Returns
    -------
    Participant
        BOLD with its EEG, BOLD alone and EEG alone, each as a pairing; every other file with the reason why it
        was left out.
    """
    dataset = dataset_of(config.bids_dir)
    files, unpaired = scan(config, label)
    for query, images in dataset.images(config, label).items():
        files[query] += [image for image in images if passes(image, query, config)]
    found = _recordings(config, label, dataset, files["eeg"])
    bold, left_bold = _one_bold_each(files["bold"])
    eeg, left_eeg = _one_eeg_each(found.candidates, dataset, config)
    joined = join.join(bold.keys(), eeg.keys())
    pairings = [
        _pairing(config, bold.get(ours or ()), eeg.get(theirs or ()), rule)
        for ours, theirs, rule in joined
    ]
    t1w, left_t1w, notes = _choose_t1w(
        files["t1w"], {bold.entities.get("ses") for bold in files["bold"]}
    )
    for note in found.notes:
        log.warning("%s", note)
    return Participant(
        label=label,
        t1w=t1w,
        pairings=tuple(sorted(pairings, key=lambda pairing: pairing.entities.key)),
        unpaired=(*unpaired, *found.unpaired, *left_bold, *left_eeg, *left_t1w),
        notes=(*found.notes, *notes),
    )


def _recordings(config: RunConfig, label: str, dataset: Dataset, files: list[BidsFile]) -> Found:
    """All EEG of a participant: in its folder, where its dataset is known to have more, and in the second tree."""
    elsewhere = dataset.elsewhere(config, label)
    inside = [Candidate(file, dataset.facts(file)) for file in files]
    kept = [one for one in elsewhere.candidates if passes(one.file, "eeg", config)]
    found = Found([*inside, *kept], elsewhere.unpaired, elsewhere.notes)
    if config.eeg_dir is not None and not elsewhere.candidates:
        more, unpaired = scan(config, label, config.eeg_dir)
        found.candidates.extend(Candidate(file, dataset.facts(file)) for file in more["eeg"])
        found.unpaired.extend(unpaired)
        if not more["eeg"] and not elsewhere.notes:
            found.notes.append(f"sub-{label}: {config.eeg_dir} holds no EEG of this participant")
    return found


def _one_bold_each(files: list[BidsFile]) -> tuple[dict[join.Key, BidsFile], list[Unpaired]]:
    groups: dict[join.Key, list[BidsFile]] = defaultdict(list)
    for file in files:
        groups[_key(file)].append(file)
    left = [
        Unpaired(
            file.path,
            f"{group[0].path.name} is the same BOLD run and was taken; choose with --bids-filter-file",
        )
        for group in groups.values()
        for file in group[1:]
    ]
    return {key: group[0] for key, group in groups.items()}, left


def _one_eeg_each(
    candidates: list[Candidate], dataset: Dataset, config: RunConfig
) -> tuple[dict[join.Key, Candidate], list[Unpaired]]:
    """Choose one recording of each run: by the variant asked for, else the dataset's first, else the first format."""
    order = (config.eeg_variant, *dataset.variants)
    groups: dict[join.Key, list[Candidate]] = defaultdict(list)
    for one in candidates:
        groups[_key(one.file)].append(one)
    chosen, left = {}, []
    for key, group in groups.items():
        ranked = sorted(
            group,
            key=lambda one: (
                order.index(one.variant) if one.variant in order else len(order),
                SUFFIXES.index(one.file.path.suffix.lower()),
                one.file.path.name,
            ),
        )
        chosen[key] = ranked[0]
        left += [Unpaired(one.file.path, _passed_over(one, ranked[0])) for one in ranked[1:]]
    return chosen, left


def _passed_over(one: Candidate, taken: Candidate) -> str:
    name = taken.file.path.name
    if one.variant != taken.variant:
        return f"the {taken.variant} form of the same recording was taken: {name}; choose with --eeg-variant"
    if (
        one.file.path.stem == taken.file.path.stem
        and one.file.path.parent == taken.file.path.parent
    ):
        return f"the same recording in another format was taken: {name}; choose with --bids-filter-file"
    return f"{name} is the same EEG run and was taken; choose with --bids-filter-file"


def _key(file: BidsFile) -> join.Key:
    return tuple(pair for pair in file.entities.key if pair[0] in SHARED)


def _pairing(
    config: RunConfig, bold: BidsFile | None, eeg: Candidate | None, rule: str
) -> Pairing:
    file = eeg.file if eeg else None
    lead = bold or file
    assert lead is not None
    if bold and eeg and rule == join.SAME:
        rule = eeg.rule or rule
        if not eeg.rule and bold.entities.get("run") != eeg.file.entities.get("run"):
            rule = f"{join.SAME}, run numbers padded differently"
    return Pairing(
        entities=lead.entities,
        run=Run(bold, _bold_metadata(config, bold)) if bold else None,
        eeg=file,
        eeg_metadata=_eeg_metadata(config, eeg) if eeg else {},
        rule=rule,
        facts=eeg.facts if eeg else Facts(),
    )


def _bold_metadata(config: RunConfig, bold: BidsFile) -> dict[str, object]:
    try:
        parse_name(bold.path.name)
    except ValueError:
        return {}  # a published form without sidecars: the header tells
    return inherited(config.bids_dir, bold.path)


def _eeg_metadata(config: RunConfig, eeg: Candidate) -> dict[str, object]:
    return {
        **inherited(*sidecar_place(config, eeg.file.path, eeg.file.entities.stem)),
        **eeg.facts.metadata,
    }


def _choose_t1w(
    files: list[BidsFile], with_bold: set[str | None]
) -> tuple[BidsFile | None, list[Unpaired], tuple[str, ...]]:
    """Take the first by name of a session that has BOLD; where there is none, the first by name."""
    if not files:
        return None, [], ()
    near = [file for file in files if file.entities.get("ses") in with_bold]
    chosen = (near or files)[0]
    left = [
        Unpaired(file.path, f"{chosen.path.name} was taken as the anatomy")
        for file in files
        if file is not chosen
    ]
    rule = " of a session with BOLD" if 0 < len(near) < len(files) else ""
    notes = (f"of {len(files)} T1w images the first by name{rule} was taken: {chosen.path.name}",)
    return chosen, left, notes if left else ()
