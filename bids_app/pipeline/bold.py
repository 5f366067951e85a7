"""One BOLD run: preprocessed by the built-in engine, or taken from fMRIPrep."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import provenance, reuse, write
from bids_app.files import nifti, tables
from bids_app.files.template import NAME
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.place import Figures, output_grid, target
from bids_app.preproc import fmri
from bids_app.report import figures
from bids_app.values import Floats
from bids_app.values.entities import Entities
from bids_app.values.estimates import RunFit
from bids_app.values.pairing import Run
from bids_app.values.space import Mask

log = logging.getLogger(__name__)

HALF = 0.5
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True, slots=True)
class Engine:
    """What preprocesses a participant's runs.

    Attributes
    ----------
    config : RunConfig
        The call.
    anatomy : Anatomy
        Of the participant.
    """

    config: RunConfig
    anatomy: Anatomy

    def run(self, run: Run, entities: Entities) -> provenance.Done:
        """Preprocess one run, unless that is done.

        Returns
        -------
        Done
            Files, and ``figures`` and ``notes`` for the report.
        """
        if "fmriprep" in self.config.derivatives:
            return _reused(self, run, entities)
        return _builtin(self, run, entities)

    def stage(self, entities: Entities, key: str) -> provenance.Stage:
        """Record of one run."""
        return provenance.Stage(
            self.config.work_dir, self.config.output_dir, f"{entities.stem}_bold", key
        )


def _builtin(engine: Engine, run: Run, entities: Entities) -> provenance.Done:
    config = engine.config
    engine.anatomy.ensure()  # the report tells of it even when the run is done
    decides = [run.metadata, engine.anatomy.key, config.sloppy]
    stage = engine.stage(entities, provenance.key("bold", [run.bold.path], decides))
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: BOLD", entities.stem)
    series = nifti.read_bold(run.bold.path, run.metadata)
    anatomy = engine.anatomy.fit
    settings = fmri.RunSettings(sloppy=config.sloppy, n_threads=config.omp_nthreads)
    fit = fmri.fit_run(series, anatomy, settings)
    grid = output_grid(config)
    brain = engine.anatomy.in_template("brain") > HALF
    volumes = fmri.resample_bold(
        series, fit, anatomy, grid, inside=brain, n_threads=config.omp_nthreads
    )
    bold = write.BoldInTemplate(
        volumes=volumes,
        reference=fmri.reference_to_template(fit.reference.data, fit, anatomy, grid),
        mask=Mask(grid, brain & fmri.coverage(fit, anatomy, grid)),
        tr_s=series.tr_s,
        start_time_s=fit.start_time_s or series.start_time_s,
        metadata=run.metadata,
    )
    where = target(config, entities, NAME, [run.bold.path])
    confounds = fmri.confounds(series, fit, anatomy)
    files = [
        *write.write_run_fit(where, fit),
        *write.write_bold(where, bold, slice_timing_corrected=fit.slice_times_s is not None),
        *write.write_confounds(where, confounds),
    ]
    told = _draw(engine, entities, bold, confounds)
    return stage.record([*files, *told.files()], {"figures": told.told, "notes": _notes(fit)})


def _notes(fit: RunFit) -> list[str]:
    notes = list(fit.notes)
    if fit.slice_times_s is None:
        notes.append("slice timing was not corrected: the slice times are not known")
    if fit.n_dummies:
        notes.append(f"{fit.n_dummies} volumes at the start are not in steady state")
    return notes


def _draw(
    engine: Engine, entities: Entities, bold: write.BoldInTemplate, confounds: dict[str, Floats]
) -> Figures:
    grid = bold.mask.grid
    told = Figures(engine.config.output_dir, entities)
    path = told.add(
        "masks",
        "Masks over mean BOLD",
        "Mean BOLD in template space with the outlines of the run's brain mask and of the participant's grey and "
        "white matter.",
    )
    masks = {"brain": bold.mask.inside}
    masks |= {name: engine.anatomy.in_template(name) > HALF for name in ("GM", "WM")}
    figures.mask_over_mean(path, bold.reference, masks, grid)
    path = told.add(
        "coregistration",
        "BOLD on T1w",
        "Mean BOLD and T1w in template space with the participant's white matter drawn over both. The line should "
        "follow the same edge in each.",
    )
    anatomy = engine.anatomy.in_template("T1w")
    figures.registration(path, bold.reference, anatomy, grid, {"WM": masks["WM"]}, ("BOLD", "T1w"))
    path = told.add(
        "motion",
        "Head motion",
        "Translation, rotation, framewise displacement and DVARS of each volume.",
    )
    parameters = np.stack([confounds[name] for name in MOTION], axis=1)
    fd_mm, dvars = confounds["framewise_displacement"], confounds.get("dvars")
    figures.motion(path, parameters, fd_mm, dvars, bold.tr_s)
    return told


def _reused(engine: Engine, run: Run, entities: Entities) -> provenance.Done:
    """Take a run from fMRIPrep: its template is kept, its voxels are brought to the output grid."""
    config = engine.config
    root = config.derivatives["fmriprep"]
    found = reuse.match(reuse.runs(root, entities.participant), entities, root)
    assert found.bold is not None
    assert found.mask is not None
    assert found.space is not None
    grid = output_grid(config)
    inputs = [found.bold, found.mask, *found.tissues.values()]
    decides = [found.metadata, run.metadata, grid.affine.tolist()]
    stage = engine.stage(entities, provenance.key("reused", inputs, decides))
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: BOLD from fMRIPrep", entities.stem)
    series = nifti.read_bold(found.bold, run.metadata | found.metadata)
    mask = nifti.read_mask(found.mask)
    inside = fmri.onto_grid(mask.inside.astype(np.float32), mask.grid, grid) > HALF
    volumes = fmri.series_onto_grid(series, grid, inside)
    bold = write.BoldInTemplate(
        volumes=volumes,
        reference=np.median(volumes, axis=3),
        mask=Mask(grid, inside),
        tr_s=series.tr_s,
        start_time_s=series.start_time_s,
        metadata=run.metadata | found.metadata,
    )
    where = target(config, entities, found.space.name, [found.bold], "fmriprep")
    corrected = found.metadata.get("SliceTimingCorrected")
    files = write.write_bold(where, bold, slice_timing_corrected=corrected)
    tissues = {}
    for name, path in found.tissues.items():
        volume = nifti.read_volume(path)
        tissues[name] = fmri.onto_grid(volume.data, volume.grid, grid)
    who = Entities.of({"sub": entities.participant})
    anat = target(config, who, found.space.name, list(found.tissues.values()), "fmriprep")
    files += write.write_tissues(anat, tissues, grid)
    files += _reused_confounds(where, found.bold)
    told = Figures(config.output_dir, entities)
    path = told.add(
        "masks",
        "Masks over mean BOLD",
        "fMRIPrep's mean BOLD with the outlines of its brain mask and of its grey and white matter.",
    )
    own = {name: data > HALF for name, data in tissues.items()}
    figures.mask_over_mean(path, bold.reference, {"brain": inside} | own, grid)
    notes = [f"BOLD was taken from fMRIPrep, in {found.space.name}"]
    if not series.grid.matches(grid):
        notes.append("fMRIPrep's images were interpolated once more, on to the output grid")
    return stage.record([*files, *told.files()], {"figures": told.told, "notes": notes})


def _reused_confounds(where: write.Target, bold: Path) -> list[Path]:
    stem = bold.name.split("_space-")[0]
    path = bold.with_name(f"{stem}_desc-confounds_timeseries.tsv")
    if not path.is_file():
        return []
    columns = {
        name: np.asarray([tables.number(cell) for cell in column])
        for name, column in tables.read_tsv(path).items()
    }
    return write.write_confounds(where, columns)
