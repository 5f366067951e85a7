"""From which image a participant's anatomy is made, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.errors import DataError, MissingInputError
from bids_app.files import nifti
from bids_app.pipeline import draw_fmri
from bids_app.pipeline.anatomy import Anatomy
from bids_app.pipeline.record import Record
from bids_app.preproc import fmri
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.entities import bids_file
from bids_app.values.estimates import AnatFit
from bids_app.values.pairing import Pairing, Participant, Run
from bids_app.values.space import Grid, Mask, Volume

HEAD = Grid((26, 28, 24), np.diag([7.0, 7, 7, 1]) + np.eye(4, k=3) * -85)
SMALL = Grid((26, 28, 8), HEAD.affine)
FUNC = "func/sub-01_task-rest_run-{}_bold.nii.gz"


def fitted(image: Volume) -> AnatFit:
    inside = np.zeros(image.grid.shape, dtype=bool)
    inside[5:20, 5:22, 2:20] = True
    shares: dict[str, Floats] = {name: inside / np.float32(3) for name in ("GM", "WM", "CSF")}
    return AnatFit(image, Mask(image.grid, inside), shares, np.eye(4), None, ("a doubt",))


@pytest.fixture
def estimated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which estimation was asked for; the estimates are made up."""
    asked: list[str] = []

    def fit_anatomy(t1w: Volume, *_: Any) -> AnatFit:
        asked.append("T1w")
        return fitted(t1w)

    def fit_epi(bold: BoldSeries, *_: Any) -> AnatFit:
        asked.append("epi")
        return fitted(Volume(bold.volumes[..., 0], bold.grid))

    monkeypatch.setattr(draw_fmri, "anatomy", lambda *_: None)
    monkeypatch.setattr("bids_app.pipeline.anatomy.load_template", lambda *_: None)
    monkeypatch.setattr(fmri, "fit_anatomy", fit_anatomy)
    monkeypatch.setattr(fmri, "fit_epi", fit_epi)
    return asked


@pytest.fixture
def config(config: RunConfig) -> RunConfig:
    return replace(config, resolution_mm=9.0, level="participant")


def image(path: Path, grid: Grid, *time: int, value: float | None = None) -> Path:
    rng = np.random.default_rng(0)
    data = rng.uniform(50, 100, (*grid.shape, *time)).astype(np.float32)
    if value is not None:
        data[:] = value
    if time:
        return nifti.write_bold(path, data, grid, 2.0)
    return nifti.write_volume(path, Volume(data, grid))


def anatomy(config: RunConfig, *, t1w: bool = True, n_runs: int = 2) -> Anatomy:
    """Anatomy of a participant whose images lie in the dataset."""
    sub = config.bids_dir / "sub-01"
    runs = [bids_file(sub / FUNC.format(number + 1)) for number in range(n_runs)]
    pairings = tuple(
        Pairing(run.entities, Run(run, {"RepetitionTime": 2.0}), None) for run in runs
    )
    chosen = bids_file(sub / "anat/sub-01_T1w.nii.gz") if t1w else None
    return Anatomy(Participant("01", chosen, pairings), config, Record(config, "sub-01"))


def names(config: RunConfig) -> set[str]:
    return {path.name for path in (config.output_dir / "sub-01" / "anat").iterdir()}


def test_the_t1w_comes_first(config: RunConfig, estimated: list[str]) -> None:
    image(config.bids_dir / "sub-01/anat/sub-01_T1w.nii.gz", HEAD)
    found = anatomy(config)
    assert found.ensure().told["notes"] == ["a doubt"]
    assert estimated == ["T1w"]
    assert found.record.content["anatomy"]["t1w"] == "sub-01/anat/sub-01_T1w.nii.gz"
    assert "sub-01_desc-preproc_T1w.nii.gz" in names(config)


@pytest.mark.parametrize(
    ("grid", "value", "why"),
    [
        (SMALL, None, "covers 182 x 196 x 56 mm; a head takes 90 mm or more"),
        (HEAD, 3.0, "all voxels have the same value"),
    ],
)
def test_a_t1w_that_cannot_be_used_is_told(
    config: RunConfig, estimated: list[str], grid: Grid, value: float | None, why: str
) -> None:
    image(config.bids_dir / "sub-01/anat/sub-01_T1w.nii.gz", grid, value=value)
    image(config.bids_dir / "sub-01" / FUNC.format(1), HEAD, 6)
    found = anatomy(config)
    note, doubt = found.ensure().told["notes"]
    assert estimated == ["epi"]
    assert note.startswith("the T1w image cannot be used: ")
    assert why in note
    assert "found from sub-01_task-rest_run-1_bold.nii.gz alone" in note
    assert doubt == "a doubt"
    told = found.record.content["anatomy"]
    assert (told["kind"], told["epiref"]) == ("epiref", f"sub-01/{FUNC.format(1)}")
    assert "t1w" not in told
    assert not any("T1w" in name for name in names(config))
    assert "sub-01_desc-epiref_boldref.nii.gz" in names(config)
    assert found.to_template.name in names(config)
    assert found.fit.t1w.grid.matches(HEAD)
    assert found.in_template("brain").any()


def test_a_brain_that_is_cut_is_told(
    config: RunConfig, estimated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image(config.bids_dir / "sub-01/anat/sub-01_T1w.nii.gz", HEAD)
    monkeypatch.setattr("bids_app.pipeline.anatomy.SMALLEST_BRAIN_ML", 2000.0)
    with pytest.raises(MissingInputError, match="ml of brain; expected 2000 or more, and no BOLD"):
        anatomy(config, n_runs=0).ensure()
    assert estimated == ["T1w"]


def test_the_first_run_that_serves_is_taken_and_kept(
    config: RunConfig, estimated: list[str]
) -> None:
    image(config.bids_dir / "sub-01" / FUNC.format(1), HEAD, 6, value=0.0)
    image(config.bids_dir / "sub-01" / FUNC.format(2), HEAD, 6)
    found = anatomy(config, t1w=False)
    assert found.source.path.name == "sub-01_task-rest_run-2_bold.nii.gz"
    assert found.ensure().told["notes"][0].startswith("sub-01: has no T1w image. The template was")
    again = anatomy(config, t1w=False)
    assert again.key == found.key
    assert estimated == ["epi"]


def test_without_any_image_the_failure_is_kept(config: RunConfig, estimated: list[str]) -> None:
    image(config.bids_dir / "sub-01" / FUNC.format(1), HEAD, 6, value=0.0)
    found = anatomy(config, t1w=False, n_runs=1)
    for _ in range(2):
        with pytest.raises(MissingInputError, match="has no T1w image, and no BOLD run") as caught:
            found.ensure()
    assert "fmriprep=PATH" in caught.value.hint
    assert estimated == []


def test_a_slab_names_its_file(config: RunConfig) -> None:
    path = image(config.bids_dir / "sub-01/anat/sub-01_T1w.nii.gz", SMALL)
    with pytest.raises(MissingInputError, match=f"{path}: covers 182") as caught:
        anatomy(config, n_runs=0).ensure()
    assert not isinstance(caught.value, DataError)
