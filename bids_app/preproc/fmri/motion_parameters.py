"""Head motion as six columns, in the convention of FSL that fMRIPrep writes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bids_app.values import Floats
from bids_app.values.estimates import RunFit
from bids_app.values.space import Grid

NAMES = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
# A sphere's radius: Power et al. 2012 for framewise displacement, FSL for rmsd.
POWER_RADIUS_MM = 50.0
FSL_RADIUS_MM = 80.0


def fsl_matrices(motion: Floats, grid: Grid) -> Floats:
    """Turn motion into FSL's matrices.

    Parameters
    ----------
    motion : ndarray of shape (time, 4, 4)
        Reference millimetres to each volume's millimetres.
    grid : Grid
        Of the run.

    Returns
    -------
    ndarray of shape (time, 4, 4)
        Each volume's scaled voxels to the reference's; the first axis is flipped where the voxel axes are right-handed.
    """
    to_fsl = np.diag([*grid.zooms_mm, 1.0])
    if np.linalg.det(grid.affine[:3, :3]) > 0:
        flip = np.diag([-1.0, 1.0, 1.0, 1.0])
        flip[0, 3] = (grid.shape[0] - 1) * grid.zooms_mm[0]
        to_fsl = flip @ to_fsl
    from_ras = to_fsl @ np.linalg.inv(grid.affine)
    return np.asarray(from_ras @ np.linalg.inv(motion) @ np.linalg.inv(from_ras))


def motion_parameters(run_fit: RunFit) -> Floats:
    """Shifts in millimetres and rotations in radians, shape (time, 6), in the order of ``NAMES``."""
    grid = run_fit.reference.grid
    matrices = fsl_matrices(run_fit.motion, grid)
    turn = matrices[:, :3, :3].transpose(0, 2, 1)
    centre = np.array(ndimage.center_of_mass(run_fit.reference.data)) * grid.zooms_mm
    shifts = matrices[:, :3, 3] - turn @ centre + centre
    angles = Rotation.from_matrix(turn).as_euler("XYZ")
    parameters: Floats = np.c_[shifts, angles]
    return parameters


def framewise_displacement(parameters: Floats) -> Floats:
    """Sum of the absolute changes (Power et al. 2012) from motion parameters of shape (time, 6).

    Returns
    -------
    ndarray of shape (time,)
        Millimetres; NaN for the first volume.
    """
    change = np.abs(np.diff(parameters, axis=0))
    change[:, 3:] *= POWER_RADIUS_MM
    total: Floats = np.r_[np.nan, change.sum(axis=1)]
    return total


def rms_displacement(run_fit: RunFit) -> Floats:
    """Root mean square displacement from the volume before (Jenkinson 1999).

    Returns
    -------
    ndarray of shape (time,)
        Millimetres; NaN for the first volume.
    """
    grid = run_fit.reference.grid
    matrices = fsl_matrices(run_fit.motion, grid)
    centre = 0.5 * (np.array(grid.shape) - 1) * grid.zooms_mm
    change = matrices[1:] @ np.linalg.inv(matrices[:-1]) - np.eye(4)
    linear = change[:, :3, :3]
    shift = change[:, :3, 3] + linear @ centre
    squares = (linear**2).sum(axis=(1, 2)) * FSL_RADIUS_MM**2 / 5
    moved: Floats = np.r_[np.nan, np.sqrt((shift**2).sum(axis=1) + squares)]
    return moved
