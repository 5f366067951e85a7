"""One BOLD run: preprocessed by the built-in engine, or taken from fMRIPrep."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.derivatives import provenance, write
from bids_app.files import nifti
from bids_app.files.raw import check_series
from bids_app.layout.slice_order import UNCORRECTED
from bids_app.pipeline import draw_fmri, spaces
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.place import HALF, Figures, output_grid, target
from bids_app.pipeline.reused import take_over
from bids_app.pipeline.slices import told_metadata
from bids_app.preproc import fmri
from bids_app.values import Bools
from bids_app.values.bold import BoldSeries
from bids_app.values.entities import Entities
from bids_app.values.estimates import RunFit
from bids_app.values.pairing import Run
from bids_app.values.space import Mask

log = logging.getLogger(__name__)

LEAST_COVERED = 0.8


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
            self.anatomy.record.content["anatomy"] = {"engine": "fmriprep"}
            if self.config.extra_spaces:
                self.anatomy.record.note(
                    "images in func and T1w space are those that fMRIPrep wrote"
                )
            return take_over(run, entities, self.config)
        return _builtin(self, run, entities)


def _builtin(engine: Engine, run: Run, entities: Entities) -> provenance.Done:
    config = engine.config
    engine.anatomy.ensure()  # the report tells of it even when the run is done
    metadata, slice_notes = told_metadata(run, config)
    settings = _settings(config)
    decides = [metadata, engine.anatomy.key, settings, *config.extra_spaces]
    single = single_band(run.bold.path)
    key = provenance.key("bold", [run.bold.path, *single], decides)
    stage = provenance.Stage(config.work_dir, config.output_dir, f"{entities.stem}_bold", key)
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: BOLD", entities.stem)
    series = nifti.read_bold(run.bold.path, metadata)
    notes = [*slice_notes, *check_series(run.bold.path, metadata, series)]
    anatomy = engine.anatomy.fit
    settings = replace(settings, n_threads=config.omp_nthreads)
    sbref = nifti.read_volume(single[0]) if single else None
    fit = fmri.fit_run(series, anatomy, settings, sbref)
    brain = engine.anatomy.in_template("brain") > HALF
    bold = _in_template(engine, series, fit, brain, run.metadata)
    where = replace(
        target(config, entities, config.template, [run.bold.path]),
        anatomy=engine.anatomy.source.kind,
    )
    confounds = fmri.confounds(series, fit, anatomy, config.omp_nthreads)
    files = [
        *_write(where, engine.anatomy, fit, bold),
        *write.write_confounds(where, confounds),
        *spaces.write_in(
            config.extra_spaces, where, (series, fit, anatomy), run.metadata, config.omp_nthreads
        ),
    ]
    told = Figures(config.output_dir, entities)
    draw_fmri.run(told, (fit, anatomy), bold, confounds)
    tissues = {name: engine.anatomy.in_template(name) for name in fmri.TISSUES}
    draw_fmri.series(told, bold, tissues)
    notes += [*fit.notes, *_cropped(bold.mask, brain), *confounds.notes]
    return stage.record([*files, *told.files()], {"figures": told.told, "notes": notes})


def single_band(bold: Path) -> list[Path]:
    """Find the single-band reference beside a run; none or one."""
    path = bold.with_name(bold.name.replace("_bold.nii", "_sbref.nii"))
    return [path] if path != bold and path.is_file() else []


def _in_template(
    engine: Engine, series: BoldSeries, fit: RunFit, brain: Bools, metadata: dict[str, Any]
) -> write.BoldInTemplate:
    grid, anatomy = output_grid(engine.config), engine.anatomy.fit
    n_threads = engine.config.omp_nthreads
    return write.BoldInTemplate(
        volumes=fmri.resample_bold(series, fit, anatomy, grid, inside=brain, n_threads=n_threads),
        reference=fmri.reference_to_template(fit.reference.data, fit, anatomy, grid),
        mask=Mask(grid, brain & fmri.coverage(fit, anatomy, grid)),
        tr_s=series.tr_s,
        start_time_s=fit.start_time_s or series.start_time_s,
        metadata=metadata,
    )


def _cropped(mask: Mask, brain: Bools) -> tuple[str, ...]:
    share = float(mask.inside.sum()) / max(float(brain.sum()), 1)
    if share >= LEAST_COVERED:
        return ()
    return (
        f"BOLD covers {share:.0%} of the brain; the rest is 0, and is neither learned nor predicted",
    )


def _settings(config: RunConfig) -> fmri.RunSettings:
    return fmri.RunSettings(
        sloppy=config.sloppy,
        n_dummies=config.dummy_scans,
        slice_timing=config.slice_order != UNCORRECTED,
    )


def _write(
    where: write.Target, anatomy: Anatomy, fit: RunFit, bold: write.BoldInTemplate
) -> list[Path]:
    estimates = write.write_run_fit(where, fit)
    through = (estimates.motion, estimates.coregistration, anatomy.to_template)
    corrected = fit.slice_times_s is not None
    series = write.write_bold(where.made_from(*through), bold, slice_timing_corrected=corrected)
    return [*estimates.written, *series]
