"""One BOLD run: reference, head motion, place on the T1w image, slice timing."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage

from bids_app.errors import DataError
from bids_app.preproc.fmri import motion as head
from bids_app.preproc.fmri.brain import bold_brain
from bids_app.preproc.fmri.coregister import CoregisterSettings, coregister
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.reference import count_dummies, most_typical, reference_volumes
from bids_app.preproc.fmri.settings import RunSettings
from bids_app.preproc.fmri.slice_timing import FEWEST_VOLUMES, middle_s
from bids_app.preproc.fmri.splines import Splines
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, Volume, apply_affine

log = logging.getLogger(__name__)

LEAST_SIGNAL_FRACTION = 0.25
LEAST_BRAIN_SHARE = 0.3
LEAST_SHARE = 0.5


def fit_run(
    bold: BoldSeries, anat: AnatFit, settings: RunSettings, sbref: Volume | None = None
) -> RunFit:
    """Estimate everything that one run needs to be resampled.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    anat : AnatFit
        The participant's anatomy.
    settings : RunSettings
        Cost, and what the user has fixed.
    sbref : Volume or None
        The run's single-band reference: it is then the reference image, and decides the pose.

    Returns
    -------
    RunFit
        On the raw grid.

    Raises
    ------
    DataError
        When the run has no signal.
    """
    volumes, notes = _checked(bold)
    rough = bold_brain(_mean(volumes, bold, 0))
    n_dummies, more = _dummies(volumes, rough, settings)
    single, unused = single_band(sbref, bold)
    typical = _typical(bold, (rough, n_dummies), settings, single)
    reference = single or typical
    brain = bold_brain(reference)
    sparse = CoregisterSettings(border_points=3000, overlap_points=3000)
    place, doubts = coregister(
        reference, brain, anat, sparse if settings.sloppy else CoregisterSettings()
    )
    inside, why = _brain(reference, brain, anat, place)
    tissues = [_on_bold(part, anat, place, bold.grid) for part in anat.tissues.values()]
    # A single-band reference has another contrast: it gives the pose, but volumes are compared with their like.
    motion = head.fit_motion(volumes, typical, rough, _cost(settings), tissues)
    times, to_s, skipped = slice_times(bold, n_dummies, settings)
    notes = (*notes, *more, *unused, *doubts, *why, *skipped)
    for note in notes:
        log.warning("%s", note)
    return RunFit(reference, Mask(bold.grid, inside), motion, place, times, to_s, n_dummies, notes)


def _checked(bold: BoldSeries) -> tuple[Floats, tuple[str, ...]]:
    volumes = bold.volumes
    largest = volumes.reshape(-1, volumes.shape[3]).max(axis=0)
    if not np.isfinite(largest).all():
        raise DataError(
            f"BOLD: {np.count_nonzero(~np.isfinite(largest))} of {len(largest)} volumes hold values that are not "
            "finite",
            hint="replace NaN and infinity before preprocessing, for example with 0",
        )
    empty = int((largest <= 0).sum())
    if empty == len(largest):
        raise DataError(
            f"BOLD: all {len(largest)} volumes are empty",
            hint="check that the file holds a BOLD series",
        )
    return volumes, (f"BOLD: {empty} of {len(largest)} volumes are empty",) if empty else ()


def _mean(volumes: Floats, bold: BoldSeries, first: int) -> Volume:
    chosen = reference_volumes(bold.n_volumes, first)
    return Volume(volumes[..., chosen].mean(axis=3, dtype=np.float32), bold.grid)


def _dummies(volumes: Floats, inside: Bools, settings: RunSettings) -> tuple[int, tuple[str, ...]]:
    if settings.n_dummies is not None:
        return settings.n_dummies, ()
    found = count_dummies(volumes, inside)
    return found, (f"BOLD: {found} volumes at the start are not in steady state",) if found else ()


def single_band(sbref: Volume | None, bold: BoldSeries) -> tuple[Volume | None, tuple[str, ...]]:
    """Tell whether a single-band reference can stand for a run, and if not, why.

    Parameters
    ----------
    sbref : Volume or None
        What the dataset has.
    bold : BoldSeries
        The run, whose grid of shape (x, y, z) it must be on.
    """
    if sbref is None:
        return None, ()
    if not sbref.grid.matches(bold.grid, tolerance_mm=0.1):
        return None, (
            f"BOLD: the single-band reference is on another grid ({sbref.grid.shape}) than the run "
            f"({bold.grid.shape}) and was not used",
        )
    data = np.maximum(np.nan_to_num(sbref.data.astype(np.float32)), 0)
    if not data.any():
        return None, ("BOLD: the single-band reference is empty and was not used",)
    return Volume(data, bold.grid), ()


def _cost(settings: RunSettings) -> head.MotionSettings:
    return head.MotionSettings(
        iterations=8 if settings.sloppy else 20, n_threads=settings.n_threads
    )


def _typical(
    bold: BoldSeries, known: tuple[Bools, int], settings: RunSettings, pose: Volume | None
) -> Volume:
    """Median of volumes brought to the pose of an image, or of one of them."""
    inside, n_dummies = known
    volumes = bold.volumes
    chosen = reference_volumes(bold.n_volumes, n_dummies)
    first = Volume(volumes[..., most_typical(volumes, chosen)].astype(np.float32), bold.grid)
    moved = head.fit_motion(volumes[..., chosen], pose or first, inside, _cost(settings))
    splines = Splines.of(bold.grid.shape)
    voxels = np.indices(bold.grid.shape).reshape(3, -1).T.astype(np.float64)
    to_voxels = np.linalg.inv(bold.grid.affine)

    def still(index: int, motion: Floats) -> Floats:
        places = apply_affine(to_voxels @ motion @ bold.grid.affine, voxels)
        return splines.windows(volumes[..., index]).read(places)

    with threads(1), ThreadPoolExecutor(settings.n_threads) as pool:
        stack = np.stack(list(pool.map(still, chosen, moved)))
    median = np.median(stack, axis=0).reshape(bold.grid.shape)
    return Volume(np.maximum(median, 0), bold.grid)


def _brain(
    reference: Volume, rough: Bools, anat: AnatFit, t1w_to_reference: Floats
) -> tuple[Bools, tuple[str, ...]]:
    share = _on_bold(anat.brain.inside, anat, t1w_to_reference, reference.grid)
    anatomical = share > LEAST_SHARE
    if anatomical.sum() < LEAST_BRAIN_SHARE * rough.sum():
        return rough, (
            "BOLD: the T1w brain lies outside the BOLD image; brain mask from BOLD alone",
        )
    signal = reference.data > LEAST_SIGNAL_FRACTION * np.median(reference.data[anatomical])
    return np.asarray(anatomical & signal), ()


def _on_bold(image: Floats | Bools, anat: AnatFit, t1w_to_reference: Floats, grid: Grid) -> Floats:
    """Bring an image of shape (x, y, z) on the T1w grid to a BOLD grid, as blurred as its voxels are."""
    matrix = np.linalg.inv(anat.t1w.grid.affine) @ np.linalg.inv(t1w_to_reference) @ grid.affine
    voxels = apply_affine(matrix, np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
    blurred = ndimage.gaussian_filter(
        np.asarray(image, dtype=np.float32), 0.3 * grid.zooms_mm.mean() / anat.t1w.grid.zooms_mm
    )
    found: Floats = ndimage.map_coordinates(blurred, voxels.T, order=1)
    return found.reshape(grid.shape)


def slice_times(
    bold: BoldSeries, n_dummies: int, settings: RunSettings
) -> tuple[Floats | None, float, tuple[str, ...]]:
    """Decide on slice timing.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    n_dummies : int
        Non-steady-state volumes.
    settings : RunSettings
        What the user asked for.

    Returns
    -------
    ndarray of shape (slice,) or None
        Slice times to correct for; None to leave them.
    float
        What time within the volume the result stands for.
    tuple of str
        Why not, if not.
    """
    if not settings.slice_timing:
        return None, bold.start_time_s, ("slice timing: not corrected, as asked",)
    if bold.slice_times_s is None:
        return None, bold.start_time_s, ("slice timing: not corrected, slice times are unknown",)
    if bold.n_volumes - n_dummies < FEWEST_VOLUMES:
        n_usable = bold.n_volumes - n_dummies
        return None, bold.start_time_s, (f"slice timing: not corrected, only {n_usable} volumes",)
    return bold.slice_times_s, middle_s(bold.slice_times_s), ()
