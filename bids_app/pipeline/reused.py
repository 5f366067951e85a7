"""One BOLD run that fMRIPrep preprocessed: its template is kept, its voxels are brought to the output grid."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import anatomical, provenance, reuse, write
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.files import nifti, tables
from bids_app.files.sidecar import read_json
from bids_app.pipeline.place import HALF, Figures, output_grid, target
from bids_app.preproc import fmri
from bids_app.report import figures
from bids_app.values import Floats
from bids_app.values.confounds import Confounds
from bids_app.values.entities import Entities
from bids_app.values.pairing import Run
from bids_app.values.space import Mask

log = logging.getLogger(__name__)

OF_RAW_SLICES = ("SliceTiming", "SliceEncodingDirection")


def take_over(run: Run, entities: Entities, config: RunConfig) -> provenance.Done:
    """Bring fMRIPrep's images of one run on to the output grid, unless that is done.

    Returns
    -------
    Done
        Files, and ``figures`` and ``notes`` for the report.

    Raises
    ------
    MissingInputError
        When fMRIPrep's output lacks the run, its mask or its tissues.
    """
    root = config.derivatives["fmriprep"]
    found = reuse.match(reuse.runs(root, entities.participant), entities, root)
    assert found.bold is not None
    assert found.mask is not None
    grid = output_grid(config)
    inputs = [found.bold, found.mask, *found.tissues.values()]
    decides = [found.metadata, run.metadata, grid.affine.tolist()]
    name = f"{entities.stem}_bold"
    key = provenance.key("reused", inputs, decides)
    stage = provenance.Stage(config.work_dir, config.output_dir, name, key)
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: BOLD from fMRIPrep", entities.stem)
    # The slices of the raw image are not those of an image in template space.
    raw = {key: value for key, value in run.metadata.items() if key not in OF_RAW_SLICES}
    series = nifti.read_bold(found.bold, raw | found.metadata)
    bold = _onto_grid(series, nifti.read_mask(found.mask), config, raw | found.metadata)
    files, tissues = _write(found, bold, entities, config)
    told = _draw(bold, tissues, entities, config)
    notes = [f"BOLD was taken from fMRIPrep, in {_space(found)}"]
    if not series.grid.matches(grid):
        notes.append("fMRIPrep's images were interpolated once more, on to the output grid")
    return stage.record([*files, *told.files()], {"figures": told.told, "notes": notes})


def _onto_grid(
    series: Any, mask: Mask, config: RunConfig, metadata: dict[str, Any]
) -> write.BoldInTemplate:
    grid = output_grid(config)
    inside = fmri.onto_grid(mask.inside.astype(np.float32), mask.grid, grid) > HALF
    volumes = fmri.series_onto_grid(series, grid, inside)
    return write.BoldInTemplate(
        volumes=volumes,
        reference=np.median(volumes, axis=3),
        mask=Mask(grid, inside),
        tr_s=series.tr_s,
        start_time_s=series.start_time_s,
        metadata=metadata,
    )


def _write(
    found: PreprocessedRun, bold: write.BoldInTemplate, entities: Entities, config: RunConfig
) -> tuple[list[Path], dict[str, Floats]]:
    assert found.bold is not None
    where = target(config, entities, _space(found), [found.bold], "fmriprep")
    corrected = found.metadata.get("SliceTimingCorrected")
    tissues = {}
    for name, path in found.tissues.items():
        volume = nifti.read_volume(path)
        tissues[name] = fmri.onto_grid(volume.data, volume.grid, bold.mask.grid)
    who = Entities.of({"sub": entities.participant})
    anat = target(config, who, _space(found), list(found.tissues.values()), "fmriprep")
    files = [
        *write.write_bold(where, bold, slice_timing_corrected=corrected),
        *anatomical.write_tissues(anat, tissues, bold.mask.grid),
        *_write_confounds(where, found.bold),
    ]
    return files, tissues


def _write_confounds(where: write.Target, bold: Path) -> list[Path]:
    stem = bold.name.split("_space-")[0]
    path = bold.with_name(f"{stem}_desc-confounds_timeseries.tsv")
    if not path.is_file():
        return []
    columns = {
        name: np.asarray([tables.number(cell) for cell in column])
        for name, column in tables.read_tsv(path).items()
    }
    sidecar = path.with_suffix(".json")
    about = read_json(sidecar) if sidecar.is_file() else {}
    return write.write_confounds(where, Confounds(columns, about))


def _draw(
    bold: write.BoldInTemplate, tissues: dict[str, Floats], entities: Entities, config: RunConfig
) -> Figures:
    told = Figures(config.output_dir, entities)
    path = told.add(
        "masks",
        "Masks over mean BOLD",
        "fMRIPrep's mean BOLD with the outlines of its brain mask and of its grey and white matter.",
    )
    masks = {"brain": bold.mask.inside} | {name: data > HALF for name, data in tissues.items()}
    figures.mask_over_mean(path, bold.reference, masks, bold.mask.grid)
    return told


def _space(found: PreprocessedRun) -> str:
    assert found.space is not None
    return found.space.name
