"""A run in further spaces: its own, and that of the T1w; interpolated once too, from the raw volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.derivatives import write
from bids_app.derivatives.names import NATIVE, Space, uri
from bids_app.preproc import fmri
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask

HALF = 0.5


def t1w_grid(t1w: Grid, bold: Grid) -> Grid:
    """The box of a T1w image, with cubic voxels as large as those of BOLD."""
    edge_mm = float(np.cbrt(np.prod(bold.zooms_mm)))
    extents_mm = t1w.zooms_mm * t1w.shape
    n_x, n_y, n_z = (int(length) for length in np.ceil(extents_mm / edge_mm))
    affine = t1w.affine @ np.diag([*(edge_mm / t1w.zooms_mm), 1.0])
    # Both boxes begin at the same corner, which is half a voxel before the first centre.
    affine[:3, 3] += affine[:3, :3] @ np.full(3, HALF) - t1w.affine[:3, :3] @ np.full(3, HALF)
    return Grid((n_x, n_y, n_z), affine)


def write_in(
    spaces: tuple[str, ...],
    where: write.Target,
    found: tuple[BoldSeries, RunFit, AnatFit],
    metadata: dict[str, Any],
    n_threads: int,
) -> list[Path]:
    """Write a run in further spaces.

    Parameters
    ----------
    spaces : tuple of str
        ``func`` for the run's own, ``T1w``.
    where : Target
        Of the run.
    found : tuple of BoldSeries, RunFit and AnatFit
        The run, raw, and what was estimated.
    metadata : dict
        Sidecar of the raw run.
    n_threads : int
        Volumes interpolated at the same time.
    """
    series, fit, anat = found
    written: list[Path] = []
    corrected = fit.slice_times_s is not None
    start_time_s = fit.start_time_s or series.start_time_s
    if "func" in spaces:
        volumes = fmri.resample_affine(series, fit, series.grid, np.eye(4), n_threads)
        own = write.BoldInTemplate(
            volumes, fit.reference.data, fit.brain, series.tr_s, start_time_s, metadata
        )
        target = replace(where, space=NATIVE)
        written += write.write_bold(target, own, slice_timing_corrected=corrected)
    if "T1w" in spaces and where.anatomy == "T1w":
        grid = t1w_grid(anat.t1w.grid, series.grid)
        volumes = fmri.resample_affine(series, fit, grid, fit.t1w_to_reference, n_threads)
        inside = fmri.onto_grid(anat.brain.inside.astype(np.float32), anat.t1w.grid, grid) > HALF
        brain = Mask(grid, inside & (volumes != 0).all(axis=3))
        reference = fmri.reference_on_t1w(fit, grid).data
        there = write.BoldInTemplate(
            volumes, reference, brain, series.tr_s, start_time_s, metadata
        )
        target = replace(where, space=Space("T1w", None), reference=_t1w_uri(where))
        written += write.write_bold(target, there, slice_timing_corrected=corrected)
    return written


def _t1w_uri(where: write.Target) -> str:
    who = where.entities.without("ses", "task", "acq", "ce", "rec", "dir", "run", "echo")
    path = replace(where, entities=who).path("anat", "T1w.nii.gz", {"desc": "preproc"})
    return uri(path, where.root)
