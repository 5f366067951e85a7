"""Nuisance time courses, under the names that fMRIPrep gives them."""

from __future__ import annotations

import logging

import numpy as np
from scipy import ndimage

from bids_app.preproc.fmri.motion_parameters import (
    NAMES,
    framewise_displacement,
    motion_parameters,
    rms_displacement,
)
from bids_app.preproc.fmri.resample import sampled
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, apply_affine

log = logging.getLogger(__name__)

CUTOFF_S = 128.0
FD_OUTLIER_MM = 0.5
DVARS_OUTLIER = 1.5
SURE = 0.99
FEWEST_VOXELS = 20
GREY_REACH_MM = 3.0
QUARTILES_TO_SD = 1.349


def confounds(
    bold: BoldSeries, run_fit: RunFit, anat: AnatFit, n_threads: int = 1
) -> dict[str, Floats]:
    """Compute the confounds of one run.

    Parameters
    ----------
    bold : BoldSeries
        Raw run.
    run_fit : RunFit
        Its estimates.
    anat : AnatFit
        The participant's estimates, for the tissue masks.
    n_threads : int, default=1
        Volumes read at the same time.

    Returns
    -------
    dict of str to ndarray of shape (time,)
        Columns by name; NaN where a value does not exist.
    """
    inside = run_fit.brain.inside
    series = np.stack(list(sampled(bold, run_fit, run_fit.brain.points_mm(), n_threads)))
    masks = tissue_masks(run_fit, anat)
    signals = {"global_signal": series.mean(axis=1, dtype=np.float64)}
    for name in ("csf", "white_matter"):
        signals[name] = series[:, masks[name][inside]].mean(axis=1, dtype=np.float64)
    parameters = motion_parameters(run_fit)
    signals |= dict(zip(NAMES, parameters.T, strict=True))
    columns = {
        name: part
        for base, values in signals.items()
        for name, part in _expanded(base, values).items()
    }
    steady = slice(run_fit.n_dummies, None)
    plain, standard = dvars(series[steady])
    ahead = np.full(run_fit.n_dummies, np.nan)
    columns["dvars"], columns["std_dvars"] = np.r_[ahead, plain], np.r_[ahead, standard]
    columns["framewise_displacement"] = framewise_displacement(parameters)
    columns["rmsd"] = rms_displacement(run_fit)
    columns |= cosines(bold.n_volumes, bold.tr_s, run_fit.n_dummies)
    columns |= _spikes("non_steady_state_outlier", np.arange(bold.n_volumes) < run_fit.n_dummies)
    moved = np.nan_to_num(columns["framewise_displacement"]) > FD_OUTLIER_MM
    moved |= np.nan_to_num(columns["std_dvars"]) > DVARS_OUTLIER
    return columns | _spikes(
        "motion_outlier", moved & (np.arange(bold.n_volumes) >= run_fit.n_dummies)
    )


def _expanded(name: str, values: Floats) -> dict[str, Floats]:
    slope = np.r_[np.nan, np.diff(values)]
    return {
        name: values,
        f"{name}_derivative1": slope,
        f"{name}_power2": values**2,
        f"{name}_derivative1_power2": slope**2,
    }


def _spikes(name: str, flagged: Bools) -> dict[str, Floats]:
    rows = np.flatnonzero(flagged)
    return {
        f"{name}{index:02d}": (np.arange(len(flagged)) == row).astype(float)
        for index, row in enumerate(rows)
    }


def dvars(series: Floats) -> tuple[Floats, Floats]:
    """Root mean square change between volumes (Power et al. 2012), plain and standardised (Nichols 2017).

    Parameters
    ----------
    series : ndarray of shape (time, voxel)
        Intensities in the brain.

    Returns
    -------
    plain : ndarray of shape (time,)
        In units of a brain whose median is 1000; NaN for the first volume.
    standard : ndarray of shape (time,)
        Relative to what independent noise with the voxels' spread and autocorrelation would give.
    """
    if len(series) < 3:  # noqa: PLR2004 (no change whose spread could be known)
        return np.full(len(series), np.nan), np.full(len(series), np.nan)
    scaled = series * (1000 / np.median(series))
    low, high = np.percentile(scaled, [25, 75], axis=0)
    spread = (high - low) / QUARTILES_TO_SD
    kept = spread > 0
    scaled, spread = scaled[:, kept], spread[kept]
    centred = scaled - scaled.mean(axis=0)
    lagged = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
    expected = np.mean(np.sqrt(np.maximum(2 * (1 - lagged), 0)) * spread)
    plain = np.r_[np.nan, np.sqrt((np.diff(scaled, axis=0) ** 2).mean(axis=1, dtype=np.float64))]
    return plain, plain / max(expected, 1e-12)


def cosines(n_volumes: int, tr_s: float, n_dummies: int) -> dict[str, Floats]:
    """Build slow cosines, for drifts slower than 128 s.

    Parameters
    ----------
    n_volumes : int
        Of the run.
    tr_s : float
        Repetition time.
    n_dummies : int
        Volumes at the start that are left out (0).

    Returns
    -------
    dict of str to ndarray of shape (time,)
        ``cosine00`` and so on, each of unit norm.
    """
    length = n_volumes - n_dummies
    n_cosines = int(2 * length * tr_s / CUTOFF_S)
    phase = np.pi * (np.arange(length) + 0.5) / max(length, 1)
    return {
        f"cosine{order - 1:02d}": np.r_[
            np.zeros(n_dummies), np.sqrt(2 / length) * np.cos(order * phase)
        ]
        for order in range(1, n_cosines)
    }


def tissue_masks(run_fit: RunFit, anat: AnatFit) -> dict[str, Bools]:
    """Choose voxels of the raw grid that hold one tissue only.

    Parameters
    ----------
    run_fit : RunFit
        Brain, and its place in the T1w image.
    anat : AnatFit
        Tissues.

    Returns
    -------
    dict of str to ndarray of shape (x, y, z)
        ``csf`` and ``white_matter``, away from grey matter. Where no voxel is sure, the surest are taken.
    """
    zooms = anat.t1w.grid.zooms_mm
    distance = ndimage.distance_transform_edt(anat.tissues["GM"] < 0.05, sampling=zooms)  # noqa: PLR2004 (grey at all)
    masks = {}
    for name, tissue in (("csf", "CSF"), ("white_matter", "WM")):
        pure = np.where(distance > GREY_REACH_MM, anat.tissues[tissue], np.float32(0))
        share = np.where(run_fit.brain.inside, _on_bold(pure, run_fit, anat), np.float32(0))
        chosen = share > SURE
        if chosen.sum() < FEWEST_VOXELS:
            whole = np.where(
                run_fit.brain.inside, _on_bold(anat.tissues[tissue], run_fit, anat), 0
            )
            surest = np.sort((share + whole).ravel())[-FEWEST_VOXELS]
            chosen = (share + whole >= surest) & run_fit.brain.inside
            log.warning(
                "%s: no voxel is surely of this tissue; the surest %d are taken",
                name,
                chosen.sum(),
            )
        masks[name] = chosen
    return masks


def _on_bold(data: Floats, run_fit: RunFit, anat: AnatFit) -> Floats:
    grid: Grid = run_fit.reference.grid
    ratio = grid.zooms_mm.mean() / anat.t1w.grid.zooms_mm
    blurred = ndimage.gaussian_filter(data, 0.3 * ratio, truncate=3)
    matrix = (
        np.linalg.inv(anat.t1w.grid.affine) @ np.linalg.inv(run_fit.t1w_to_reference) @ grid.affine
    )
    voxels = apply_affine(matrix, np.argwhere(np.ones(grid.shape, dtype=bool)).astype(float))
    return np.asarray(ndimage.map_coordinates(blurred, voxels.T, order=1).reshape(grid.shape))
