"""One BOLD run that fMRIPrep preprocessed: its template is kept, its voxels are brought to the output grid."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import TEMPLATE, RunConfig
from bids_app.derivatives import anatomical, fmriprep, provenance, reuse, write
from bids_app.derivatives.fmriprep import TissueFiles
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import MissingInputError
from bids_app.files import nifti, tables
from bids_app.files.itk import read_itk
from bids_app.files.sidecar import read_json
from bids_app.pipeline import draw_fmri
from bids_app.pipeline.place import HALF, PHOTO, Figures, output_grid, target
from bids_app.preproc import fmri
from bids_app.report import figures
from bids_app.values import Floats
from bids_app.values.confounds import Confounds
from bids_app.values.entities import Entities
from bids_app.values.pairing import Run
from bids_app.values.space import Grid, Mask, Volume

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
    root = fmriprep.home(config.derivatives["fmriprep"])
    found = _found(root, entities, config)
    assert found.bold is not None
    assert found.mask is not None
    tissues = fmriprep.tissues(root, found)
    confounds = fmriprep.confounds(found.bold)
    version = fmriprep.version(root)
    grid = output_grid(config)
    inputs = {found.bold, found.mask, *tissues.files.values(), tissues.to_template, confounds}
    decides = [found.metadata, run.metadata, grid.affine.tolist(), version]
    key = provenance.key("reused", [path for path in inputs if path], decides)
    name = f"{entities.stem}_bold"
    stage = provenance.Stage(config.work_dir, config.output_dir, name, key)
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: BOLD from fMRIPrep %s", entities.stem, version)
    start_time_s, notes = fmriprep.start_time_s(found.metadata, run.metadata, version)
    # The slices of the raw image are not those of an image in template space.
    raw = {key: value for key, value in run.metadata.items() if key not in OF_RAW_SLICES}
    metadata = raw | found.metadata | {"StartTime": start_time_s}
    series = nifti.read_bold(found.bold, metadata)
    bold = _onto_grid(series, nifti.read_mask(found.mask), config, metadata)
    shares = _shares(tissues, grid)
    nuisance = _confounds(found.bold)
    files = _write(found, tissues, (bold, shares), entities, config)
    if nuisance is not None:
        where = target(config, entities, _space(found), [found.bold], "fmriprep")
        files += write.write_confounds(where, nuisance)
    told = _draw((bold, nuisance), shares, entities, config)
    notes = (f"BOLD was taken from fMRIPrep {version}, in {_space(found)}", *notes)
    if not series.grid.matches(grid):
        notes = (*notes, "fMRIPrep's images were interpolated once more, on to the output grid")
    notes += (tissues.note,) if tissues.note else ()
    return stage.record([*files, *told.files()], {"figures": told.told, "notes": notes})


def _found(root: Path, entities: Entities, config: RunConfig) -> PreprocessedRun:
    """FMRIPrep's images of a run, in the template that was asked for."""
    there = reuse.runs(root, entities.participant, config.template, need=())
    found = reuse.match(there, entities, root)
    if config.template not in {TEMPLATE, _space(found)}:
        raise MissingInputError(
            f"{root}: has {entities.stem} in {_space(found)}; expected {config.template}",
            hint=f"run fMRIPrep with --output-spaces {config.template}, or call the app without",
        )
    return found


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


def _shares(tissues: TissueFiles, grid: Grid) -> dict[str, Floats]:
    """Share of each tissue in the voxels of a grid, by tissue, of shape (x, y, z)."""
    shares = {}
    move = read_itk(tissues.to_template) if tissues.to_template else None
    for name, path in tissues.files.items():
        image = nifti.read_volume(path)
        if name in tissues.labels:
            image = Volume((image.data == tissues.labels[name]).astype(np.float32), image.grid)
        shares[name] = (
            fmri.onto_grid(image.data, image.grid, grid)
            if move is None
            else fmri.moved(image, move, grid)
        )
    return shares


def _write(
    found: PreprocessedRun,
    tissues: TissueFiles,
    made: tuple[write.BoldInTemplate, dict[str, Floats]],
    entities: Entities,
    config: RunConfig,
) -> list[Path]:
    assert found.bold is not None
    bold, shares = made
    where = target(config, entities, _space(found), [found.bold], "fmriprep")
    corrected = found.metadata.get("SliceTimingCorrected")
    who = Entities.of({"sub": entities.participant})
    sources = sorted(set(tissues.files.values()))
    anat = target(config, who, _space(found), sources, "fmriprep")
    return [
        *write.write_bold(where, bold, slice_timing_corrected=corrected),
        *anatomical.write_tissues(anat, shares, bold.mask.grid),
    ]


def _confounds(bold: Path) -> Confounds | None:
    path = fmriprep.confounds(bold)
    if path is None:
        return None
    columns = {
        name: np.asarray([tables.number(cell) for cell in column])
        for name, column in tables.read_tsv(path).items()
    }
    sidecar = path.with_suffix(".json")
    return Confounds(columns, read_json(sidecar) if sidecar.is_file() else {})


def _draw(
    made: tuple[write.BoldInTemplate, Confounds | None],
    tissues: dict[str, Floats],
    entities: Entities,
    config: RunConfig,
) -> Figures:
    bold, confounds = made
    told = Figures(config.output_dir, entities)
    path = told.add(
        "masks",
        "Masks over mean BOLD",
        "fMRIPrep's mean BOLD with the outlines of its brain mask and of its grey and white matter.",
        PHOTO,
    )
    masks = {"brain": bold.mask.inside} | {name: data > HALF for name, data in tissues.items()}
    figures.mask_over_mean(path, bold.reference, masks, bold.mask.grid)
    if confounds is not None and {*draw_fmri.NEEDED} <= confounds.columns.keys():
        draw_fmri.motion(told, confounds.columns, bold.tr_s)
    draw_fmri.series(told, bold, tissues)
    return told


def _space(found: PreprocessedRun) -> str:
    assert found.space is not None
    return found.space.name
