"""The group's maps: where synthesized and measured BOLD agree, and where more than chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.files import nifti
from bids_app.learn.voxelwise import LEVEL, VoxelTest
from bids_app.pipeline.judge import Case, Judgement, draw_map
from bids_app.pipeline.place import Figures
from bids_app.values import Floats
from bids_app.values.space import Volume


def write_maps(
    name: str, mean_r: Floats, voxels: VoxelTest | None, case: Case, judgement: Judgement
) -> list[Path]:
    """Write the maps of a model, and draw where it is found.

    Parameters
    ----------
    name : str
        Such as ``space-MNI152NLin2009aSym_desc-sources``.
    mean_r : ndarray of shape (voxel,)
        Mean correlation over participants; NaN where it is not defined.
    voxels : VoxelTest or None
        None where runs were too short to test.
    case : Case
        Mask and call.
    judgement : Judgement
        Is told the figure, or that there is nothing to draw.
    """
    written = [_write(f"{name}_meanr", np.nan_to_num(mean_r), case, "mean r over participants")]
    if voxels is None:
        return written
    fdr, family_wise = "false discovery rate of r > 0", "p of r > 0, family-wise over voxels"
    written += [
        _write(f"{name}_qvalue", voxels.q, case, fdr, 1.0),
        _write(f"{name}_pvalue", voxels.p_max, case, family_wise, 1.0),
    ]
    model = name.rpartition("-")[2]
    found = voxels.q < LEVEL
    n_found, n_voxels = int(found.sum()), len(found)
    sure = int((voxels.p_max < LEVEL).sum())
    judgement.notes.append(
        f"{model}: r is above chance in {n_found} of {n_voxels} voxels at a false discovery rate of {LEVEL:g}, and in "
        f"{sure} with p < {LEVEL:g} over all voxels (circular shifts)"
    )
    if n_found:
        told = Figures(case.config.output_dir, None)
        path = told.add(
            f"{model}FdrR",
            f"Where they agree more than chance: {model}",
            f"Mean correlation over runs, without slow drift, in the {n_found} of {n_voxels} voxels that are above "
            f"chance at a false discovery rate of {LEVEL:g}: of these, one in {1 / LEVEL:.0f} is there by chance.",
        )
        draw_map(path, np.where(found, voxels.r, np.nan), case)
        judgement.figures.setdefault("", []).extend(told.told)
    return written


def _write(name: str, values: Floats, case: Case, description: str, outside: float = 0.0) -> Path:
    volume = case.mask.unflatten(values[None].astype(np.float32), outside)[..., 0]
    path = case.config.output_dir / f"group_{name}.nii.gz"
    return nifti.write_volume(path, Volume(volume, case.mask.grid), description=description)
