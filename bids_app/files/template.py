"""The template brain: the one that nilearn ships, or another of a TemplateFlow archive; read without network."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np

from bids_app.config import TEMPLATE
from bids_app.errors import DataError
from bids_app.files import nifti, templateflow
from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template


def load_template(resolution_mm: int = 1, name: str = TEMPLATE) -> Template:
    """Load ICBM152 2009a, symmetric, or another template.

    Parameters
    ----------
    resolution_mm : int, default=1
        Voxel edge.
    name : str
        Of a template in the TemplateFlow archive of this computer, where it is not nilearn's.

    Raises
    ------
    MissingInputError
        When the archive does not have it.
    DataError
        When its images are not on one grid.
    """
    return _nilearns(resolution_mm) if name == TEMPLATE else _archived(name, resolution_mm)


@lru_cache(maxsize=2)
def _nilearns(resolution_mm: int) -> Template:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nilearn import datasets  # noqa: PLC0415 (its import takes a second, and few commands need it)

        t1 = datasets.load_mni152_template(resolution=resolution_mm)
        gm = datasets.load_mni152_gm_template(resolution=resolution_mm)
        wm = datasets.load_mni152_wm_template(resolution=resolution_mm)
        brain = datasets.load_mni152_brain_mask(resolution=resolution_mm)
    shape = tuple(int(length) for length in t1.shape)
    grid = Grid((shape[0], shape[1], shape[2]), np.asarray(t1.affine, dtype=np.float64))
    return Template(
        name=TEMPLATE,
        t1=Volume(np.asarray(t1.dataobj, dtype=np.float32), grid),
        gm=np.clip(np.asarray(gm.dataobj, dtype=np.float32), 0, 1),
        wm=np.clip(np.asarray(wm.dataobj, dtype=np.float32), 0, 1),
        brain=Mask(grid, np.asarray(brain.dataobj) > 0),
    )


def _archived(name: str, resolution_mm: int) -> Template:
    """Of several resolutions, the one whose voxels come nearest."""
    heads = [(nifti.read_volume(paths["T1w"]), paths) for paths in templateflow.images(name)]
    head, paths = min(heads, key=lambda pair: abs(pair[0].grid.zooms_mm.mean() - resolution_mm))
    brain = nifti.read_mask(paths["brain"])
    tissues = {tissue: nifti.read_volume(paths[tissue]) for tissue in ("GM", "WM")}
    grids = {"brain": brain.grid} | {tissue: image.grid for tissue, image in tissues.items()}
    for part, grid in grids.items():
        if not grid.matches(head.grid):
            raise DataError(
                f"{paths[part]}: is on another grid ({grid.shape}) than {paths['T1w'].name} ({head.grid.shape})",
                hint="fetch the template again",
            )
    return Template(
        name=name,
        t1=Volume(np.where(brain.inside, head.data, np.float32(0)), head.grid),
        gm=np.clip(tissues["GM"].data, 0, 1),
        wm=np.clip(tissues["WM"].data, 0, 1),
        brain=Mask(head.grid, brain.inside),
    )
