"""Grey matter, white matter and CSF: mixture of Gaussians with a hidden Markov random field and template priors.

Expectation maximisation (Zhang et al. 2001) with the neighbours taken in by mean field.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bids_app.preproc.fmri.fields import affine_points, lattice, sample, tensor
from bids_app.values import Bools, Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Mask, Volume
from bids_app.values.template import Template

TISSUES = ("GM", "WM", "CSF")
PRIOR_FLOOR = 0.02
NEIGHBOUR_WEIGHT = 0.3
FIELD_ITERATIONS = 3
THINNED_BELOW_MM = 1.6
FLOOR = 1e-4
SLAB_VOXELS = 16


def tissue_priors(
    brain: Mask, template: Template, template_to_t1w: Floats, backward: Warp | None
) -> Floats:
    """Bring the template's tissues to a brain.

    Parameters
    ----------
    brain : Mask
        Of the T1w image.
    template : Template
        Tissues.
    template_to_t1w : ndarray of shape (4, 4)
        Affine.
    backward : Warp or None
        Inverse of the warp.

    Returns
    -------
    ndarray of shape (tissue, x, y, z)
        Probabilities on the T1w grid, GM, WM, CSF; they sum to one.
    """
    stack = tensor(np.stack([template.gm, template.wm]), "cpu")
    warp = (
        None
        if backward is None
        else (backward.grid, tensor(np.moveaxis(backward.displacement_mm, -1, 0), "cpu"))
    )
    priors = np.empty((len(TISSUES), *brain.grid.shape), dtype=np.float32)
    n_x, n_y, n_z = brain.grid.shape
    # Slab after slab: the points of a fine image take several times the memory of the image.
    for first in range(0, n_x, SLAB_VOXELS):
        voxels = lattice((min(SLAB_VOXELS, n_x - first), n_y, n_z), "cpu")
        voxels[..., 0] += first
        points = affine_points(np.linalg.inv(template_to_t1w) @ brain.grid.affine, voxels)
        if warp is not None:
            there = affine_points(np.linalg.inv(warp[0].affine), points)
            points = points + sample(warp[1], there, padding="border").movedim(0, -1)
        matter = sample(stack, affine_points(np.linalg.inv(template.grid.affine), points)).numpy()
        slab = priors[:, first : first + SLAB_VOXELS]
        slab[:2], slab[2] = matter, np.clip(1 - matter[0] - matter[1], 0, 1)
    priors *= 1 - 3 * PRIOR_FLOOR
    priors += PRIOR_FLOOR
    priors /= priors.sum(axis=0, keepdims=True)
    return priors


def fit_tissues(t1w: Volume, inside: Bools, priors: Floats, iterations: int) -> dict[str, Floats]:
    """Estimate tissue probabilities.

    Parameters
    ----------
    t1w : Volume
        Bias-corrected intensities.
    inside : ndarray of shape (x, y, z)
        Brain.
    priors : ndarray of shape (tissue, x, y, z)
        GM, WM, CSF before the intensities are seen.
    iterations : int
        Of expectation maximisation.

    Returns
    -------
    dict of str to ndarray of shape (x, y, z)
        Probability of ``GM``, ``WM`` and ``CSF``; 0 outside the brain.
    """
    image = tensor(np.where(inside, t1w.data, 0), "cpu")
    mask = torch.from_numpy(np.ascontiguousarray(inside))
    prior = tensor(np.where(inside, priors, 0), "cpu")
    # The classes are learned from every second voxel; all of them would give the same ones.
    steps = [2 if zoom < THINNED_BELOW_MM else 1 for zoom in t1w.grid.zooms_mm]
    thin = tuple(slice(None, None, step) for step in steps)
    means, variances = _classes(image[thin], mask[thin], prior[:, *thin], iterations)
    evidence = prior.mul_(_likelihood(image, means, variances))
    posterior = _normalised(evidence.clone())
    for _ in range(FIELD_ITERATIONS):
        posterior = _normalised(
            _neighbours(posterior).mul_(NEIGHBOUR_WEIGHT).exp_().mul_(evidence)
        )
    return {name: part.numpy() for name, part in zip(TISSUES, posterior, strict=True)}


def _classes(
    image: Tensor, mask: Tensor, prior: Tensor, iterations: int
) -> tuple[list[float], list[float]]:
    posterior = prior.clone()
    values = image[mask].double()
    for _ in range(iterations):
        weights = [part[mask].double() for part in posterior]
        means = [float((weight @ values) / weight.sum()) for weight in weights]
        variances = [
            float(weight @ (values - mean).square() / weight.sum()) + 1e-6 * mean**2
            for weight, mean in zip(weights, means, strict=True)
        ]
        field = _neighbours(posterior).mul_(NEIGHBOUR_WEIGHT).exp_().mul_(prior)
        posterior = _normalised(field.mul_(_likelihood(image, means, variances)))
    return means, variances


def _likelihood(image: Tensor, means: list[float], variances: list[float]) -> Tensor:
    # A floor keeps vessels and lesions, far from every class, from going to the widest one.
    return torch.stack([
        (image - mean).square_().mul_(-0.5 / variance).exp_().add_(FLOOR).div_(variance**0.5)
        for mean, variance in zip(means, variances, strict=True)
    ])


def _normalised(weights: Tensor) -> Tensor:
    return weights.div_(weights.sum(dim=0).clamp_(min=1e-20))


def _neighbours(posterior: Tensor) -> Tensor:
    total = torch.zeros_like(posterior)
    for axis in (1, 2, 3):
        length = posterior.shape[axis]
        total.narrow(axis, 1, length - 1).add_(posterior.narrow(axis, 0, length - 1))
        total.narrow(axis, 0, length - 1).add_(posterior.narrow(axis, 1, length - 1))
    return total
