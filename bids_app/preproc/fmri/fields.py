"""Sampling of images and displacement fields in torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bids_app.values import Floats


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Bound torch's threads, and put the former number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tensor(data: Floats, device: str) -> Tensor:
    """Put an array on a device as float32, same shape."""
    return torch.from_numpy(np.ascontiguousarray(data, dtype=np.float32)).to(device)


def sample(image: Tensor, voxels: Tensor, padding: str = "zeros") -> Tensor:
    """Interpolate linearly.

    Parameters
    ----------
    image : Tensor of shape (channel, x, y, z)
        What is sampled.
    voxels : Tensor of shape (..., 3)
        Voxel indices.
    padding : str, default="zeros"
        ``zeros`` or ``border``.

    Returns
    -------
    Tensor of shape (channel, ...)
        Values at the points.
    """
    sizes = torch.tensor(image.shape[1:], dtype=torch.float32, device=image.device)
    unit = (voxels * (2 / (sizes - 1).clamp(min=1)) - 1).flip(-1)
    points = unit.reshape(1, -1, 1, 1, 3)
    found = functional.grid_sample(
        image[None], points, mode="bilinear", padding_mode=padding, align_corners=True
    )
    return found.reshape(image.shape[0], *voxels.shape[:-1])


def lattice(shape: tuple[int, ...], device: str) -> Tensor:
    """List the voxel indices of a grid, shape (x, y, z, 3)."""
    axes = [torch.arange(length, dtype=torch.float32, device=device) for length in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def affine_points(affine: Floats, points: Tensor) -> Tensor:
    """Move points of shape (..., 3) by an affine of shape (4, 4)."""
    matrix = torch.as_tensor(affine, dtype=torch.float32, device=points.device)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def smoothing_matrix(length: int, sigma: float, step: int, device: str) -> Tensor:
    """Build the matrix, shape (kept, length), that smooths with a Gaussian and keeps every n-th voxel.

    Parameters
    ----------
    length : int
        Of the axis; it continues beyond its ends with their values.
    sigma : float
        Standard deviation in voxels; 0 does not smooth.
    step : int
        Which voxels are kept.
    device : str
        Where the matrix lives.
    """
    radius = int(np.ceil(3 * sigma))
    taps = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-0.5 * (taps / max(sigma, 1e-6)) ** 2)
    kept = torch.arange(0, length, step)
    columns = (kept[:, None] + taps).clamp(0, length - 1)
    matrix = torch.zeros(len(kept), length)
    return matrix.scatter_add_(1, columns, (kernel / kernel.sum()).expand(len(kept), -1)).to(
        device
    )


def along(image: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Multiply a spatial axis (0, 1 or 2) of an image of shape (channel, x, y, z) by a matrix of shape (new, old)."""
    # Small dense matrices are several times faster than convolutions with one-dimensional kernels on CPUs.
    if axis == 2:  # noqa: PLR2004 (the last)
        return image @ matrix.T
    if axis == 1:
        return torch.matmul(matrix, image)
    flat = torch.matmul(matrix, image.flatten(2))
    return flat.view(image.shape[0], matrix.shape[0], *image.shape[2:])


def blur(image: Tensor, sigmas: tuple[float, ...], steps: tuple[int, ...] = (1, 1, 1)) -> Tensor:
    """Smooth each channel with a Gaussian, and thin it.

    Parameters
    ----------
    image : Tensor of shape (channel, x, y, z)
        What is smoothed; it continues beyond the border with its edge values.
    sigmas : tuple of float
        Standard deviation in voxels along x, y, z.
    steps : tuple of int, default=(1, 1, 1)
        Keep every n-th voxel along x, y, z.

    Returns
    -------
    Tensor of shape (channel, x, y, z)
        The smoothed image.
    """
    for axis, (sigma, step) in enumerate(zip(sigmas, steps, strict=True)):
        matrix = smoothing_matrix(image.shape[axis + 1], sigma, step, str(image.device))
        image = along(image, matrix, axis)
    return image


def box_mean(image: Tensor, radius: int) -> Tensor:
    """Average over a cube around each voxel; image of shape (channel, x, y, z), zeros outside."""
    for axis in range(3):
        index = torch.arange(image.shape[axis + 1], device=image.device)
        near = (index[:, None] - index).abs() <= radius
        image = along(image, near.float() / (2 * radius + 1), axis)
    return image


def gradient(image: Tensor) -> Tensor:
    """Differentiate an image of shape (x, y, z) by central differences; shape (3, x, y, z)."""
    parts = torch.gradient(image)
    return torch.stack(list(parts))
