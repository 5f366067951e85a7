"""One participant's anatomy: estimated once, written, and read back by whoever needs it."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import TEMPLATE, RunConfig
from bids_app.derivatives import anatomical, provenance, write
from bids_app.errors import AppError, DataError, MissingInputError
from bids_app.files import nifti, templateflow
from bids_app.files.raw import check_image, check_series
from bids_app.files.template import load_template
from bids_app.learn import device
from bids_app.pipeline import draw_fmri
from bids_app.pipeline.place import Figures, output_grid, target
from bids_app.pipeline.record import Record
from bids_app.preproc import fmri
from bids_app.values import Floats
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit
from bids_app.values.pairing import Participant
from bids_app.values.space import Volume

log = logging.getLogger(__name__)

IMAGES = {"T1w": "T1w image", "epiref": "BOLD image, turned over,"}
SHORTEST_HEAD_MM = 90.0
SMALLEST_BRAIN_ML = 400.0


@dataclass(frozen=True, slots=True)
class Source:
    """What an anatomy is made from.

    Attributes
    ----------
    kind : str
        ``T1w``, or ``epiref`` for a BOLD run that stands in for it.
    path : Path
        The image.
    metadata : dict
        Sidecar of a BOLD run.
    notes : tuple of str
        Why it was taken.
    """

    kind: str
    path: Path
    metadata: dict[str, Any]
    notes: tuple[str, ...] = ()


class Anatomy:
    """A participant's anatomy.

    Nothing is computed before :meth:`ensure` is called: a run that is reused needs no anatomy.

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
        self._made: tuple[Source, provenance.Done] | AppError | None = None

    @property
    def source(self) -> Source:
        """What it was made from."""
        return self._both()[0]

    def ensure(self) -> provenance.Done:
        """Give what the anatomy left; make it when it is not there.

        Raises
        ------
        AppError
            When it cannot be made; the same for each run that asks, without trying again.
        """
        return self._both()[1]

    @property
    def key(self) -> str:
        """Hash of all that decides the anatomy."""
        return self._key(self.source)

    @cached_property
    def fit(self) -> AnatFit:
        """The estimates, always as they are on disk: a run that goes on after an interruption sees the same."""
        return anatomical.read_anatomy(self.target, tuple(self.ensure().told["notes"]))

    def in_template(self, what: str) -> Floats:
        """Read the ``brain``, ``T1w`` or a tissue on the output grid, shape (x, y, z)."""
        return nifti.read_volume(anatomical.image_path(self.target, what)).data

    @property
    def target(self) -> write.Target:
        """Where it lies."""
        where = target(self.config, self.entities, self.config.template, [self.source.path])
        return replace(where, anatomy=self.source.kind)

    @property
    def to_template(self) -> Path:
        """Where the transform of T1w images to the template lies."""
        return anatomical.to_template_path(self.target)

    def _both(self) -> tuple[Source, provenance.Done]:
        if isinstance(self._made, AppError):
            raise self._made
        if self._made is None:
            try:
                self._made = self._first_that_serves()
            except AppError as error:
                self._made = error
                raise
            source, done = self._made
            image = str(source.path.relative_to(self.config.bids_dir))
            about = {source.kind.lower(): image, "kind": source.kind, "engine": "builtin"}
            self.record.content["anatomy"] = about | done.told
        return self._made

    def _first_that_serves(self) -> tuple[Source, provenance.Done]:
        """Make the anatomy from the T1w; where there is none that can be used, from a BOLD run."""
        why = f"sub-{self.who.label}: has no T1w image"
        if self.who.t1w is not None:
            source = Source("T1w", self.who.t1w.path, {})
            try:
                return source, self._done(source)
            except (DataError, MissingInputError) as error:
                why = f"the T1w image cannot be used: {error}"
        runs = [pairing.run for pairing in self.who.pairings if pairing.run is not None]
        for run in runs:
            note = (
                f"{why}. The template was found from {run.bold.path.name} alone, which is less accurate, and tissues "
                "are those of the template"
            )
            log.warning("%s", note)
            source = Source("epiref", run.bold.path, run.metadata, (note,))
            with suppress(DataError, MissingInputError):  # the run itself will tell
                return source, self._done(source)
        raise MissingInputError(
            f"{why}, and no BOLD run to find the template from",
            hint="add anat/sub-<label>_T1w.nii.gz, or reuse fMRIPrep's output with -d fmriprep=PATH",
        )

    def _key(self, source: Source) -> str:
        grid = output_grid(self.config).affine.tolist()
        decides = [self.config.sloppy, grid, source.kind, source.metadata, self.config.template]
        return provenance.key("anatomy", [source.path, *_template_files(self.config)], decides)

    def _done(self, source: Source) -> provenance.Done:
        name = f"{self.entities.stem}_anatomy"
        stage = provenance.Stage(
            self.config.work_dir, self.config.output_dir, name, self._key(source)
        )
        return (None if self.config.overwrite else stage.done()) or self._estimate(source, stage)

    def _estimate(self, source: Source, stage: provenance.Stage) -> provenance.Done:
        log.info("sub-%s: anatomy", self.who.label)
        raw, fit, notes = _fit(source, self.config)
        grid = output_grid(self.config)
        images = {"T1w": fit.t1w.data, "brain": fit.brain.inside.astype(np.float32), **fit.tissues}
        moved = {name: fmri.to_template(data, fit, grid) for name, data in images.items()}
        backward = None if fit.warp is None else fmri.inverted(fit.warp)
        where = target(self.config, self.entities, self.config.template, [source.path])
        there = anatomical.InTemplate(moved, grid, backward)
        files = anatomical.write_anatomy(replace(where, anatomy=source.kind), fit, there)
        told = Figures(self.config.output_dir, self.entities)
        template = load_template(2, self.config.template)
        draw_fmri.anatomy(told, raw, fit, there, template, IMAGES[source.kind])
        notes = (*source.notes, *notes, *fit.notes)
        return stage.record([*files, *told.files()], {"figures": told.told, "notes": notes})


def _template_files(config: RunConfig) -> list[Path]:
    """Files that decide what a template is; none for the one that the app brings."""
    if config.template == TEMPLATE:
        return []
    return [path for found in templateflow.images(config.template) for path in found.values()]


def _fit(source: Source, config: RunConfig) -> tuple[Volume, AnatFit, tuple[str, ...]]:
    """The image, its estimates, and what is to be said of it."""
    settings = fmri.AnatSettings(
        sloppy=config.sloppy,
        n_threads=config.omp_nthreads,
        device=str(device.choose(config.device)),
    )
    if source.kind != "T1w":
        series = nifti.read_bold(source.path, source.metadata)
        check_series(source.path, source.metadata, series)
        fit = fmri.fit_epi(series, load_template(1, config.template), settings)
        return fit.t1w, fit, ()
    t1w = nifti.read_volume(source.path)
    notes = check_image(source.path)
    extents_mm = t1w.grid.zooms_mm * t1w.grid.shape
    if extents_mm.min() < SHORTEST_HEAD_MM:
        raise DataError(
            f"{source.path}: covers {' x '.join(f'{extent:.0f}' for extent in extents_mm)} mm; a head takes "
            f"{SHORTEST_HEAD_MM:.0f} mm or more",
            hint="a slab cannot be brought to the template",
        )
    fit = fmri.fit_anatomy(t1w, load_template(1, config.template), settings)
    voxel_ml = float(np.prod(t1w.grid.zooms_mm)) / 1000
    brain_ml = voxel_ml * np.count_nonzero(fit.brain.inside)
    if brain_ml < SMALLEST_BRAIN_ML:
        raise DataError(
            f"{source.path}: holds {brain_ml:.0f} ml of brain; expected {SMALLEST_BRAIN_ML:.0f} or more",
            hint="is the brain cut, or is this another contrast?",
        )
    return t1w, fit, notes
