"""Diffeomorphic warp of the template on to a brain, by greedy steps on local correlation.

The field is composed of many small smooth steps (Christensen et al. 1996; Avants et al. 2008 for the local
correlation), coarse to fine. Every operation is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bids_app.preproc.fmri.fields import (
    affine_points,
    blur,
    box_mean,
    gradient,
    lattice,
    sample,
    tensor,
)
from bids_app.preproc.fmri.grids import box_around
from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, Volume

MARGIN_MM = 12.0
INVERSION_STEPS = 15
# Variance, relative to a mean of one, of a neighbourhood that shows nothing.
FLAT = 1e-5


@dataclass(frozen=True, slots=True)
class WarpSettings:
    """Settings of the warp.

    Attributes
    ----------
    steps_mm : tuple of float
        Voxel edge of each level, coarse to fine.
    iterations : tuple of int
        Of each level.
    radius : int
        Reach of the local correlation, in voxels.
    step_sigma, total_sigma : float
        Smoothing of each step and of the whole field, in voxels.
    stride : float
        Longest displacement in one step, in voxels.
    """

    steps_mm: tuple[float, ...] = (8.0, 4.0, 2.0)
    iterations: tuple[int, ...] = (50, 50, 40)
    radius: int = 3
    step_sigma: float = 1.7
    total_sigma: float = 0.6
    stride: float = 0.6


SLOPPY = WarpSettings(steps_mm=(8.0, 4.0), iterations=(30, 20))


def fit_warp(
    t1w: Volume, template: Volume, template_to_t1w: Floats, settings: WarpSettings, device: str
) -> Warp:
    """Find the warp that makes a template look like a brain.

    Parameters
    ----------
    t1w : Volume
        Brain, 0 outside.
    template : Volume
        Brain, 0 outside.
    template_to_t1w : ndarray of shape (4, 4)
        Affine, template millimetres to T1w millimetres.
    settings : WarpSettings
        How long and how smooth.
    device : str
        Where torch computes.

    Returns
    -------
    Warp
        Displacement of template points, before the affine.
    """
    field: Tensor | None = None
    grid = _grid(template, settings.steps_mm[0])
    for step_mm, iterations in zip(settings.steps_mm, settings.iterations, strict=True):
        finer = _grid(template, step_mm)
        field = _carry(field, grid, finer, device)
        grid = finer
        fixed = _on_grid(template, grid, np.eye(4), device)
        moving = _on_grid(t1w, grid, template_to_t1w, device)
        for iteration in range(iterations):
            stride = settings.stride * (1 - 0.75 * iteration / iterations)
            field = _improved(field, fixed, moving, settings, stride)
    assert field is not None
    displacement = field.movedim(0, -1) * settings.steps_mm[-1]
    return Warp(grid, displacement.cpu().numpy())


def _grid(template: Volume, step_mm: float) -> Grid:
    zooms = template.grid.zooms_mm
    n_x, n_y, n_z = (int(np.ceil(MARGIN_MM / zoom)) for zoom in zooms)
    box = box_around(template.data > 0, (n_x, n_y, n_z))
    shape = [
        int(np.ceil((part.stop - 1 - part.start) * zoom / step_mm)) + 1
        for part, zoom in zip(box, zooms, strict=True)
    ]
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, 3] = (
        template.grid.affine[:3, :3] @ [part.start for part in box] + template.grid.affine[:3, 3]
    )
    return Grid((shape[0], shape[1], shape[2]), affine)


def _carry(field: Tensor | None, old: Grid, new: Grid, device: str) -> Tensor:
    if field is None:
        return torch.zeros((3, *new.shape), device=device)
    points = affine_points(np.linalg.inv(old.affine) @ new.affine, lattice(new.shape, device))
    ratio = float(old.zooms_mm[0] / new.zooms_mm[0])
    return sample(field, points, padding="border") * ratio


def _on_grid(volume: Volume, grid: Grid, to_volume: Floats, device: str) -> Tensor:
    sigmas = tuple(0.4 * float(grid.zooms_mm[0] / zoom) for zoom in volume.grid.zooms_mm)
    image = blur(tensor(volume.data, device)[None], sigmas)
    matrix = np.linalg.inv(volume.grid.affine) @ to_volume @ grid.affine
    found = sample(image, affine_points(matrix, lattice(grid.shape, device)))[0]
    # In single precision the sum would depend on how many threads share it.
    return found / found[found > 0].mean(dtype=torch.float64).to(found.dtype)


def _improved(
    field: Tensor, fixed: Tensor, moving: Tensor, settings: WarpSettings, stride: float
) -> Tensor:
    here = lattice(tuple(fixed.shape), str(fixed.device))
    warped = sample(moving[None], here + field.movedim(0, -1))[0]
    force = local_correlation_slope(fixed, warped, settings.radius) * gradient(warped)
    step = blur(force, (settings.step_sigma,) * 3)
    longest = step.square().sum(dim=0).sqrt().max().clamp(min=1e-12)
    step = step * (stride / longest)
    composed = step + sample(field, here + step.movedim(0, -1), padding="border")
    return blur(composed, (settings.total_sigma,) * 3)


def local_correlation_slope(fixed: Tensor, moving: Tensor, radius: int) -> Tensor:
    """Differentiate the sum of squared local correlation coefficients.

    Parameters
    ----------
    fixed, moving : Tensor of shape (x, y, z)
        Images.
    radius : int
        Half width of the neighbourhood, a cube.

    Returns
    -------
    Tensor of shape (x, y, z)
        Derivative by each voxel of ``moving``, up to a constant factor.
    """
    stack = torch.stack([fixed, moving, fixed * fixed, moving * moving, fixed * moving])
    mean_f, mean_m, ff, mm, fm = box_mean(stack, radius)
    shared = fm - mean_f * mean_m
    spread_f = ff - mean_f.square()
    spread_m = mm - mean_m.square()
    sound = (spread_f > FLAT) & (spread_m > FLAT)
    spread_f, spread_m = spread_f.clamp(min=FLAT), spread_m.clamp(min=FLAT)
    to_fixed = torch.where(sound, 2 * shared / (spread_f * spread_m), 0.0)
    to_moving = to_fixed * shared / spread_m
    a, b, c = box_mean(
        torch.stack([to_fixed, to_moving, to_moving * mean_m - to_fixed * mean_f]), radius
    )
    slope: Tensor = a * fixed - b * moving + c
    return slope


def inverted(warp: Warp) -> Warp:
    """Invert a warp by fixed-point iteration: it then displaces warped points back."""
    displacement = tensor(np.moveaxis(warp.displacement_mm, -1, 0), "cpu")
    scale = torch.as_tensor(1 / warp.grid.zooms_mm, dtype=torch.float32)
    here = lattice(warp.grid.shape, "cpu")
    back = torch.zeros_like(displacement)
    for _ in range(INVERSION_STEPS):
        back = -sample(displacement, here + back.movedim(0, -1) * scale, padding="border")
    return Warp(warp.grid, back.movedim(0, -1).numpy())


def displaced(points_mm: Floats, warp: Warp | None) -> Floats:
    """Move points of shape (point, 3), in millimetres, by a warp; beyond its grid it fades at the edge value."""
    if warp is None:
        return points_mm
    voxels = tensor(warp.grid.voxels(points_mm), "cpu")
    field = tensor(np.moveaxis(warp.displacement_mm, -1, 0), "cpu")
    moved: Floats = points_mm + sample(field, voxels, padding="border").T.numpy()
    return moved


def jacobian(warp: Warp) -> Floats:
    """Determinant of the map ``x + displacement(x)``, shape (x, y, z)."""
    field = tensor(np.moveaxis(warp.displacement_mm, -1, 0), "cpu")
    field = field / torch.as_tensor(warp.grid.zooms_mm, dtype=torch.float32)[:, None, None, None]
    rows = torch.stack([gradient(part) for part in field]).permute(2, 3, 4, 0, 1)
    return np.asarray(torch.linalg.det(rows + torch.eye(3)).numpy())
