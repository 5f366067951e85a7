"""The template brain that nilearn ships, read without network."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np

from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template

NAME = "MNI152NLin2009aSym"


@lru_cache(maxsize=2)
def load_template(resolution_mm: int = 1) -> Template:
    """Load ICBM152 2009a, symmetric.

    Parameters
    ----------
    resolution_mm : int, default=1
        Voxel edge.
    """
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
        name=NAME,
        t1=Volume(np.asarray(t1.dataobj, dtype=np.float32), grid),
        gm=np.clip(np.asarray(gm.dataobj, dtype=np.float32), 0, 1),
        wm=np.clip(np.asarray(wm.dataobj, dtype=np.float32), 0, 1),
        brain=Mask(grid, np.asarray(brain.dataobj) > 0),
    )
