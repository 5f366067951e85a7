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
    points = affine_points(
        np.linalg.inv(template_to_t1w) @ brain.grid.affine, lattice(brain.grid.shape, "cpu")
    )
    if backward is not None:
        field = tensor(np.moveaxis(backward.displacement_mm, -1, 0), "cpu")
        voxels = affine_points(np.linalg.inv(backward.grid.affine), points)
        points = points + sample(field, voxels, padding="border").movedim(0, -1)
    matter = sample(stack, affine_points(np.linalg.inv(template.grid.affine), points))
    grey, white = matter[0].numpy(), matter[1].numpy()
    priors = np.stack([grey, white, np.clip(1 - grey - white, 0, 1)])
    priors = priors * (1 - 3 * PRIOR_FLOOR) + PRIOR_FLOOR
    return np.asarray(priors / priors.sum(axis=0, keepdims=True))


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
    image = tensor(t1w.data, "cpu")
    mask = torch.from_numpy(np.ascontiguousarray(inside))
    image = image / image[mask].median()
    prior = tensor(priors, "cpu").clamp(min=1e-4) * mask
    posterior = prior / prior.sum(dim=0).clamp(min=1e-6)
    for _ in range(iterations):
        likelihood = _likelihood(image, mask, posterior)
        field = torch.exp(NEIGHBOUR_WEIGHT * _neighbours(posterior))
        posterior = likelihood * prior * field
        posterior = posterior / posterior.sum(dim=0).clamp(min=1e-20) * mask
    return {name: part.numpy() for name, part in zip(TISSUES, posterior, strict=True)}


def _likelihood(image: Tensor, mask: Tensor, posterior: Tensor) -> Tensor:
    weight = posterior.flatten(1).double()
    values = image.flatten().double()
    total = weight.sum(dim=1).clamp(min=1e-3)
    mean = (weight @ values) / total
    spread = ((weight @ values.square()) / total - mean.square()).clamp(min=1e-4)
    mean, spread = mean.float()[:, None, None, None], spread.float()[:, None, None, None]
    density = torch.exp(-0.5 * (image - mean).square() / spread) / spread.sqrt()
    # A floor keeps vessels and lesions, far from every class, from going to the widest one.
    return (density + 1e-4) * mask


def _neighbours(posterior: Tensor) -> Tensor:
    total = torch.zeros_like(posterior)
    for axis in (1, 2, 3):
        length = posterior.shape[axis]
        total.narrow(axis, 1, length - 1).add_(posterior.narrow(axis, 0, length - 1))
        total.narrow(axis, 0, length - 1).add_(posterior.narrow(axis, 1, length - 1))
    return total
