"""Nuisance regression of what a model learns, by named strategies.

What could leak, and does not: the coefficients of a run that is itself split are fitted on its training volumes only,
so that no training target depends on the BOLD of a test volume. Motion and mean signals of a volume come from that
volume and the one before; a purge gap of many volumes lies between sets. Components (CompCor) come from all volumes of
their run at once: they are for runs that are wholly in one set, and within one run they must not be used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.errors import DataError
from bids_app.preproc.fmri.motion_parameters import NAMES
from bids_app.values import Bools, Floats, Ints

MOTION = tuple(
    f"{name}{ending}"
    for name in NAMES
    for ending in ("", "_derivative1", "_power2", "_derivative1_power2")
)
TISSUES = ("csf", "white_matter")
EXPANDED_TISSUES = tuple(
    f"{name}{ending}"
    for name in TISSUES
    for ending in ("", "_derivative1", "_power2", "_derivative1_power2")
)


@dataclass(frozen=True, slots=True)
class Strategy:
    """Which confounds are regressed out; slow cosines always are.

    Attributes
    ----------
    columns : tuple of str
        Names.
    prefixes : tuple of str
        All columns whose names start so.
    scrubs : bool
        Volumes that move too much are left out of the fit and of training.
    pools_time : bool
        A column depends on all volumes of the run.
    """

    columns: tuple[str, ...] = MOTION
    prefixes: tuple[str, ...] = ()
    scrubs: bool = False
    pools_time: bool = False


STRATEGIES = {
    "motion": Strategy(),
    "simple": Strategy((*MOTION, *TISSUES)),
    "scrubbing": Strategy((*MOTION, *EXPANDED_TISSUES), scrubs=True),
    "acompcor": Strategy(MOTION, ("a_comp_cor_",), pools_time=True),
}
# With more columns than this there would be little left of the signal, whatever the columns are.
MOST_COLUMNS_SHARE = 0.5
VOXELS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Nuisance:
    """What is regressed out of one run.

    Attributes
    ----------
    columns : ndarray of shape (time, column)
        Confounds; a change that does not exist, in the first volume, is 0.
    kept : ndarray of shape (time,)
        False for volumes before the steady state and, when scrubbing, those that move too much.
    """

    columns: Floats
    kept: Bools


def nuisance(confounds: dict[str, Floats], name: str, where: str) -> Nuisance:
    """Pick the confounds of a strategy.

    Parameters
    ----------
    confounds : dict of str to ndarray of shape (time,)
        By fMRIPrep's names.
    name : str
        Of :data:`STRATEGIES`.
    where : str
        File that they are from, for messages.

    Raises
    ------
    DataError
        When a column is missing.
    """
    strategy = STRATEGIES[name]
    lacking = [column for column in strategy.columns if column not in confounds]
    lacking += [
        f"{prefix}00"
        for prefix in strategy.prefixes
        if not any(column.startswith(prefix) for column in confounds)
    ]
    if lacking:
        raise DataError(
            f"{where}: has no {', '.join(lacking)}; --denoise {name} needs them",
            hint="choose another strategy, or --denoise none",
        )
    starts = ("cosine", *strategy.prefixes)
    chosen = [
        column for column in confounds if column in strategy.columns or column.startswith(starts)
    ]
    columns = np.stack([np.nan_to_num(confounds[column]) for column in chosen], axis=1)
    out = ("non_steady_state_outlier", *(("motion_outlier",) if strategy.scrubs else ()))
    flags = [np.nan_to_num(confounds[column]) for column in confounds if column.startswith(out)]
    kept = np.sum(flags, axis=0) == 0 if flags else np.ones(len(columns), dtype=bool)
    return Nuisance(columns, np.asarray(kept))


def denoised(rows: Floats, found: Nuisance, fit_on: Ints, where: str) -> Floats:
    """Regress confounds out of voxels, and keep the voxels' level.

    Parameters
    ----------
    rows : ndarray of shape (time, voxel)
        Intensities.
    found : Nuisance
        Of the same run.
    fit_on : ndarray of shape (volume,)
        Volumes that coefficients and means are fitted on; those that are not kept are left out of them too.
    where : str
        Name of the run, for messages.

    Returns
    -------
    ndarray of shape (time, voxel)
        Float32. Volumes that the fit did not see are cleaned by the coefficients of the others.

    Raises
    ------
    DataError
        When there are too few volumes for so many columns.
    """
    seen = fit_on[found.kept[fit_on]]
    n_columns = found.columns.shape[1]
    if n_columns > MOST_COLUMNS_SHARE * len(seen):
        raise DataError(
            f"{where}: {n_columns} confounds for the {len(seen)} volumes that may be used; expected at least "
            f"{int(n_columns / MOST_COLUMNS_SHARE)} volumes",
            hint="choose a strategy with fewer confounds, or --denoise none",
        )
    centred = found.columns - found.columns[seen].mean(axis=0)
    spread = centred[seen].std(axis=0)
    # A column that is constant where it is fitted has no coefficient.
    design = centred[:, spread > 0] / spread[spread > 0]
    solve = np.linalg.pinv(design[seen], rcond=1e-8)
    clean = np.array(rows, dtype=np.float32)
    for start in range(0, rows.shape[1], VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        clean[:, some] -= design @ (solve @ (clean[seen, some] - clean[seen, some].mean(axis=0)))
    return clean
