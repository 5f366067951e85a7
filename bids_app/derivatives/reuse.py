"""Find preprocessed runs again: our own, and fMRIPrep's."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.derivatives.names import Space
from bids_app.errors import DataError, MissingInputError
from bids_app.files import nifti
from bids_app.files.sidecar import inherited
from bids_app.values.entities import BidsFile, Entities, bids_file

log = logging.getLogger(__name__)

# The first that a participant has is taken.
SPACES = ("MNI152NLin2009aSym", "MNI152NLin2009cAsym", "MNI152NLin6Asym", "MNI152Lin")
TISSUES = ("GM", "WM")
IMAGES = (".nii.gz", ".nii")


@dataclass(frozen=True, slots=True)
class PreprocessedRun:
    """One run's preprocessed files.

    Attributes
    ----------
    entities : Entities
        Labels of the run.
    space : Space
        Template and resolution of the images; of EEG alone, None.
    bold, mask : Path or None
        Series and its brain mask; None for EEG alone.
    metadata : dict
        Sidecar of the series.
    tissues : dict of str to Path
        ``GM`` and ``WM`` probability in the same space.
    eeg : Path or None
        Cleaned EEG.
    eeg_metadata : dict
        Its sidecar, with the clock.
    """

    entities: Entities
    space: Space | None
    bold: Path | None
    mask: Path | None
    metadata: dict[str, Any]
    tissues: dict[str, Path]
    eeg: Path | None
    eeg_metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.entities.stem


def participants(root: Path) -> tuple[str, ...]:
    """Labels of the participants that a derivative dataset holds, sorted."""
    return tuple(
        sorted(path.name.removeprefix("sub-") for path in root.glob("sub-*") if path.is_dir())
    )


def runs(
    root: Path, label: str, prefer: str | None = None, need: tuple[str, ...] = TISSUES
) -> list[PreprocessedRun]:
    """Preprocessed runs of one participant, sorted by name.

    Parameters
    ----------
    root : Path
        Top of the derivative dataset.
    label : str
        Participant.
    prefer : str, optional
        Template to take where the participant has it; else the first of :data:`SPACES`, or any other.
    need : tuple of str
        Tissues without whose probabilities a run cannot be used; the others are given where all are there.

    Raises
    ------
    MissingInputError
        When a series lacks its mask or its tissue probabilities.
    """
    files = _files(root / f"sub-{label}")
    series = [
        file
        for file in files
        if file.suffix == "bold"
        and file.extension in IMAGES
        and file.extra.get("desc") == "preproc"
        and file.entities.get("echo") is None  # one of several, beside their combination
    ]
    found = {name for file in series if (name := file.extra.get("space")) not in {None, "T1w"}}
    chosen = next((name for name in (prefer, *SPACES, *sorted(found)) if name in found), None)
    series = [file for file in series if chosen and file.extra.get("space") == chosen]
    recordings = {
        _shared(file.entities): file
        for file in files
        if file.suffix == "eeg"
        and file.extension == ".vhdr"
        and file.extra.get("desc") == "preproc"
    }
    made = [
        _run(root, files, file, recordings.pop(_shared(file.entities), None), need)
        for file in _finest(series)
    ]
    alone = [
        PreprocessedRun(
            file.entities, None, None, None, {}, {}, file.path, inherited(root, file.path)
        )
        for file in recordings.values()
    ]
    return sorted([*made, *alone], key=lambda run: run.name)


def match(found: list[PreprocessedRun], entities: Entities, root: Path) -> PreprocessedRun:
    """The preprocessed series of one raw run.

    Raises
    ------
    MissingInputError
        When there is none.
    """
    same = [run for run in found if run.bold and _shared(run.entities) == _shared(entities)]
    if same:
        # Of two acquisitions of one run, the one that was asked for.
        return min(same, key=lambda run: run.entities.key != entities.key)
    raise MissingInputError(
        f"{root}: has no preprocessed BOLD of {entities.stem} in a template such as {SPACES[1]}",
        hint="run fMRIPrep for it with --output-spaces MNI152NLin2009cAsym",
    )


def _files(folder: Path) -> list[BidsFile]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            found.append(bids_file(path))
        except ValueError:
            log.debug("%s: not a BIDS name", path)
    return found


def _shared(entities: Entities) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in entities.key if pair[0] in {"sub", "ses", "task", "run"})


def _finest(series: list[BidsFile]) -> list[BidsFile]:
    """One series a run: of several resolutions the first by name."""
    first: dict[Any, BidsFile] = {}
    for file in series:
        first.setdefault(file.entities.key, file)
    return list(first.values())


def _run(
    root: Path,
    files: list[BidsFile],
    series: BidsFile,
    recording: BidsFile | None,
    need: tuple[str, ...],
) -> PreprocessedRun:
    place = {name: series.extra.get(name) for name in ("space", "res")}
    mask = [
        file
        for file in files
        if file.suffix == "mask"
        and file.extension in IMAGES
        and file.extra.get("desc") == "brain"
        and file.path.parent == series.path.parent
        and file.entities.key == series.entities.key
        and {name: file.extra.get(name) for name in place} == place
    ]
    if not mask:
        raise MissingInputError(
            f"{series.path}: has no desc-brain_mask in the same space beside it"
        )
    tissues = _tissues(files, place, series)
    for tissue in need:
        if tissue not in tissues:
            raise MissingInputError(
                f"{series.path}: no label-{tissue}_probseg in space-{place['space']} for this participant",
                hint="fMRIPrep writes it when --output-spaces names this template",
            )
    return PreprocessedRun(
        entities=series.entities,
        space=Space(str(place["space"]), place["res"]),
        bold=series.path,
        mask=mask[0].path,
        metadata=inherited(root, series.path),
        tissues=tissues if len(tissues) == len(TISSUES) else {},
        eeg=recording.path if recording else None,
        eeg_metadata=inherited(root, recording.path) if recording else {},
    )


def _tissues(
    files: list[BidsFile], place: dict[str, str | None], series: BidsFile
) -> dict[str, Path]:
    """Tissue probabilities in a space: best of the same session, and of the same resolution."""
    session = series.entities.get("ses")
    chosen = {}
    for tissue in TISSUES:
        found = [
            file
            for file in files
            if file.suffix == "probseg"
            and file.extra.get("label") == tissue
            and file.extra.get("space") == place["space"]
            and file.extension in IMAGES
        ]
        if found:
            best = min(
                found,
                key=lambda file: (
                    file.entities.get("ses") != session,
                    file.extra.get("res") != place["res"],
                ),
            )
            chosen[tissue] = best.path
    return chosen


def same_space(found: list[PreprocessedRun]) -> Space:
    """The one space of all runs with BOLD.

    Raises
    ------
    DataError
        When they are in several.
    """
    spaces = {run.space for run in found if run.space is not None}
    if len(spaces) != 1:
        told = (
            ", ".join(sorted(f"{space.name} res-{space.resolution}" for space in spaces)) or "none"
        )
        raise DataError(
            f"preprocessed runs are in several spaces: {told}; expected one",
            hint="process all participants with the same engine and resolution, or choose with --participant-label",
        )
    return spaces.pop()


def shape_of(run: PreprocessedRun) -> tuple[int, ...]:
    """Shape of a run's series, from its header; empty for EEG alone."""
    return nifti.series_shape(run.bold) if run.bold else ()
