"""Nuisance time courses, under the names that fMRIPrep gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.preproc.fmri.compcor import EDGE_COMPONENTS, components, most_variable
from bids_app.preproc.fmri.motion_parameters import (
    NAMES,
    framewise_displacement,
    motion_parameters,
    rms_displacement,
)
from bids_app.preproc.fmri.nuisance_masks import NuisanceMasks, nuisance_masks
from bids_app.preproc.fmri.resample import sampled
from bids_app.values import Bools, Floats, Ints
from bids_app.values.bold import BoldSeries
from bids_app.values.confounds import Confounds
from bids_app.values.estimates import AnatFit, RunFit

CUTOFF_S = 128.0
FD_OUTLIER_MM = 0.5
DVARS_OUTLIER = 1.5
QUARTILES_TO_SD = 1.349
VOXELS_AT_ONCE = 8192
Columns = dict[str, Floats]
About = dict[str, dict[str, Any]]
SIGNALS = ("csf", "white_matter", "csf_wm")
ABOUT: About = {
    "global_signal": {"Method": "Mean", "Description": "Mean intensity in the brain"},
    "csf": {"Method": "Mean", "Description": "Mean intensity of cerebrospinal fluid"},
    "white_matter": {"Method": "Mean", "Description": "Mean intensity of deep white matter"},
    "csf_wm": {"Method": "Mean", "Description": "Mean intensity of CSF and deep white matter"},
    "tcompcor": {
        "Method": "Mean",
        "Description": "Mean intensity of the 2 % most variable voxels",
    },
    "std_dvars": {"Description": "DVARS over what independent noise would give"},
    "dvars": {"Description": "Root mean square change from the volume before, brain median 1000"},
    "framewise_displacement": {"Units": "mm", "Description": "Power et al. 2012, 50 mm sphere"},
    "rmsd": {"Units": "mm", "Description": "Jenkinson 1999, 80 mm sphere"},
    "cosine": {"Description": "Drift slower than 128 s, steady volumes"},
    "non_steady_state_outlier": {"Description": "1 for one volume before the steady state"},
    "motion_outlier": {
        "Description": f"1 for one volume with framewise displacement over {FD_OUTLIER_MM} mm or "
        f"standardised DVARS over {DVARS_OUTLIER}"
    },
    **{
        f"trans_{axis}": {"Units": "mm", "Description": f"Head translation along FSL's {axis}"}
        for axis in "xyz"
    },
    **{
        f"rot_{axis}": {"Units": "rad", "Description": f"Head rotation about FSL's {axis}"}
        for axis in "xyz"
    },
}
EXPANSIONS = {
    "_derivative1": "change from the volume before",
    "_power2": "squared",
    "_derivative1_power2": "change from the volume before, squared",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Voxels of the brain, then of its edge, realigned and slice-timed.

    ``series`` has shape (time, voxel), ``voxels`` their flat indices, shape (voxel,).
    """

    series: Floats
    voxels: Ints
    n_brain: int
    n_dummies: int

    @property
    def brain(self) -> Floats:
        """Steady volumes of the brain, shape (time, voxel); a view."""
        return self.series[self.n_dummies :, : self.n_brain]

    def rows(self, mask: Bools) -> Bools:
        """Which voxels lie in a mask of shape (x, y, z), shape (voxel,)."""
        return np.asarray(mask.ravel()[self.voxels])

    def mean(self, kept: Bools) -> Floats:
        """Mean over some voxels; NaN where there are none."""
        if not kept.any():
            return np.full(len(self.series), np.nan)
        return np.asarray(self.series[:, kept].mean(axis=1, dtype=np.float64))

    def from_steady(self, course: Floats, before: float) -> Floats:
        """Put a course of the steady volumes, shape (time,), behind the others, which get one value."""
        return np.asarray(np.r_[np.full(self.n_dummies, before), course])


def confounds(bold: BoldSeries, run_fit: RunFit, anat: AnatFit, n_threads: int = 1) -> Confounds:
    """Compute the confounds of one run, in its own space, realigned and slice-timed.

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
    Confounds
        DVARS, drift and components leave the non-steady-state volumes out.
    """
    masks = nuisance_masks(run_fit, anat)
    seen = _look(bold, run_fit, masks.crown, n_threads)
    steady = np.arange(bold.n_volumes) >= run_fit.n_dummies
    variable = np.zeros(len(seen.voxels), dtype=bool)
    variable[: seen.n_brain] = most_variable(seen.brain)
    columns = _expanded("global_signal", seen.mean(seen.rows(run_fit.brain.inside)))
    for name, mask in zip(SIGNALS, (masks.csf, masks.white_matter, masks.combined), strict=True):
        columns |= _expanded(name, seen.mean(seen.rows(mask)))
    columns["tcompcor"] = seen.mean(variable)
    parameters = motion_parameters(run_fit)
    plain, standard = (seen.from_steady(values, np.nan) for values in dvars(seen.brain))
    moved_mm = framewise_displacement(parameters)
    columns |= {"std_dvars": standard, "dvars": plain, "framewise_displacement": moved_mm}
    columns["rmsd"] = rms_displacement(run_fit)
    drift = cosines(bold.n_volumes, bold.tr_s, run_fit.n_dummies)
    found, about = _components(seen, variable, masks, drift)
    columns |= found | drift | _spikes("non_steady_state_outlier", ~steady)
    for name, course in zip(NAMES, parameters.T, strict=True):
        columns |= _expanded(name, course)
    outliers = (moved_mm > FD_OUTLIER_MM) | (standard > DVARS_OUTLIER)
    columns |= _spikes("motion_outlier", outliers & steady)
    shown = {"CSF": masks.csf, "WM": masks.white_matter, "edge": masks.crown}
    shown = {"brain": run_fit.brain.inside} | {
        name: mask for name, mask in shown.items() if mask.any()
    }
    return Confounds(columns, _told(columns) | about, masks.notes, shown)


def _look(bold: BoldSeries, run_fit: RunFit, crown: Bools, n_threads: int) -> _Seen:
    inside, around = (np.flatnonzero(mask) for mask in (run_fit.brain.inside, crown))
    voxels = np.r_[inside, around]
    points = bold.grid.points_mm(np.stack(np.unravel_index(voxels, crown.shape), axis=1) * 1.0)
    series = np.empty((bold.n_volumes, len(voxels)), dtype=np.float32)
    for row, values in zip(series, sampled(bold, run_fit, points, n_threads), strict=True):
        row[:] = values
    return _Seen(series, voxels, len(inside), run_fit.n_dummies)


def _components(
    seen: _Seen, variable: Bools, masks: NuisanceMasks, drift: Columns
) -> tuple[Columns, About]:
    """Components of each kind of voxel; volumes before the steady state are 0."""
    steady = slice(seen.n_dummies, None)
    basis = np.array(list(drift.values())).reshape(-1, len(seen.series)).T[steady]
    columns: Columns = {}
    about: About = {}
    for prefix, kept, n_components, told in (
        ("t_comp_cor_", variable, None, {"Method": "tCompCor"}),
        ("c_comp_cor_", seen.rows(masks.csf), None, {"Method": "aCompCor", "Mask": "CSF"}),
        ("w_comp_cor_", seen.rows(masks.white_matter), None, {"Method": "aCompCor", "Mask": "WM"}),
        ("a_comp_cor_", seen.rows(masks.combined), None, {"Method": "aCompCor", "Mask": "combined"}),
        ("edge_comp_", seen.rows(masks.crown), EDGE_COMPONENTS, {"Method": "EdgeRegressor", "Mask": "Edge"}),
    ):  # fmt: skip
        found = components(seen.series[steady, kept], basis, n_components)
        total = np.cumsum(found.explained)
        for index, course in enumerate(found.courses.T):
            name = f"{prefix}{index:02d}"
            columns[name] = seen.from_steady(course, 0.0)
            about[name] = told | {
                "SingularValue": float(found.singular_values[index]),
                "VarianceExplained": float(found.explained[index]),
                "CumulativeVarianceExplained": float(total[index]),
                "Retained": True,
            }
    return columns, about


def _told(columns: Columns) -> About:
    about = {}
    for name in columns:
        base = next((base for base in ABOUT if _is_of(name, base)), None)
        if base is None:
            continue
        about[name] = dict(ABOUT[base])
        if expansion := EXPANSIONS.get(name.removeprefix(base)):
            about[name]["Description"] += f", {expansion}"
    return about


def _is_of(name: str, base: str) -> bool:
    ending = name.removeprefix(base) if name.startswith(base) else "?"
    return not ending or ending in EXPANSIONS or ending.isdigit()


def _expanded(name: str, values: Floats) -> Columns:
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
    scale = 1000 / np.median(series)
    n_kept, expected, squares = 0, 0.0, np.zeros(len(series) - 1)
    for start in range(0, series.shape[1], VOXELS_AT_ONCE):
        scaled = series[:, start : start + VOXELS_AT_ONCE] * scale
        low, high = np.percentile(scaled, [25, 75], axis=0, method="lower")
        spread = (high - low) / QUARTILES_TO_SD
        kept = spread > 0
        scaled, spread = scaled[:, kept], spread[kept]
        centred = scaled - scaled.mean(axis=0)
        lagged = (centred[1:] * centred[:-1]).sum(axis=0) / (centred**2).sum(axis=0)
        expected += float((np.sqrt(np.maximum(2 * (1 - lagged), 0)) * spread).sum())
        squares += (np.diff(scaled, axis=0) ** 2).sum(axis=1, dtype=np.float64)
        n_kept += len(spread)
    plain = np.r_[np.nan, np.sqrt(squares / max(n_kept, 1))]
    return plain, plain / max(expected / max(n_kept, 1), 1e-12)


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
