"""One participant's anatomy: estimated once, written, and read back by whoever needs it."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import anatomical, provenance, write
from bids_app.errors import AppError, MissingInputError
from bids_app.files import nifti
from bids_app.files.template import NAME, load_template
from bids_app.learn import device
from bids_app.pipeline import draw_fmri
from bids_app.pipeline.place import Figures, output_grid, target
from bids_app.pipeline.record import Record
from bids_app.preproc import fmri
from bids_app.values import Floats
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit
from bids_app.values.pairing import Participant

log = logging.getLogger(__name__)


class Anatomy:
    """A participant's anatomy.

    Nothing is computed before :attr:`fit` is asked for: a run that is done, or reused, needs no anatomy.

    Parameters
    ----------
    who : Participant
        Whose.
    config : RunConfig
        The call.
    record : Record
        Is told what was done.
    """

    def __init__(self, who: Participant, config: RunConfig, record: Record) -> None:
        self.who = who
        self.config = config
        self.record = record
        self.entities = Entities.of({"sub": who.label})
        self._done: provenance.Done | AppError | None = None

    @cached_property
    def key(self) -> str:
        """Hash of all that decides the anatomy.

        Raises
        ------
        MissingInputError
            When the participant has no T1w.
        """
        if self.who.t1w is None:
            raise MissingInputError(
                f"sub-{self.who.label}: has no T1w image; the built-in engine needs one to find the template",
                hint="add anat/sub-<label>_T1w.nii.gz, or reuse fMRIPrep's output with -d fmriprep=PATH",
            )
        decides = {"sloppy": self.config.sloppy, "grid": output_grid(self.config).affine.tolist()}
        return provenance.key("anatomy", [self.who.t1w.path], decides)

    @cached_property
    def fit(self) -> AnatFit:
        """The estimates, always as they are on disk: a run that goes on after an interruption sees the same."""
        return anatomical.read_anatomy(self._target, tuple(self.ensure().told["notes"]))

    def ensure(self) -> provenance.Done:
        """Give what the anatomy left; make it when it is not there.

        Raises
        ------
        AppError
            When it cannot be made; the same for each run that asks, without trying again.
        """
        if isinstance(self._done, AppError):
            raise self._done
        if self._done is None:
            stage = provenance.Stage(
                self.config.work_dir,
                self.config.output_dir,
                f"{self.entities.stem}_anatomy",
                self.key,
            )
            try:
                self._done = (None if self.config.overwrite else stage.done()) or self._estimate(
                    stage
                )
            except AppError as error:
                self._done = error
                raise
            self.record.content["anatomy"] = {
                "t1w": str(self._t1w.relative_to(self.config.bids_dir)),
                "engine": "builtin",
                **self._done.told,
            }
        return self._done

    def in_template(self, what: str) -> Floats:
        """Read the ``brain``, ``T1w`` or a tissue on the output grid, shape (x, y, z)."""
        self.ensure()
        return nifti.read_volume(anatomical.image_path(self._target, what)).data

    @property
    def to_template(self) -> Path:
        """Where the transform of T1w images to the template lies."""
        return anatomical.to_template_path(self._target)

    @property
    def _t1w(self) -> Path:
        assert self.who.t1w is not None
        return self.who.t1w.path

    @property
    def _target(self) -> write.Target:
        return target(self.config, self.entities, NAME, [self._t1w])

    def _estimate(self, stage: provenance.Stage) -> provenance.Done:
        log.info("sub-%s: anatomy", self.who.label)
        template = load_template()
        settings = fmri.AnatSettings(
            sloppy=self.config.sloppy,
            n_threads=self.config.omp_nthreads,
            device=str(device.choose(self.config.device)),
        )
        raw = nifti.read_volume(self._t1w)
        fit = fmri.fit_anatomy(raw, template, settings)
        grid = output_grid(self.config)
        images = {"T1w": fit.t1w.data, "brain": fit.brain.inside.astype(np.float32), **fit.tissues}
        moved = {name: fmri.to_template(data, fit, grid) for name, data in images.items()}
        backward = None if fit.warp is None else fmri.inverted(fit.warp)
        files = anatomical.write_anatomy(
            self._target, fit, anatomical.InTemplate(moved, grid, backward)
        )
        told = Figures(self.config.output_dir, self.entities)
        draw_fmri.anatomy(told, raw, fit, moved["T1w"], grid)
        return stage.record(
            [*files, *told.files()], {"figures": told.told, "notes": list(fit.notes)}
        )
