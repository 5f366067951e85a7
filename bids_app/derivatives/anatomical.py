"""A participant's anatomy on disk, in its own space and in the template's, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.derivatives.names import uri
from bids_app.derivatives.write import Target, is_stripped, json_of
from bids_app.errors import DataError
from bids_app.files import nifti
from bids_app.files.composite import read_composite, write_composite
from bids_app.files.sidecar import write_json
from bids_app.values import Bools, Floats
from bids_app.values.estimates import AnatFit, Warp
from bids_app.values.space import Grid, Mask, Volume

TISSUES = ("GM", "WM", "CSF")
HALF = 0.5
STAND_IN = "Median BOLD image, its brightness turned over, in place of a T1w image"


@dataclass(frozen=True, slots=True, eq=False)
class InTemplate:
    """An anatomy in template space.

    Attributes
    ----------
    images : dict of str to ndarray of shape (x, y, z)
        ``T1w``, ``brain``, ``GM``, ``WM`` and ``CSF``.
    grid : Grid
        Where their voxels are.
    backward : Warp or None
        Inverse of the warp that brought them there.
    """

    images: dict[str, Floats]
    grid: Grid
    backward: Warp | None


def write_anatomy(target: Target, fit: AnatFit, moved: InTemplate) -> list[Path]:
    """Write the anatomy, its masks and tissues in both spaces, and the transforms between them.

    Parameters
    ----------
    target : Target
        Where to; its space is that of the template.
    fit : AnatFit
        Estimates, on the T1w grid.
    moved : InTemplate
        The same on the output grid.
    """
    images: dict[str, Floats] = {
        "T1w": fit.t1w.data,
        "brain": fit.brain.inside.astype(np.float32),
        **fit.tissues,
    }
    written = _write_images(target.native, images, fit.t1w.grid)
    forward, backward = (
        to_template_path(target),
        _transform(target, target.space.name, target.anatomy),
    )
    chains: dict[Path, list[Floats | Warp]] = {
        forward: [fit.template_to_t1w] if fit.warp is None else [fit.warp, fit.template_to_t1w],
        backward: [np.linalg.inv(fit.template_to_t1w)],
    }
    if moved.backward is not None:
        chains[backward].append(moved.backward)
    made = image_path(target.native, "T1w")
    for path, chain in chains.items():
        sidecar = {"Sources": [uri(made, target.root)]}
        written += [write_composite(path, chain), write_json(json_of(path), sidecar)]
    return [*written, *_write_images(target.made_from(forward), moved.images, moved.grid)]


def image_path(target: Target, name: str) -> Path:
    """Where the ``T1w`` (or what stands in for it), the ``brain`` or a tissue lies in the space of a target."""
    endings: dict[str, tuple[str, dict[str, str]]] = {
        "T1w": ("T1w.nii.gz", {"desc": "preproc"})
        if target.anatomy == "T1w"
        else ("boldref.nii.gz", {"desc": target.anatomy}),
        "brain": ("mask.nii.gz", {"desc": "brain"}),
    }
    ending, own = endings.get(name, ("probseg.nii.gz", {"label": name}))
    return target.path("anat", ending, target.space.labels | own)


def to_template_path(target: Target) -> Path:
    """Where the transform lies that brings T1w images to the template of a target."""
    return _transform(target, target.anatomy, target.space.name)


def _transform(target: Target, start: str, end: str) -> Path:
    return target.path("anat", "xfm.h5", {"from": start, "to": end, "mode": "image"})


def write_tissues(target: Target, tissues: dict[str, Floats], grid: Grid) -> list[Path]:
    """Write tissue probabilities, each of shape (x, y, z)."""
    return _write_images(target, tissues, grid)


def _write_images(target: Target, images: dict[str, Floats], grid: Grid) -> list[Path]:
    written = []
    inside = np.asarray(images.get("brain", np.zeros(grid.shape))) > HALF
    for name, data in images.items():
        path = image_path(target, name)
        more: dict[str, Any] = {}
        if name == "brain":
            nifti.write_mask(path, Mask(grid, inside))
            more = {"Type": "Brain"}
        else:
            nifti.write_volume(path, Volume(np.asarray(data, dtype=np.float32), grid))
        if name == "T1w":
            more = {"SkullStripped": is_stripped(np.asarray(data), inside)}
            if target.anatomy != "T1w":
                more["Description"] = STAND_IN
        written += [path, write_json(json_of(path), target.image_sidecar(**more))]
    if "brain" in images:
        path = target.path("anat", "dseg.nii.gz", target.space.labels)
        labels = likeliest({name: images[name] for name in TISSUES}, inside)
        nifti.write_volume(path, Volume(labels, grid), dtype=np.uint8)
        written += [path, write_json(json_of(path), target.image_sidecar())]
    return written


def likeliest(tissues: dict[str, Floats], inside: Bools) -> Floats:
    """Find the likeliest tissue of each voxel of a brain.

    Parameters
    ----------
    tissues : dict of str to ndarray of shape (x, y, z)
        Probabilities, in the order of their labels.
    inside : ndarray of shape (x, y, z)
        Brain.

    Returns
    -------
    ndarray of shape (x, y, z)
        1 for the first tissue and so on; 0 outside the brain and where there is none.
    """
    parts = np.stack(list(tissues.values()))
    return np.where(inside & (parts.max(axis=0) > 0), parts.argmax(axis=0) + 1, 0)


def read_anatomy(target: Target, notes: tuple[str, ...]) -> AnatFit:
    """Read what :func:`write_anatomy` wrote.

    Parameters
    ----------
    target : Target
        Where it lies.
    notes : tuple of str
        What was noted when it was estimated.

    Raises
    ------
    DataError
        When the transform to the template is no warp and affine.
    """
    path = to_template_path(target)
    steps = read_composite(path)
    warps = [step for step in steps if isinstance(step, Warp)]
    affines = [step for step in steps if not isinstance(step, Warp)]
    if len(affines) != 1 or len(warps) > 1 or isinstance(steps[-1], Warp):
        kinds = ["warp" if isinstance(step, Warp) else "affine" for step in steps]
        raise DataError(
            f"{path}: holds {', '.join(kinds) or 'nothing'}; expected a warp, if any, then an affine"
        )
    native = target.native
    return AnatFit(
        t1w=nifti.read_volume(image_path(native, "T1w")),
        brain=nifti.read_mask(image_path(native, "brain")),
        tissues={name: nifti.read_volume(image_path(native, name)).data for name in TISSUES},
        template_to_t1w=affines[0],
        warp=warps[0] if warps else None,
        notes=notes,
    )
