"""Rigid and affine maps as parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from bids_app.values import Floats

# A parameter of one moves the cortex by about this much, whichever parameter it is.
LEVER_MM = 60.0


def rigid(parameters: Floats, centre_mm: Floats) -> Floats:
    """Build a rigid map of shape (4, 4) that turns about a centre.

    Parameters
    ----------
    parameters : ndarray of shape (6,)
        Shift in millimetres, then rotation vector in radians.
    centre_mm : ndarray of shape (3,)
        Point that the rotation leaves in place.
    """
    moved = np.eye(4)
    moved[:3, :3] = Rotation.from_rotvec(parameters[3:]).as_matrix()
    moved[:3, 3] = centre_mm + parameters[:3] - moved[:3, :3] @ centre_mm
    return moved


def rigid_inverse(motion: Floats) -> Floats:
    """Invert rigid maps of shape (..., 4, 4)."""
    inverse: Floats = np.zeros_like(motion)
    turned = np.swapaxes(motion[..., :3, :3], -1, -2)
    inverse[..., :3, :3] = turned
    inverse[..., :3, 3] = -np.einsum("...ij,...j->...i", turned, motion[..., :3, 3])
    inverse[..., 3, 3] = 1
    return inverse


def mean_displacement_mm(first: Floats, second: Floats, points_mm: Floats) -> float:
    """Mean distance between where two maps of shape (4, 4) send points of shape (point, 3)."""
    between = (first - second)[:3]
    return float(np.linalg.norm(points_mm @ between[:, :3].T + between[:, 3], axis=1).mean())


def in_mm(parameters: Floats) -> Floats:
    """Turn parameters of shape (6,) of like effect into those of :func:`rigid`."""
    scaled: Floats = np.r_[parameters[:3] * LEVER_MM, parameters[3:]]
    return scaled


def powell(
    cost: Callable[[Floats], float], start: Floats, tolerance: float
) -> tuple[Floats, float]:
    """Minimise a cost that has no slopes over parameters of shape (6,) of like effect; where, and how low."""
    found = minimize(
        cost,
        start,
        method="Powell",
        options={"xtol": tolerance, "ftol": 1e-5, "maxiter": 20, "direc": np.eye(6) * 0.05},
    )
    return np.asarray(found.x), float(found.fun)
