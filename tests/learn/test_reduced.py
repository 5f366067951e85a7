"""Regions and components: what is learned of them, what voxels come out, and what memory it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from nilearn.maskers import NiftiLabelsMasker

from bids_app import resources
from bids_app.errors import DataError, TemporaryError
from bids_app.files import nifti
from bids_app.learn import bundle as bundles
from bids_app.learn import memory
from bids_app.learn.batches import targets_of
from bids_app.learn.predict import changes
from bids_app.learn.reduced import codes_of
from bids_app.learn.settings import TrainSettings
from bids_app.learn.train import fit
from bids_app.models import dense
from bids_app.samples.split import whole
from bids_app.values.bundle import BoldSpec, EegSpec, Targets
from bids_app.values.samples import Samples
from bids_app.values.space import Grid

MakeRun = Callable[..., Samples]
SMALL = {"width": 8, "heads": 2, "feedforward": 8}


def parcelled(bold: BoldSpec, n_parcels: int = 4) -> BoldSpec:
    labels = np.arange(bold.n_voxels) % (n_parcels + 1)
    return replace(bold, targets=Targets("parcels", n_parcels, labels))


def test_parcels_are_those_of_a_masker(
    tmp_path: Path, bold: BoldSpec, rng: np.random.Generator
) -> None:
    labels = rng.integers(0, 4, bold.mask.grid.shape)
    atlas = nib.Nifti1Image(labels.astype(np.int16), bold.mask.grid.affine)
    nib.save(atlas, tmp_path / "atlas.nii.gz")
    volumes = rng.standard_normal((*bold.mask.grid.shape, 7)).astype(np.float32)
    mask = nib.Nifti1Image(bold.mask.inside.astype(np.uint8), bold.mask.grid.affine)
    masker = NiftiLabelsMasker(atlas, mask_img=mask, standardize=None)
    expected = masker.fit_transform(nib.Nifti1Image(volumes, bold.mask.grid.affine))
    found = nifti.read_labels(tmp_path / "atlas.nii.gz", bold.mask)
    codes = codes_of(replace(bold, targets=Targets("parcels", 3, found)), [], 0)
    assert np.allclose(bold.mask.flatten(volumes) @ codes.encode, expected, atol=1e-5)


def test_an_atlas_on_another_grid_is_read_by_place(tmp_path: Path, bold: BoldSpec) -> None:
    fine = Grid((9, 11, 13), np.array([[2.0, 0, 0, -1], [0, 2, 0, 1], [0, 0, 2, 0], [0, 0, 0, 1]]))
    places = np.stack(np.meshgrid(*map(np.arange, fine.shape), indexing="ij"), axis=-1)
    x_mm = (places @ fine.affine[:3, :3].T + fine.affine[:3, 3])[..., 0]
    nib.save(nib.Nifti1Image((x_mm > 4).astype(np.int16) + 5, fine.affine), tmp_path / "a.nii.gz")
    found = nifti.read_labels(tmp_path / "a.nii.gz", bold.mask)
    voxels = np.argwhere(bold.mask.inside) * 3.0
    known = (voxels[:, 1] >= 1) & (voxels[:, 0] != 3)
    assert (found[known] == 5 + (voxels[known, 0] > 4)).all()


@pytest.mark.parametrize("name", ["ridge", "transformer"])
def test_a_model_of_parcels_gives_voxels_and_comes_back_from_disk(
    name: str, tmp_path: Path, eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    samples = [make_run(person, 1) for person in "12"]
    spec = parcelled(bold)
    settings = TrainSettings(
        epochs=1, device="cpu", arguments=SMALL if name == "transformer" else {}
    )
    split = whole(samples, np.random.default_rng(0))
    fitted = fit(name, eeg, spec, samples, split, settings)
    given = changes(fitted.model, make_run("3", 1))
    labels = np.arange(bold.n_voxels) % 5
    assert given.shape == (80, bold.n_voxels)
    for label in range(1, 5):
        assert np.allclose(given[:, labels == label], given[:, [label]])
    assert not given[:, labels == 0].any()
    assert given.any()
    bundles.save(bundles.pack(fitted, eeg, spec, np.ones(bold.n_voxels), {}), tmp_path / name)
    found = bundles.load(tmp_path / name)
    assert (found.bold.targets.kind, found.bold.targets.count) == ("parcels", 4)
    assert np.array_equal(changes(bundles.unpack(found), make_run("3", 1)), given)
    assert "4 parcels of them predicted" in bundles.card(found)


def test_components_carry_most_of_what_varies(bold: BoldSpec, make_run: MakeRun) -> None:
    run = make_run("1", 1)
    codes = codes_of(replace(bold, targets=Targets("components", 5)), [run], 0)
    assert np.allclose(codes.decode @ codes.encode, np.eye(5), atol=1e-5)
    (coded,) = codes.of([run])
    left = targets_of(run) - targets_of(coded) @ codes.decode
    _, values, _ = np.linalg.svd(targets_of(run)[::3], full_matrices=False)
    some = left[::3]
    assert (some**2).sum() == pytest.approx((values[5:] ** 2).sum(), rel=0.02)


def test_more_components_than_volumes_are_refused(bold: BoldSpec, make_run: MakeRun) -> None:
    spec = replace(bold, targets=Targets("components", 50))
    with pytest.raises(DataError, match="50 components were asked for; 9 volumes") as caught:
        codes_of(spec, [make_run("1", 1).take(np.arange(9))], 0)
    assert "[targets] count" in caught.value.hint


def test_memory_is_told_before_it_is_taken(
    eeg: EegSpec, bold: BoldSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device("meta"):
        large = dense.build(eeg, bold, embedding=30_000)
    needed = memory.needed_mb(large, eeg, bold, TrainSettings())
    weights = sum(value.numel() for value in large.parameters())
    assert needed > 20 * weights / 2**20
    assert needed > memory.needed_mb(large, eeg, bold, TrainSettings(accumulate=8))
    monkeypatch.setattr(resources, "memory_mb", lambda: 900)
    memory.state("dense", 1400)
    with pytest.raises(
        TemporaryError, match=rf"dense: .* about {needed} MB of memory; 900"
    ) as told:
        memory.state("dense", needed)
    assert "--targets parcels" in told.value.hint
    monkeypatch.setattr(resources, "memory_mb", lambda: None)
    memory.state("dense", needed)
