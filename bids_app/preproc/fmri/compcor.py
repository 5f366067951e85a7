"""Principal components of noise (CompCor, Behzadi et al. 2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.values import Bools, Floats

VARIANCE_SHARE = 0.5
MOST_VARIABLE_PERCENT = 2.0
EDGE_COMPONENTS = 24
ROUNDING = 1e-9
VOXELS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The strongest components of the voxels of one mask.

    Attributes
    ----------
    courses : ndarray of shape (time, component)
        Each of unit norm, the strongest first; its sign is that of most of its voxels.
    singular_values : ndarray of shape (component,)
        Of voxels that were filtered and divided by their standard deviation.
    explained : ndarray of shape (component,)
        Share of the variance of all voxels.
    """

    courses: Floats
    singular_values: Floats
    explained: Floats


def components(series: Floats, drift: Floats, n_components: int | None = None) -> Components:
    """Find the components of voxels whose mean and drift are removed.

    Parameters
    ----------
    series : ndarray of shape (time, voxel)
        Intensities of the steady volumes.
    drift : ndarray of shape (time, cosine)
        Orthonormal; none for a short run.
    n_components : int, optional
        How many to keep; by default as many as explain half of the variance.

    Returns
    -------
    Components
        Empty where no voxel varies.
    """
    n_volumes = len(series)
    clean = series.astype(np.float64)
    clean -= clean.mean(axis=0)
    clean -= drift @ (drift.T @ clean)
    spread = clean.std(axis=0)
    # What is left of a constant voxel is rounding, which must not be blown up.
    varies = spread > 1e-6 * np.abs(series).max(initial=1e-30)
    clean = clean[:, varies] / spread[varies]
    variance, courses = np.linalg.eigh(clean @ clean.T)
    variance, courses = np.maximum(variance[::-1], 0), courses[:, ::-1]
    explained = variance / max(float(variance.sum()), 1e-30)
    # The filter took some dimensions away; rounding leaves a little of them.
    known = int(np.count_nonzero(explained > ROUNDING))
    enough = int(np.searchsorted(np.cumsum(explained), VARIANCE_SHARE)) + 1
    n_kept = min(known, n_volumes, enough if n_components is None else n_components)
    courses = courses[:, :n_kept]
    courses = courses * np.where((courses.T @ clean).sum(axis=1) < 0, -1, 1)
    return Components(courses, np.sqrt(variance[:n_kept]), explained[:n_kept])


def most_variable(series: Floats) -> Bools:
    """Find the 2 % of voxels that vary most, for tCompCor.

    Parameters
    ----------
    series : ndarray of shape (time, voxel)
        Intensities of the steady volumes, in the brain.

    Returns
    -------
    ndarray of shape (voxel,)
        Judged without slow trends: parabolas are removed.
    """
    along = np.linspace(-1, 1, len(series))
    trends = np.linalg.qr(np.vander(along, 3))[0].astype(series.dtype)
    spread = np.empty(series.shape[1])
    for start in range(0, series.shape[1], VOXELS_AT_ONCE):
        some = slice(start, start + VOXELS_AT_ONCE)
        spread[some] = (series[:, some] - trends @ (trends.T @ series[:, some])).std(axis=0)
    least = np.percentile(spread, 100 - MOST_VARIABLE_PERCENT)
    return np.asarray(spread >= least)
