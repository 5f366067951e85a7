"""Everything that was estimated, composed and applied in one interpolation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri import slice_timing
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.splines import HALF, Splines, within
from bids_app.preproc.fmri.warp import displaced
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, Volume, apply_affine
from bids_app.values.template import Template


def resample_bold(
    bold: BoldSeries,
    run_fit: RunFit,
    anat: AnatFit,
    grid: Grid,
    inside: Bools | None = None,
    n_threads: int = 1,
) -> Floats:
    """Bring a raw run on to a template grid: slice timing, then one cubic interpolation.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    run_fit : RunFit
        Its estimates.
    anat : AnatFit
        The participant's estimates.
    grid : Grid
        Template space.
    inside : ndarray of shape (x, y, z) or None
        Voxels of the grid that are wanted; None for all.
    n_threads : int, default=1
        Volumes interpolated at the same time.

    Returns
    -------
    ndarray of shape (x, y, z, time)
        Float32; 0 where it is not wanted and where the run has no data.
    """
    wanted = _every(grid) if inside is None else inside
    points = reference_points(run_fit, anat, grid, wanted)
    return _series(bold, run_fit, points, wanted, n_threads)


def resample_affine(
    bold: BoldSeries, run_fit: RunFit, grid: Grid, to_reference: Floats, n_threads: int = 1
) -> Floats:
    """Bring a raw run on to a grid that no warp lies between: slice timing, then one cubic interpolation.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    run_fit : RunFit
        Its estimates.
    grid : Grid
        The run's own, or one in T1w space.
    to_reference : ndarray of shape (4, 4)
        From the grid's millimetres to those of the BOLD reference.
    n_threads : int, default=1
        Volumes interpolated at the same time.

    Returns
    -------
    ndarray of shape (x, y, z, time)
        Float32; 0 where the run has no data.
    """
    every = _every(grid)
    points = apply_affine(to_reference, _points(grid, every))
    return _series(bold, run_fit, points, every, n_threads)


def _series(
    bold: BoldSeries, run_fit: RunFit, points_mm: Floats, wanted: Bools, n_threads: int
) -> Floats:
    # Time is the slowest axis in memory, so that each volume is written in one piece.
    out = np.zeros((bold.n_volumes, wanted.size), dtype=np.float32)
    voxels = np.flatnonzero(wanted)
    for row, values in zip(out, sampled(bold, run_fit, points_mm, n_threads), strict=True):
        row[voxels] = values
    return np.moveaxis(out.reshape(-1, *wanted.shape), 0, -1)


def sampled(
    bold: BoldSeries, run_fit: RunFit, points_mm: Floats, n_threads: int = 1
) -> Iterator[Floats]:
    """Read every volume at points that move with the head.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    run_fit : RunFit
        Its estimates.
    points_mm : ndarray of shape (point, 3)
        Reference millimetres.
    n_threads : int, default=1
        Volumes interpolated at the same time.

    Yields
    ------
    ndarray of shape (point,)
        Values in one volume, in order of time; 0 outside it.
    """
    to_voxels = np.linalg.inv(bold.grid.affine)
    splines = Splines.of(bold.grid.shape)

    def one(volume: Floats, motion: Floats) -> Floats:
        voxels = apply_affine(to_voxels @ motion, points_mm)
        found = splines.windows(volume).read(voxels)
        found[~within(voxels, bold.grid.shape)] = 0
        return found

    # The volumes are shared out to threads; each is then read by one.
    with threads(1), ThreadPoolExecutor(n_threads) as pool:
        for first, volumes in _timed(bold, run_fit):
            # A few at a time: what was read waits in memory until it is taken.
            for start in range(0, volumes.shape[3], 4 * n_threads):
                few = range(start, min(start + 4 * n_threads, volumes.shape[3]))
                yield from pool.map(
                    one,
                    [volumes[..., index] for index in few],
                    [run_fit.motion[first + index] for index in few],
                )


def _timed(bold: BoldSeries, run_fit: RunFit) -> Iterator[tuple[int, Floats]]:
    if run_fit.slice_times_s is None:
        yield 0, bold.volumes
        return
    yield from slice_timing.blocks(
        bold, run_fit.slice_times_s, run_fit.start_time_s, run_fit.n_dummies
    )


def _read(volume: Floats, voxels: Floats, order: int = 3) -> Floats:
    found = ndimage.map_coordinates(
        volume, voxels.T, output=np.float32, order=order, mode="mirror"
    )
    found[~within(voxels, volume.shape)] = 0
    return np.asarray(found)


def _every(grid: Grid) -> Bools:
    return np.ones(grid.shape, dtype=bool)


def _points(grid: Grid, wanted: Bools) -> Floats:
    return Mask(grid, wanted).points_mm()


def t1w_points(anat: AnatFit, grid: Grid, wanted: Bools) -> Floats:
    """Find where template voxels lie in the T1w image.

    Parameters
    ----------
    anat : AnatFit
        Warp and affine.
    grid : Grid
        Template space.
    wanted : ndarray of shape (x, y, z)
        Voxels of the grid.

    Returns
    -------
    ndarray of shape (point, 3)
        T1w millimetres, one row per wanted voxel in C order.
    """
    return apply_affine(anat.template_to_t1w, displaced(_points(grid, wanted), anat.warp))


def reference_points(run_fit: RunFit, anat: AnatFit, grid: Grid, wanted: Bools) -> Floats:
    """Find where template voxels lie in the BOLD reference: :func:`t1w_points`, and from there to the run.

    Returns
    -------
    ndarray of shape (point, 3)
        Reference millimetres, one row per wanted voxel in C order.
    """
    return apply_affine(run_fit.t1w_to_reference, t1w_points(anat, grid, wanted))


def to_template(data: Floats, anat: AnatFit, grid: Grid, order: int = 1) -> Floats:
    """Bring an image on the T1w grid to the template.

    Parameters
    ----------
    data : ndarray of shape (x, y, z)
        On the T1w grid: intensities, a probability, or a mask.
    anat : AnatFit
        Warp and affine.
    grid : Grid
        Template space.
    order : int, default=1
        Of the spline: 0 for labels, 1 for probabilities, 3 for intensities.

    Returns
    -------
    ndarray of shape (x, y, z)
        Float32 on ``grid``; 0 outside the T1w image.
    """
    voxels = anat.t1w.grid.voxels(t1w_points(anat, grid, _every(grid)))
    image = data.astype(np.float32)
    if order == 1:
        # Coarse voxels stand for all the fine ones that they hold.
        ratio = grid.zooms_mm.mean() / anat.t1w.grid.zooms_mm
        image = ndimage.gaussian_filter(image, 0.35 * np.sqrt(np.maximum(ratio**2 - 1, 0)))
    return _read(image, voxels, order).reshape(grid.shape)


def reference_to_template(data: Floats, run_fit: RunFit, anat: AnatFit, grid: Grid) -> Floats:
    """Bring an image on the raw BOLD grid, in the reference's pose, to the template.

    Parameters
    ----------
    data : ndarray of shape (x, y, z)
        On the raw grid.
    run_fit : RunFit
        The run's estimates.
    anat : AnatFit
        The participant's estimates.
    grid : Grid
        Template space.

    Returns
    -------
    ndarray of shape (x, y, z)
        Float32 on ``grid``; 0 outside the run's field of view.
    """
    points = reference_points(run_fit, anat, grid, _every(grid))
    volume = data.astype(np.float32)
    return _read(volume, run_fit.reference.grid.voxels(points)).reshape(grid.shape)


def template_brain(template: Template, grid: Grid) -> Bools:
    """Find the template's brain on a grid.

    Parameters
    ----------
    template : Template
        With its own brain mask.
    grid : Grid
        Template space.

    Returns
    -------
    ndarray of shape (x, y, z)
        True in voxels of which at least half is brain.
    """
    inside = template.brain.inside.astype(np.float32)
    sigma = 0.35 * grid.zooms_mm.mean() / template.grid.zooms_mm
    voxels = template.grid.voxels(_points(grid, _every(grid)))
    share = _read(ndimage.gaussian_filter(inside, sigma), voxels, 1)
    return np.asarray(share.reshape(grid.shape) >= HALF)


def coverage(run_fit: RunFit, anat: AnatFit, grid: Grid) -> Bools:
    """Find the template voxels that every volume of a run has data for.

    Parameters
    ----------
    run_fit : RunFit
        The run's estimates.
    anat : AnatFit
        The participant's estimates.
    grid : Grid
        Template space.

    Returns
    -------
    ndarray of shape (x, y, z)
        True where all volumes have data.
    """
    points = reference_points(run_fit, anat, grid, _every(grid))
    shape, to_voxels = run_fit.reference.grid.shape, np.linalg.inv(run_fit.reference.grid.affine)
    # No point moves farther than a corner of the box around all; only points that near to the edge are followed.
    corners = np.array(list(product(*zip(points.min(axis=0), points.max(axis=0), strict=True))))
    still = apply_affine(to_voxels, corners)
    moved = [apply_affine(to_voxels @ motion, corners) - still for motion in run_fit.motion]
    reach = np.abs(moved).max(axis=(0, 1))
    voxels = apply_affine(to_voxels, points)
    covered = within(voxels - reach, shape) & within(voxels + reach, shape)
    doubted = np.flatnonzero(~covered)
    for motion in run_fit.motion:
        voxels = apply_affine(to_voxels @ motion, points[doubted])
        doubted = doubted[within(voxels, shape)]
    covered[doubted] = True
    return covered.reshape(grid.shape)


def reference_on_t1w(run_fit: RunFit, grid: Grid) -> Volume:
    """Bring the BOLD reference on to a grid in T1w space, to look at both.

    Parameters
    ----------
    run_fit : RunFit
        The run's estimates.
    grid : Grid
        In T1w millimetres.
    """
    points = apply_affine(run_fit.t1w_to_reference, _points(grid, _every(grid)))
    voxels = run_fit.reference.grid.voxels(points)
    return Volume(_read(run_fit.reference.data, voxels).reshape(grid.shape), grid)
