"""What differs between the derivatives of fMRIPrep 20 to 25, and how each is read.

======== ===================================================================================================
version  what it does otherwise
======== ===================================================================================================
20.0-1   confounds are called ``regressors``; slices are shifted to their mean time, and no sidecar says so
20.2-23  data lie one level down in ``fmriprep/`` unless ``--output-layout bids`` was asked for
23.2-25  data lie at the top; tissues in template space are there only where anatomical outputs were asked for
======== ===================================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.derivatives import reuse
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import AppError, MissingInputError
from bids_app.files.sidecar import read_json

CONFOUNDS = ("timeseries", "regressors")
TELLS_START_TIME = (20, 2)
DSEG = {"GM": 1, "WM": 2}
"""Labels of BIDS, which fMRIPrep's ``dseg`` has."""


def home(root: Path) -> Path:
    """Folder that holds the participants: the one given, or ``fmriprep`` below it (the legacy layout)."""
    legacy = root / "fmriprep"
    return legacy if not reuse.participants(root) and reuse.participants(legacy) else root


def version(root: Path) -> str:
    """Version that wrote a dataset, from its description; empty when it does not tell."""
    try:
        found = read_json(root / "dataset_description.json")
    except AppError:
        return ""
    generated = found.get("GeneratedBy")
    first = generated[0] if isinstance(generated, list) and generated else None
    told = first if isinstance(first, dict) else found.get("PipelineDescription")
    return str(told.get("Version", "")) if isinstance(told, dict) else ""


def start_time_s(
    metadata: dict[str, Any], raw: dict[str, Any], version: str
) -> tuple[float, tuple[str, ...]]:
    """What time within its acquisition a volume stands for.

    Parameters
    ----------
    metadata, raw : dict
        Sidecars of the preprocessed and of the raw series.
    version : str
        Of fMRIPrep.

    Returns
    -------
    start_time_s : float
        Seconds.
    notes : tuple of str
        What had to be assumed.
    """
    if "StartTime" in metadata:
        return float(metadata["StartTime"]), ()
    number = re.match(r"(\d+)\.(\d+)", version)
    old = number is not None and (int(number[1]), int(number[2])) < TELLS_START_TIME
    times = raw.get("SliceTiming")
    if not old or not isinstance(times, list) or not times:
        return 0.0, ()
    mean_s = round(float(np.mean(times)), 3)
    return mean_s, (
        f"fMRIPrep {version} does not tell what time it shifted slices to: taken as their mean, {mean_s:g} s",
    )


def confounds(bold: Path) -> Path | None:
    """Table of confounds that lies beside a preprocessed series; None when there is none."""
    stem = re.split(r"_(?:space|res|desc)-", bold.name)[0]
    for suffix in CONFOUNDS:
        path = bold.with_name(f"{stem}_desc-confounds_{suffix}.tsv")
        if path.is_file():
            return path
    return None


@dataclass(frozen=True, slots=True)
class TissueFiles:
    """Where the tissues of a run can be had from.

    Attributes
    ----------
    files : dict of str to Path
        Tissue to image: its probability, or for all the one segmentation.
    labels : dict of str to int
        Tissue to its label, where the image is a segmentation; else empty.
    to_template : Path or None
        ITK transform to the template, of images that are in the space of the T1w.
    note : str
        What the report must say; empty for probabilities in the template.
    """

    files: dict[str, Path]
    labels: dict[str, int]
    to_template: Path | None
    note: str


def tissues(root: Path, run: PreprocessedRun) -> TissueFiles:
    """Find the tissues of a run: in template space, else as a segmentation, else in the space of the T1w.

    Parameters
    ----------
    root : Path
        From :func:`home`.
    run : PreprocessedRun
        One with BOLD.

    Raises
    ------
    MissingInputError
        When there are none of these.
    """
    assert run.space is not None
    if run.tissues:
        return TissueFiles(run.tissues, {}, None, "")
    folder = root / f"sub-{run.entities.participant}"
    space = run.space.name
    segmentations = sorted(folder.rglob(f"anat/*_space-{space}*_dseg.nii.gz"))
    segmentations = [path for path in segmentations if "_desc-" not in path.name]
    if segmentations:
        note = (
            "fMRIPrep wrote no tissue probabilities in template space: its segmentation was taken"
        )
        return TissueFiles(dict.fromkeys(DSEG, segmentations[0]), DSEG, None, note)
    moves = sorted(folder.rglob(f"anat/*_from-T1w_to-{space}_mode-image_xfm.h5"))
    native = {
        tissue: path
        for tissue in reuse.TISSUES
        for path in sorted(folder.rglob(f"anat/*_label-{tissue}_probseg.nii.gz"), reverse=True)
        if "_space-" not in path.name
    }
    if moves and len(native) == len(reuse.TISSUES):
        note = "fMRIPrep wrote no tissues in template space: those of the T1w were brought there by its transform"
        return TissueFiles(native, {}, moves[0], note)
    raise MissingInputError(
        f"{run.bold}: this participant has no tissues in space-{space}: no probseg, no dseg, and no probseg of the T1w "
        f"with a transform from-T1w_to-{space}",
        hint="fMRIPrep writes them when --output-spaces names this template",
    )
