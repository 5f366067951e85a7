from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from bids_app.errors import DataError
from bids_app.preproc.fmri import anatomy, brain, fit_anatomy, to_template
from bids_app.preproc.fmri.bias import correct_bias
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.settings import AnatSettings
from bids_app.preproc.fmri.tissues import fit_tissues, tissue_priors
from bids_app.values import Bools, Floats
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Volume
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import dice


def noisy(volume: Volume, spread: float) -> Volume:
    noise = np.random.default_rng(1).standard_normal(volume.grid.shape) * spread
    return Volume((volume.data + noise).astype(np.float32), volume.grid)


def stripped(anat: AnatFit) -> Volume:
    image = noisy(anat.t1w, 2).data
    return Volume(np.where(anat.brain.inside, np.maximum(image, 1), np.float32(0)), anat.t1w.grid)


@pytest.mark.slow
def test_the_brain_of_a_head_is_found(anat: AnatFit) -> None:
    # Axes turned: the network sees heads upright only.
    turned = Volume(anat.t1w.data.transpose(2, 0, 1)[:, ::-1], _turned_grid(anat.t1w.grid))
    inside, notes = brain.t1w_brain(noisy(turned, 2), 1, "cpu")
    assert notes == ()
    assert dice(inside, anat.brain.inside.transpose(2, 0, 1)[:, ::-1]) > 0.95


def _turned_grid(grid: Grid) -> Grid:
    turn = np.zeros((4, 4))
    turn[0, 1], turn[1, 2], turn[2, 0], turn[3, 3] = -1, 1, 1, 1
    turn[0, 3] = grid.shape[0] - 1
    return Grid((grid.shape[2], grid.shape[0], grid.shape[1]), grid.affine @ turn)


def test_a_stripped_brain_is_taken_as_it_is(anat: AnatFit) -> None:
    inside, notes = brain.t1w_brain(stripped(anat), 1, "cpu")
    assert dice(inside, anat.brain.inside) > 0.999
    assert notes == ("T1w: the input is already skull-stripped",)
    assert not brain.is_stripped(noisy(anat.t1w, 1))


def test_an_image_without_brain_is_refused(monkeypatch: pytest.MonkeyPatch, anat: AnatFit) -> None:
    class Blind:
        def __init__(self, *, no_gpu: bool) -> None:
            assert no_gpu

        def run_model(self, image: Floats) -> Floats:
            return np.zeros_like(image)

    monkeypatch.setattr("deepbet.BrainExtraction", Blind)
    with pytest.raises(DataError, match="brain mask holds 0 ml"):
        brain.t1w_brain(anat.t1w, 1, "cpu")


def test_a_network_that_gives_up_is_explained(
    monkeypatch: pytest.MonkeyPatch, anat: AnatFit
) -> None:
    class Failing:
        def __init__(self, *, no_gpu: bool) -> None:
            assert no_gpu

        def run_model(self, image: Floats) -> Floats:
            raise AssertionError(f"too little in {image.ndim} axes")

    monkeypatch.setattr("deepbet.BrainExtraction", Failing)
    with pytest.raises(
        DataError, match=r"image of \(58, 70, 60\) voxels \(too little in 3 axes\)"
    ):
        brain.t1w_brain(anat.t1w, 1, "cpu")


def test_a_brain_of_doubtful_size_is_noted(monkeypatch: pytest.MonkeyPatch, anat: AnatFit) -> None:
    class Generous:
        def __init__(self, *, no_gpu: bool) -> None:
            assert no_gpu

        def run_model(self, image: Floats) -> Floats:
            return np.ones_like(image)

    monkeypatch.setattr("deepbet.BrainExtraction", Generous)
    _, notes = brain.t1w_brain(anat.t1w, 1, "cpu")
    head_ml = np.prod(anat.t1w.grid.shape) * brain.voxel_ml(anat.t1w)
    assert notes == (f"T1w: the brain mask holds {head_ml:.0f} ml; expected 1000 to 2000",)


def test_csf_far_from_tissue_is_no_brain() -> None:
    grid = Grid((50, 44, 60), np.diag([2.0, 2.0, 1.5, 1]))
    place_mm = np.argwhere(np.ones(grid.shape, dtype=bool)) * grid.zooms_mm - [50, 44, 45]
    radius_mm = np.linalg.norm(place_mm, axis=1).reshape(grid.shape)
    across_mm = np.abs(place_mm[:, 0]).reshape(grid.shape)
    # Tissue with a ventricle in its middle and a sulcus, in a mask that reaches 8 mm beyond.
    sulcus = (across_mm < 3) & (radius_mm > 18)
    matter = ((radius_mm < 30) & (radius_mm > 9) & ~sulcus).astype(np.float32)
    inside = radius_mm < 38
    found = brain.trimmed(inside, matter, grid)
    assert dice(found, radius_mm < 32) > 0.98
    assert found[radius_mm < 29].all()
    assert not found[radius_mm > 33].any()
    assert brain.trimmed(inside, 0 * matter, grid) is inside
    # Two parts, such as a cerebellum that a cut parts from the rest, are both brain; a speck is not.
    apart = np.zeros_like(matter)
    apart[3:9, 3:9, 3:9] = apart[30:40, 20:40, 10:50] = apart[10:12, 30:32, 40:42] = 1
    both = brain.trimmed(np.ones_like(inside), apart, grid)
    assert both[6, 6, 6]
    assert both[35, 30, 30]
    assert not both[11, 31, 41]


@pytest.mark.slow
def test_a_planted_bias_is_removed(anat: AnatFit) -> None:
    ramp = np.linspace(-1, 1, anat.t1w.grid.shape[1], dtype=np.float32)[None, :, None]
    side = np.linspace(-1, 1, anat.t1w.grid.shape[2], dtype=np.float32)[None, None, :]
    field = np.exp(0.2 * ramp - 0.15 * side * ramp)
    shaded = Volume(noisy(anat.t1w, 1).data * field, anat.t1w.grid)
    inside = anat.brain.inside
    corrected = correct_bias(shaded, inside, 20)
    planted = np.log(np.broadcast_to(field, inside.shape)[inside])
    found = np.log(shaded.data[inside] / corrected.data[inside])
    assert np.std(found - planted) < 0.35 * np.std(planted)
    assert np.isclose(corrected.data[inside].mean(), shaded.data[inside].mean(), rtol=1e-4)


def test_the_bias_does_not_depend_on_threads(anat: AnatFit) -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    found = []
    for n_threads in (1, 3):
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(n_threads)
        found.append(correct_bias(noisy(anat.t1w, 1), anat.brain.inside, 2).data)
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == n_threads
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert np.array_equal(found[0], found[1])


def test_planted_tissues_are_found(anat: AnatFit, template: Template) -> None:
    image = noisy(anat.t1w, 4)
    priors = tissue_priors(anat.brain, template, anat.template_to_t1w, None)
    assert np.allclose(priors.sum(axis=0), 1, atol=1e-5)
    found = fit_tissues(image, anat.brain.inside, priors, iterations=12)
    assert dice(found["GM"] > 0.5, anat.tissues["GM"] > 0.5) > 0.9
    assert dice(found["WM"] > 0.5, anat.tissues["WM"] > 0.5) > 0.9
    assert dice(found["CSF"] > 0.5, anat.tissues["CSF"] > 0.5) > 0.7
    total = found["GM"] + found["WM"] + found["CSF"]
    assert np.allclose(total[anat.brain.inside], 1, atol=1e-4)
    assert not total[~anat.brain.inside].any()


def test_the_affine_is_searched_with_one_thread(
    monkeypatch: pytest.MonkeyPatch, anat: AnatFit, template: Template
) -> None:
    seen = []

    def fit_affine(*_: object, **__: object) -> Floats:
        seen.append(torch.get_num_threads())
        raise DataError("far enough")

    monkeypatch.setattr(anatomy, "fit_affine", fit_affine)
    with threads(2), pytest.raises(DataError, match="far enough"):
        anatomy.normalise(anat.t1w, anat.brain.inside, template, AnatSettings(n_threads=2))
    assert seen == [1]


@pytest.mark.slow
def test_an_anatomy_is_brought_to_the_template(anat: AnatFit, template: Template) -> None:
    image = stripped(anat)
    image.data[0, 0, :3] = np.nan
    fit = fit_anatomy(image, template, AnatSettings(sloppy=True, n_threads=1))
    assert fit.notes == (
        "T1w: 3 voxels were not finite and set to 0",
        "T1w: the input is already skull-stripped",
    )
    assert np.isfinite(fit.t1w.data).all()
    grey = to_template(fit.tissues["GM"], fit, template.grid)
    white = to_template(fit.tissues["WM"], fit, template.grid)
    assert dice(white > 0.5, template.wm > 0.5) > 0.85
    assert dice(grey > 0.5, template.gm > 0.5) > 0.8


def test_an_empty_image_is_refused(anat: AnatFit, template: Template) -> None:
    empty = Volume(np.full(anat.t1w.grid.shape, 7.0), anat.t1w.grid)
    with pytest.raises(DataError, match="every voxel is 7;"):
        fit_anatomy(empty, template, AnatSettings())


def test_a_bold_brain_is_found_by_intensity(anat: AnatFit) -> None:
    image = np.where(anat.brain.inside, 80, 8) + np.random.default_rng(0).standard_normal(
        anat.t1w.grid.shape
    )
    inside: Bools = brain.bold_brain(Volume(image.astype(np.float32), anat.t1w.grid))
    assert dice(inside, anat.brain.inside) > 0.97


def test_a_bold_reference_without_signal_is_refused() -> None:
    grid = Grid((5, 6, 7), np.diag([3.0, 3.0, 3.0, 1.0]))
    with pytest.raises(DataError, match=r"99\.5th percentile 0"):
        brain.bold_brain(Volume(np.zeros(grid.shape), grid))


def test_the_largest_part_is_kept() -> None:
    mask = np.zeros((7, 8, 9), dtype=bool)
    mask[:2, :2, :2] = mask[4:, 4:, 4:] = True
    kept = brain.largest(mask)
    assert kept.sum() == 3 * 4 * 5
    assert not brain.largest(np.zeros_like(mask)).any()


def test_otsu_parts_two_groups() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.normal(10, 1, 900), rng.normal(50, 2, 300)
    threshold = brain.otsu(np.r_[low, high])
    assert low.max() <= threshold + 0.5
    assert high.min() > threshold
