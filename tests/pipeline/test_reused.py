"""A run of fMRIPrep's is taken over: its names, times and tissues end in the app's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.errors import MissingInputError
from bids_app.files import nifti
from bids_app.files.sidecar import read_json, write_json
from bids_app.files.tables import read_tsv, write_tsv
from bids_app.pipeline import draw_fmri
from bids_app.pipeline.place import output_grid
from bids_app.pipeline.reused import take_over
from bids_app.values.entities import bids_file
from bids_app.values.pairing import Run
from bids_app.values.space import Grid, Mask, Volume

MNI = "MNI152NLin2009cAsym"
GRID = Grid((14, 16, 13), np.diag([10.0, 10, 10, 1]) + np.eye(4, k=3) * -65)
SHIFT_MM = np.array([20.0, 0, 0])


@pytest.fixture
def config(config: RunConfig, tmp_path: Path) -> RunConfig:
    return replace(
        config,
        resolution_mm=10.0,
        derivatives={"fmriprep": tmp_path / "theirs"},
        level="participant",
    )


@pytest.fixture
def run(config: RunConfig) -> Run:
    """The raw run; fMRIPrep 20.1 left its legacy tree of it, without tissues in the template."""
    rng = np.random.default_rng(0)
    top = config.derivatives["fmriprep"] / "fmriprep"
    func, anat = top / "sub-01" / "func", top / "sub-01" / "anat"
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[2:12, 2:14, 2:11] = True
    stem = func / f"sub-01_task-rest_space-{MNI}"
    nifti.write_bold(
        Path(f"{stem}_desc-preproc_bold.nii.gz"), rng.uniform(90, 110, (*GRID.shape, 7)), GRID, 2.0
    )
    write_json(Path(f"{stem}_desc-preproc_bold.json"), {"RepetitionTime": 2.0, "TaskName": "rest"})
    nifti.write_mask(Path(f"{stem}_desc-brain_mask.nii.gz"), Mask(GRID, inside))
    write_tsv(
        func / "sub-01_task-rest_desc-confounds_regressors.tsv",
        {"trans_x": np.arange(7.0).tolist(), "dvars": ["n/a", *np.arange(6.0).tolist()]},
    )
    # Their T1w space is ours, 20 mm further right.
    there = Grid(GRID.shape, GRID.affine.copy())
    there.affine[:3, 3] += SHIFT_MM
    for tissue, part in (("GM", slice(2, 7)), ("WM", slice(7, 12))):
        share = np.zeros(GRID.shape, dtype=np.float32)
        share[part] = 1
        nifti.write_volume(anat / f"sub-01_label-{tissue}_probseg.nii.gz", Volume(share, there))
    move = sitk.TranslationTransform(3, (SHIFT_MM * [-1, -1, 1]).tolist())
    path = anat / f"sub-01_from-T1w_to-{MNI}_mode-image_xfm.h5"
    sitk.WriteTransform(sitk.CompositeTransform([move]), str(path))
    told = {"Name": "fMRIPrep", "Version": "20.1.1"}
    write_json(top / "dataset_description.json", {"PipelineDescription": told})
    raw = config.bids_dir / "sub-01" / "func" / "sub-01_task-rest_bold.nii.gz"
    metadata = {"RepetitionTime": 2.0, "SliceTiming": [0.0, 0.5, 1.3], "EchoTime": 0.03}
    return Run(bids_file(raw), metadata)


def test_an_old_tree_ends_as_one_of_ours(config: RunConfig, run: Run) -> None:
    done = take_over(run, run.bold.entities, config)
    (ours,) = reuse.runs(config.output_dir, "01")
    assert ours.space is not None
    assert (ours.space.name, ours.metadata["StartTime"]) == (MNI, 0.6)
    grid = output_grid(config)
    points = GRID.voxels(grid.points_mm(np.argwhere(np.ones(grid.shape)).astype(float)))
    x = points[:, 0].reshape(grid.shape)
    gm, wm = (nifti.read_volume(ours.tissues[name]).data for name in ("GM", "WM"))
    sure = nifti.read_mask(ours.mask).inside if ours.mask else gm > 0
    assert (gm[sure & (x > 2.2) & (x < 5.8)] > 0.9).all()
    assert (gm[sure & (x > 7.2)] < 0.1).all()
    assert (wm[sure & (x > 7.2) & (x < 10.8)] > 0.9).all()
    table = read_tsv(
        config.output_dir / "sub-01/func/sub-01_task-rest_desc-confounds_timeseries.tsv"
    )
    assert table["dvars"][0] == "n/a"
    assert float(table["trans_x"][6]) == 6
    assert any("brought there by its transform" in note for note in done.told["notes"])
    assert any("taken as their mean, 0.6 s" in note for note in done.told["notes"])
    sidecar = (
        read_json(ours.bold.with_name(ours.bold.name.replace(".nii.gz", ".json")))
        if ours.bold
        else {}
    )
    assert sidecar["EchoTime"] == 0.03
    assert sidecar["Sources"][0].startswith("bids:fmriprep:fmriprep/sub-01/func/")


def test_a_space_that_fmriprep_did_not_write_is_refused(config: RunConfig, run: Run) -> None:
    asked = replace(config, template="MNI152NLin6Asym")
    with pytest.raises(MissingInputError, match=f"task-rest in {MNI}; expected MNI152NLin6Asym"):
        take_over(run, run.bold.entities, asked)
    assert take_over(run, run.bold.entities, replace(config, template=MNI)).files


def test_it_is_taken_once_and_again_when_confounds_change(config: RunConfig, run: Run) -> None:
    first = take_over(run, run.bold.entities, config)
    written = first.files[0].stat().st_mtime_ns
    assert take_over(run, run.bold.entities, config).files == first.files
    assert first.files[0].stat().st_mtime_ns == written
    (table,) = config.derivatives["fmriprep"].rglob("*_regressors.tsv")
    write_tsv(table, {"trans_x": np.arange(1, 8.0).tolist()})
    take_over(run, run.bold.entities, config)
    assert first.files[0].stat().st_mtime_ns != written


@pytest.mark.slow
def test_motion_is_drawn_where_their_confounds_tell_it(config: RunConfig, run: Run) -> None:
    def drawn() -> set[str]:
        figures = take_over(run, run.bold.entities, config).told["figures"]
        return {Path(figure["path"]).name.partition("desc-")[2] for figure in figures}

    pictures = {"masks_figure.jpg", "carpet_figure.png", "tsnr_figure.jpg"}
    assert drawn() == pictures
    (table,) = config.derivatives["fmriprep"].rglob("*_regressors.tsv")
    columns: dict[str, Sequence[object]] = {
        name: np.linspace(0, 0.1, 7).tolist() for name in draw_fmri.NEEDED
    }
    write_tsv(table, columns | {"motion_outlier00": [0, 0, 0, 1, 0, 0, 0]})
    assert drawn() == pictures | {"motion_figure.png"}
