from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.derivatives import anatomical
from bids_app.derivatives.names import Space
from bids_app.derivatives.write import Target
from bids_app.errors import DataError
from bids_app.files import nifti
from bids_app.files.composite import read_composite, write_composite
from bids_app.files.sidecar import read_json
from bids_app.preproc import fmri
from bids_app.values import Floats
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit, Warp
from bids_app.values.space import Grid, Mask, Volume, apply_affine

T1W_SHAPE, SHAPE = (9, 8, 7), (10, 11, 12)
T1W_GRID = Grid(T1W_SHAPE, np.array([[-1.0, 0, 0, 9], [0, 2, 0, -8], [0, 0, 3, 7], [0, 0, 0, 1]]))
GRID = Grid(SHAPE, np.diag([3.0, 3.0, 3.0, 1.0]))
SOURCE = "bids:raw:sub-01/anat/a.nii.gz"
TEMPLATE = "MNI152NLin2009aSym"
STANDARD = f"space-{TEMPLATE}_res-3_"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Make a place for derivatives."""
    return Target(tmp_path, Entities.of({"sub": "01"}), Space(TEMPLATE, "3"), (SOURCE,))


@pytest.fixture
def anatomy(rng: np.random.Generator) -> AnatFit:
    """Make estimates without symmetry; the warp is smooth, so that it has an inverse."""
    affine = np.eye(4)
    affine[:3] += 0.1 * rng.standard_normal((3, 4))
    x, y, z = np.indices(SHAPE)
    field = np.stack([np.sin(y / 4), 0.8 * np.cos(z / 5), 0.5 * np.sin(x / 4)], axis=-1)
    return AnatFit(
        t1w=Volume(50 + rng.random(T1W_SHAPE, dtype=np.float32), T1W_GRID),
        brain=Mask(T1W_GRID, rng.random(T1W_SHAPE) > 0.4),
        tissues={name: rng.random(T1W_SHAPE, dtype=np.float32) for name in anatomical.TISSUES},
        template_to_t1w=affine,
        warp=Warp(GRID, field.astype(np.float32)),
        notes=("said",),
    )


def moved(rng: np.random.Generator, anatomy: AnatFit) -> anatomical.InTemplate:
    names = ("T1w", "brain", *anatomical.TISSUES)
    images = {name: rng.random(SHAPE, dtype=np.float32) for name in names}
    backward = None if anatomy.warp is None else fmri.inverted(anatomy.warp)
    return anatomical.InTemplate(images, GRID, backward)


def test_the_anatomy_comes_back(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    paths = anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    assert len(set(paths)) == len(paths)
    found = anatomical.read_anatomy(target, anatomy.notes)
    assert np.array_equal(found.t1w.data, anatomy.t1w.data)
    assert found.t1w.grid.matches(T1W_GRID)
    assert found.brain.sha256 == anatomy.brain.sha256
    assert list(found.tissues) == list(anatomy.tissues)
    for name, tissue in anatomy.tissues.items():
        assert np.array_equal(found.tissues[name], tissue)
    assert found.template_to_t1w == pytest.approx(anatomy.template_to_t1w, abs=1e-12)
    assert found.warp is not None
    assert anatomy.warp is not None
    assert np.array_equal(found.warp.displacement_mm, anatomy.warp.displacement_mm)
    assert found.notes == ("said",)


def test_files_have_the_names_of_fmriprep(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    paths = anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    images = {path.name.removeprefix("sub-01_") for path in paths if path.suffix != ".json"}
    kinds = {"desc-preproc_T1w", "desc-brain_mask", "dseg"}
    kinds |= {f"label-{tissue}_probseg" for tissue in ("GM", "WM", "CSF")}
    assert images == {
        *(f"{kind}.nii.gz" for kind in kinds),
        *(f"{STANDARD}{kind}.nii.gz" for kind in kinds),
        f"from-T1w_to-{TEMPLATE}_mode-image_xfm.h5",
        f"from-{TEMPLATE}_to-T1w_mode-image_xfm.h5",
    }
    sidecars = {path.with_suffix("").with_suffix("").name for path in paths}
    assert sidecars == {path.stem for path in paths if path.suffix == ".json"}


def test_every_image_says_its_space_and_sources(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    paths = anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    transform = f"bids::sub-01/anat/sub-01_from-T1w_to-{TEMPLATE}_mode-image_xfm.h5"
    for path in paths:
        if path.suffix != ".json" or "xfm" in path.name:
            continue
        told, native = read_json(path), "space-" not in path.name
        assert told["Sources"] == ([SOURCE] if native else [SOURCE, transform])
        assert told.get("SpatialReference") == (SOURCE if native else None)
        assert told.get("Resolution") == (None if native else "3 mm isotropic")
        assert told.get("Type") == ("Brain" if "mask" in path.name else None)
        assert told.get("SkullStripped") is (False if "T1w.json" in path.name else None)


def test_the_two_transforms_undo_each_other(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    points = rng.uniform(8, 22, (40, 3))
    there = anatomical.to_template_path(target)
    back = there.with_name(f"sub-01_from-{TEMPLATE}_to-T1w_mode-image_xfm.h5")
    through: Floats = points
    for path in (there, back):
        for step in read_composite(path):
            through = (
                fmri.displaced(through, step)
                if isinstance(step, Warp)
                else apply_affine(step, through)
            )
        assert path == back or np.abs(through - points).max() > 1
    assert through == pytest.approx(points, abs=0.02)


def test_without_a_warp_there_are_affines_only(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    rigid = replace(anatomy, warp=None)
    anatomical.write_anatomy(target, rigid, moved(rng, rigid))
    found = anatomical.read_anatomy(target, ())
    assert found.warp is None
    assert found.template_to_t1w == pytest.approx(anatomy.template_to_t1w, abs=1e-12)


def test_a_chain_of_another_kind_is_refused(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    path = anatomical.to_template_path(target)
    assert anatomy.warp is not None
    write_composite(path, [anatomy.template_to_t1w, anatomy.warp])
    with pytest.raises(
        DataError, match="holds affine, warp; expected a warp, if any, then an affine"
    ):
        anatomical.read_anatomy(target, ())
    write_composite(path, [np.eye(4), np.eye(4)])
    with pytest.raises(DataError, match=f"{path}: holds affine, affine; expected"):
        anatomical.read_anatomy(target, ())


def test_labels_are_those_of_bids(
    target: Target, anatomy: AnatFit, rng: np.random.Generator
) -> None:
    anatomical.write_anatomy(target, anatomy, moved(rng, anatomy))
    labels = nifti.read_volume(target.path("anat", "dseg.nii.gz")).data
    inside = anatomy.brain.inside
    assert not labels[~inside].any()
    for index, name in enumerate(("GM", "WM", "CSF"), start=1):
        others = [tissue for other, tissue in anatomy.tissues.items() if other != name]
        most = (anatomy.tissues[name] > np.maximum(*others)) & inside
        assert ((labels == index) == most).all()
    nothing = {name: 0 * tissue for name, tissue in anatomy.tissues.items()}
    assert not anatomical.likeliest(nothing, inside).any()


def test_tissues_alone_have_no_labels(target: Target, rng: np.random.Generator) -> None:
    grey = rng.random(SHAPE, dtype=np.float32)
    paths = anatomical.write_tissues(target, {"GM": grey}, GRID)
    assert [path.name for path in paths] == [
        f"sub-01_{STANDARD}label-GM_probseg.nii.gz",
        f"sub-01_{STANDARD}label-GM_probseg.json",
    ]
    assert np.array_equal(nifti.read_volume(paths[0]).data, grey)
