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


def blur(image: Tensor, sigma: float, axes: tuple[int, ...] = (0, 1, 2)) -> Tensor:
    """Smooth each channel with a Gaussian.

    Parameters
    ----------
    image : Tensor of shape (channel, x, y, z)
        What is smoothed; it continues beyond the border with its edge values.
    sigma : float
        Standard deviation in voxels.
    axes : tuple of int, default=(0, 1, 2)
        Spatial axes to smooth along.

    Returns
    -------
    Tensor of shape (channel, x, y, z)
        The smoothed image.
    """
    if sigma <= 0:
        return image
    radius = max(int(np.ceil(3 * sigma)), 1)
    taps = torch.arange(-radius, radius + 1, dtype=torch.float32, device=image.device)
    kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
    kernel = kernel / kernel.sum()
    out = image[:, None]
    for axis in axes:
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = 2 * radius + 1
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        out = functional.conv3d(functional.pad(out, pad, mode="replicate"), kernel.view(shape))
    return out[:, 0]


def box_mean(image: Tensor, radius: int) -> Tensor:
    """Average over a cube around each voxel; image of shape (channel, x, y, z), zeros outside."""
    out = image
    for axis in (1, 2, 3):
        pad = [0] * 6
        pad[2 * (3 - axis)], pad[2 * (3 - axis) + 1] = radius + 1, radius
        total = functional.pad(out, pad).cumsum(dim=axis)
        width = 2 * radius + 1
        length = out.shape[axis]
        out = (total.narrow(axis, width, length) - total.narrow(axis, 0, length)) / width
    return out


def gradient(image: Tensor) -> Tensor:
    """Differentiate an image of shape (x, y, z) by central differences; shape (3, x, y, z)."""
    parts = torch.gradient(image)
    return torch.stack(list(parts))
