"""Affine from the template to the T1w image: many rotations tried, the best refined.

Correlation of the two brains, as a function of a rigid map, a scaled one, and a full affine, maximised by
quasi-Newton steps with gradients from torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation
from torch import Tensor

from bids_app.preproc.fmri.fields import affine_points, blur, lattice, sample, tensor
from bids_app.preproc.fmri.grids import box_around, crop
from bids_app.preproc.fmri.rigid import LEVER_MM
from bids_app.values import Floats
from bids_app.values.space import Grid, Volume

TRIED_DEGREES = (-40.0, -20.0, 0.0, 20.0, 40.0)
KEPT_STARTS = 5
RIGID, SCALED, FULL = 6, 9, 12


@dataclass(frozen=True, slots=True, eq=False)
class _Level:
    fixed: Tensor  # (point,)
    points_mm: Tensor  # (point, 3)
    moving: Tensor  # (1, x, y, z)
    to_voxels: Floats  # (4, 4)
    fixed_centre_mm: Floats
    moving_centre_mm: Floats
    scale: float


def fit_affine(t1w: Volume, template: Volume, device: str, *, sloppy: bool = False) -> Floats:
    """Find the affine that brings a brain on to a template.

    Parameters
    ----------
    t1w : Volume
        Brain, 0 outside; axes towards RAS.
    template : Volume
        Brain, 0 outside.
    device : str
        Where torch computes.
    sloppy : bool, default=False
        Leave out the finest level.

    Returns
    -------
    ndarray of shape (4, 4)
        Template millimetres to T1w millimetres.
    """
    coarse = _level(t1w, template, 8.0, device)
    starts = _rotations(coarse)
    tried = [_maximise(coarse, np.r_[np.zeros(3), turn, np.zeros(6)], RIGID) for turn in starts]
    best = min(tried, key=lambda found: found[1])[0]
    best = _maximise(coarse, best, SCALED)[0]
    best = _maximise(coarse, best, FULL)[0]
    finest = coarse
    for step_mm in (6.0,) if sloppy else (4.0,):
        finest = _level(t1w, template, step_mm, device)
        best = _maximise(finest, best, FULL)[0]
    with torch.no_grad():
        return _matrix(torch.as_tensor(best), finest).numpy()


def _level(t1w: Volume, template: Volume, step_mm: float, device: str) -> _Level:
    fixed, grid = _thinned(template, step_mm, device)
    moving, moving_grid = _thinned(t1w, step_mm, device)
    points = affine_points(grid.affine, lattice(grid.shape, device))
    return _Level(
        fixed=fixed.ravel(),
        points_mm=points.reshape(-1, 3),
        moving=moving[None],
        to_voxels=np.linalg.inv(moving_grid.affine),
        fixed_centre_mm=_centre_mm(template),
        moving_centre_mm=_centre_mm(t1w),
        scale=float(np.cbrt(_litres(t1w) / _litres(template))),
    )


def _thinned(volume: Volume, step_mm: float, device: str) -> tuple[Tensor, Grid]:
    margin = [int(np.ceil(2 * step_mm / zoom)) for zoom in volume.grid.zooms_mm]
    tight = crop(volume, box_around(volume.data > 0, (margin[0], margin[1], margin[2])))
    steps = [max(round(step_mm / zoom), 1) for zoom in tight.grid.zooms_mm]
    sigmas = tuple(0.4 * step_mm / float(zoom) for zoom in tight.grid.zooms_mm)
    image = blur(tensor(tight.data, device)[None], sigmas, tuple(steps))
    affine = tight.grid.affine @ np.diag([*steps, 1.0])
    shape = image.shape[1:]
    return image[0], Grid((shape[0], shape[1], shape[2]), affine)


def _centre_mm(volume: Volume) -> Floats:
    inside = np.argwhere(volume.data > 0)
    return np.asarray(volume.grid.points_mm(inside.mean(axis=0, keepdims=True))[0])


def _litres(volume: Volume) -> float:
    return float((volume.data > 0).sum() * abs(np.linalg.det(volume.grid.affine[:3, :3])))


def _rotations(level: _Level) -> list[Floats]:
    # The header first, then the best of a coarse search: it may be wrong by tens of degrees.
    turns = [
        Rotation.from_euler("xyz", angles, degrees=True).as_rotvec()
        for angles in product(TRIED_DEGREES, repeat=3)
    ]
    with torch.no_grad():
        losses = [
            float(_loss(torch.as_tensor(np.r_[np.zeros(3), turn, np.zeros(6)]), level))
            for turn in turns
        ]
    order = np.argsort(losses, kind="stable")
    return [np.zeros(3), *(turns[index] for index in order[:KEPT_STARTS])]


def _maximise(level: _Level, start: Floats, n_free: int) -> tuple[Floats, float]:
    def value(free: Floats) -> tuple[float, Floats]:
        parameters = torch.as_tensor(np.r_[free, start[n_free:]]).requires_grad_()
        loss = _loss(parameters, level)
        loss.backward()
        slope = parameters.grad
        return float(loss.detach()), (
            np.zeros(n_free) if slope is None else slope.numpy()[:n_free]
        )

    found = minimize(
        value, start[:n_free], jac=True, method="L-BFGS-B", options={"maxiter": 40, "ftol": 1e-6}
    )
    return np.r_[found.x, start[n_free:]], float(found.fun)


def _loss(parameters: Tensor, level: _Level) -> Tensor:
    matrix = torch.as_tensor(level.to_voxels) @ _matrix(parameters, level)
    matrix = matrix.to(level.points_mm)
    voxels = level.points_mm @ matrix[:3, :3].T + matrix[:3, 3]
    moved = sample(level.moving, voxels)[0]
    first, second = level.fixed - level.fixed.mean(), moved - moved.mean()
    norm = (first.square().sum() * second.square().sum()).sqrt() + 1e-6
    return 1 - (first * second).sum() / norm


def _matrix(parameters: Tensor, level: _Level) -> Tensor:
    shift, turn = parameters[:3] * LEVER_MM, parameters[3:6]
    zero = torch.zeros((), dtype=parameters.dtype)
    spin = torch.stack([
        torch.stack([zero, -turn[2], turn[1]]),
        torch.stack([turn[2], zero, -turn[0]]),
        torch.stack([-turn[1], turn[0], zero]),
    ])
    stretch, shear = torch.exp(parameters[6:9]) * level.scale, parameters[9:12]
    form = torch.stack([
        torch.stack([stretch[0], shear[0], shear[1]]),
        torch.stack([zero, stretch[1], shear[2]]),
        torch.stack([zero, zero, stretch[2]]),
    ])
    linear = torch.linalg.matrix_exp(spin) @ form
    fixed_centre = torch.as_tensor(level.fixed_centre_mm)
    offset = torch.as_tensor(level.moving_centre_mm) + shift - linear @ fixed_centre
    last = torch.tensor([[0.0, 0.0, 0.0, 1.0]], dtype=parameters.dtype)
    return torch.cat([torch.cat([linear, offset[:, None]], dim=1), last])
