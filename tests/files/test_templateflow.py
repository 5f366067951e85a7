from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bids_app.errors import DataError, MissingInputError
from bids_app.files import nifti, templateflow
from bids_app.files.template import load_template
from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template


def archived(
    root: Path,
    template: Template,
    shift_mm: tuple[float, float, float] = (0, 0, 0),
    stem: str = "tpl-Shifted_res-01",
) -> Path:
    """Write a template as TemplateFlow keeps it, elsewhere in space; gives its folder."""
    affine = template.grid.affine.copy()
    affine[:3, 3] += shift_mm
    grid = Grid(template.grid.shape, affine)
    folder = root / stem.split("_", maxsplit=1)[0]
    folder.mkdir(parents=True, exist_ok=True)
    # TemplateFlow's heads have a skull.
    head = template.t1.data + 20 * ~template.brain.inside
    for ending, data in (
        ("T1w", head),
        ("label-GM_probseg", template.gm),
        ("label-WM_probseg", template.wm),
    ):
        image = Volume(data.astype(np.float32), grid)
        nifti.write_volume(folder / f"{stem}_{ending}.nii.gz", image)
    nifti.write_mask(folder / f"{stem}_desc-brain_mask.nii.gz", Mask(grid, template.brain.inside))
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of one template in two resolutions."""
    monkeypatch.setenv(templateflow.HOME, str(tmp_path))
    archived(tmp_path, load_template(8), stem="tpl-Shifted_res-02")
    return archived(tmp_path, load_template(6), (3, -2, 5))


@pytest.mark.usefixtures("folder")
def test_what_was_archived_is_read_without_its_skull() -> None:
    found, known = load_template(6, "Shifted"), load_template(6)
    assert found.name == "Shifted"
    assert found.grid.affine[:3, 3] == pytest.approx(known.grid.affine[:3, 3] + [3, -2, 5])
    assert np.array_equal(found.brain.inside, known.brain.inside)
    assert np.abs(found.t1.data - known.t1.data * known.brain.inside).max() < 1e-3
    assert np.abs(found.gm - known.gm).max() < 1e-3
    assert np.abs(found.wm - known.wm).max() < 1e-3


@pytest.mark.usefixtures("folder")
def test_the_resolution_that_comes_nearest_is_taken() -> None:
    assert load_template(9, "Shifted").grid.zooms_mm == pytest.approx([8, 8, 8])
    assert load_template(1, "Shifted").grid.zooms_mm == pytest.approx([6, 6, 6])


def test_a_resolution_without_tissues_is_passed_over(folder: Path) -> None:
    (folder / "tpl-Shifted_res-01_label-WM_probseg.nii.gz").unlink()
    assert load_template(6, "Shifted").grid.zooms_mm == pytest.approx([8, 8, 8])
    (folder / "tpl-Shifted_res-02_desc-brain_mask.nii.gz").unlink()
    with pytest.raises(MissingInputError, match="2 T1w images; expected one with desc-brain_mask"):
        templateflow.images("Shifted")


def test_a_template_that_is_not_there_is_told_how_to_get(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingInputError, match="tpl-MNI152NLin6Asym: no such folder") as caught:
        load_template(1, "MNI152NLin6Asym")
    assert "get('MNI152NLin6Asym')" in caught.value.hint
    monkeypatch.delenv(templateflow.HOME)
    monkeypatch.setenv("HOME", str(folder))
    assert templateflow.archive() == folder / ".cache" / "templateflow"


def test_images_on_several_grids_are_refused(folder: Path) -> None:
    other = folder / "tpl-Shifted_res-02_label-GM_probseg.nii.gz"
    other.replace(folder / "tpl-Shifted_res-01_label-GM_probseg.nii.gz")
    with pytest.raises(DataError, match=r"res-01_label-GM_probseg\.nii\.gz: is on another grid"):
        load_template(6, "Shifted")
