"""The group's maps: where synthesized and measured BOLD agree, and where more than chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.files import nifti
from bids_app.files.sidecar import write_json
from bids_app.learn.evaluate import Evaluation
from bids_app.learn.voxelwise import LEVEL, VoxelTest
from bids_app.pipeline.fold import Task
from bids_app.pipeline.judge import Case, Judgement, draw_map
from bids_app.pipeline.place import Figures, resolution_label
from bids_app.values import Floats
from bids_app.values.space import Volume

STATISTICS = {
    "r": "Mean r over participants of synthesized and measured BOLD",
    "n": "Number of participants with an r",
    "q": "False discovery rate of r > 0 (Benjamini-Hochberg over circular shifts)",
    "p": "p-value of r > 0, family-wise over voxels (largest r of each circular shift)",
}


def write_maps(
    task: Task, evaluation: Evaluation, voxels: VoxelTest | None, case: Case, judgement: Judgement
) -> list[Path]:
    """Write the maps of a model, and draw where it is found.

    Parameters
    ----------
    task : Task
        The model, and the template of its images.
    evaluation : Evaluation
        Correlations by voxel; NaN where one is not defined.
    voxels : VoxelTest or None
        None where runs were too short to test.
    case : Case
        Mask and call.
    judgement : Judgement
        Is told the figure, or that there is nothing to draw.
    """
    model = task.architecture
    n_people = sum(
        np.isfinite(by_voxel)
        for (name, on), by_voxel in evaluation.r.items()
        if name == model and on != "group"
    )
    written = _write(task, "r", np.nan_to_num(evaluation.r[model, "group"]), case)
    written += _write(task, "n", np.asarray(n_people), case)
    if voxels is None:
        return written
    written += _write(task, "q", voxels.q, case, outside=1.0)
    written += _write(task, "p", voxels.p_max, case, outside=1.0)
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


def _write(
    task: Task, statistic: str, values: Floats, case: Case, outside: float = 0.0
) -> list[Path]:
    """Write a map, with its sidecar, where BIDS has what belongs to a template and to nobody."""
    space, label = task.bold.space, task.architecture.replace("_", "")
    stem = f"tpl-{space}_res-{resolution_label(case.config)}_stat-{statistic}_desc-{label}_statmap"
    path = case.config.output_dir / f"tpl-{space}" / "func" / f"{stem}.nii.gz"
    volume = case.mask.unflatten(values[None].astype(np.float32), outside)[..., 0]
    told = {
        "Description": STATISTICS[statistic],
        "Model": task.architecture,
        "OutsideOfMask": outside,
        "SkullStripped": True,
        "Resolution": f"{case.config.resolution_mm:g} mm",
    }
    return [
        nifti.write_volume(
            path, Volume(volume, case.mask.grid), description=STATISTICS[statistic]
        ),
        write_json(path.with_name(f"{stem}.json"), told),
    ]
