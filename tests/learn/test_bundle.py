"""Bundles come back as they were saved, and bad ones are refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from bids_app.errors import DataError, MissingInputError
from bids_app.learn import bundle as bundles
from bids_app.learn.predict import predict
from bids_app.learn.settings import TrainSettings
from bids_app.learn.train import Fitted, fit
from bids_app.models import cnn
from bids_app.samples.split import whole
from bids_app.values.bundle import Accepts, BoldSpec, EegSpec
from bids_app.values.samples import Samples

SMALL: dict[str, Any] = {"filters": [3, 4], "embedding": 6, "hidden": 8}
TRAINING = {
    "participants": [{"dataset": "x", "label": "01", "sha256": "0" * 64}],
    "runs": ["sub-01_run-1"],
    "seed": 3,
}


@pytest.fixture
def folder(tmp_path: Path, eeg: EegSpec, bold: BoldSpec) -> Path:
    torch.manual_seed(0)
    fitted = Fitted(cnn.build(eeg, bold, **SMALL), "cnn", SMALL, {"best_epoch": 2})
    baseline = np.linspace(1, 2, bold.n_voxels)
    bundles.save(bundles.pack(fitted, eeg, bold, baseline, TRAINING), tmp_path / "models" / "cnn")
    return tmp_path / "models" / "cnn"


def rewritten(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = folder / bundles.DESCRIPTION
    about = json.loads(path.read_text())
    path.write_text(json.dumps(change(about) or about))
    return folder


def reweighed(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    path = folder / bundles.WEIGHTS
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return rewritten(folder, lambda about: about.update(weights_sha256=bundles.identity(folder)))


def test_a_saved_model_predicts_the_same(
    tmp_path: Path, eeg: EegSpec, bold: BoldSpec, make_run: Callable[..., Samples]
) -> None:
    samples = [make_run(person, 1) for person in "12"]
    split = whole(samples, np.random.default_rng(0))
    fitted = fit("ridge", eeg, bold, samples, split, TrainSettings(device="cpu"))
    made = bundles.pack(fitted, eeg, bold, np.ones(bold.n_voxels), TRAINING)
    bundles.save(made, tmp_path / "ridge")
    found = bundles.load(tmp_path / "ridge")
    windows = torch.from_numpy(make_run("3", 1).windows(slice(0, 4)))
    with torch.no_grad():
        assert torch.equal(bundles.unpack(found)(windows), fitted.model(windows))
        assert fitted.model(windows).abs().max() > 0


def test_everything_comes_back(folder: Path, eeg: EegSpec, bold: BoldSpec) -> None:
    found = bundles.load(folder)
    assert found.eeg == eeg
    assert found.bold.mask.sha256 == bold.mask.sha256
    assert (found.bold.tr_s, found.bold.start_time_s, found.bold.resolution) == (2.0, 0.5, "3")
    assert np.allclose(found.baseline, np.linspace(1, 2, bold.n_voxels))
    assert found.arguments == SMALL
    assert found.training["seed"] == 3
    assert found.training["history"] == {"best_epoch": 2}


def test_the_folder_holds_three_files_and_no_pickle(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "bundle.json",
        "weights.safetensors",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["cnn"]
    card = (folder / "README.md").read_text()
    assert "3 channels (Fz, Cz, Pz), 64 Hz" in card
    assert "1 participants (01)" in card
    assert "not for diagnosis" in card


def test_saving_again_replaces_the_whole_bundle(folder: Path) -> None:
    before = bundles.identity(folder)
    found = bundles.load(folder)
    (folder / "stray").touch()
    bundles.save(found, folder)
    assert not (folder / "stray").exists()
    assert bundles.identity(folder) == before


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere/bundle\.json: cannot be read: No such"):
        bundles.load(tmp_path / "nowhere")
    (folder / "weights.safetensors").unlink()
    with pytest.raises(MissingInputError, match=r"cnn/weights\.safetensors: cannot be read: No s"):
        bundles.load(folder)


def test_truncated_files_are_refused(folder: Path) -> None:
    weights = folder / bundles.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"weights\.safetensors: SHA-256 is [0-9a-f]{12}…;"):
        bundles.load(folder)
    description = folder / bundles.DESCRIPTION
    description.write_bytes(description.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"bundle\.json: is not JSON: .*line"):
        bundles.load(folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8 + b"{}", b"\x80\x04pickle", b"[" * 50])
def test_weights_that_are_no_safetensors_are_refused(folder: Path, content: bytes) -> None:
    (folder / bundles.WEIGHTS).write_bytes(content)
    rewritten(folder, lambda about: about.update(weights_sha256=bundles.identity(folder)))
    with pytest.raises(DataError, match=r"weights\.safetensors: is not a safetensors file: \w"):
        bundles.load(folder)


def test_a_deeply_nested_description_is_refused(folder: Path) -> None:
    (folder / bundles.DESCRIPTION).write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"bundle\.json: is not JSON: "):
        bundles.load(folder)


def test_a_giant_description_is_not_even_read(folder: Path) -> None:
    with (folder / bundles.DESCRIPTION).open("r+b") as file:
        file.truncate(20_000_000)
    with pytest.raises(DataError, match="20000000 bytes; expected at most 10000000"):
        bundles.load(folder)


BAD_FIELDS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda a: [a], "the file is list; expected a table"),
    (lambda a: a.update(format=2), "format is 2; this version reads format 1"),
    (
        lambda a: {k: v for k, v in a.items() if k != "training"},
        "training is 'missing'; expected a table",
    ),
    (lambda a: a.update(architecture=3), "architecture is 3; expected a text"),
    (lambda a: a.update(architecture="../x"), r"architecture is '\.\./x'; known are cnn, "),
    (lambda a: a.update(accepts=3), "accepts is int; expected a table"),
    (
        lambda a: a["accepts"].update(channels="all"),
        "channels is 'all'; expected one of exact, any",
    ),
    (lambda a: a["accepts"].update(tr=[2]), r"tr is \[2\]; expected one of any, same"),
    (
        lambda a: a["bold"]["targets"].update(kind="all"),
        "kind is 'all'; expected one of voxels, parc",
    ),
    (
        lambda a: a["bold"]["targets"].update(count=-1),
        "count is -1; expected a whole number up to 4096",
    ),
    (lambda a: a.update(eeg=[]), "eeg is list; expected a table"),
    (lambda a: a["eeg"].update(channels=["Fz", "Fz"]), r"eeg\.channels is .* different names"),
    (lambda a: a["eeg"].update(rate_hz=-1), r"eeg\.rate_hz is -1; expected a number above 0"),
    (lambda a: a["eeg"].update(rate_hz=True), r"eeg\.rate_hz is True; expected a number"),
    (lambda a: a["eeg"].update(window_s=1e9), r"a window of 1e\+09 s at 64 Hz; expected at most"),
    (lambda a: a["bold"].update(tr_s="2"), r"bold\.tr_s is '2'; expected a number above 0"),
    (lambda a: a["bold"].update(grid_shape=[4, 5]), r"bold\.grid_shape is \[4, 5\]; expected thr"),
    (lambda a: a["bold"].update(grid_affine=[1]), r"bold\.grid_affine is \[1\]; expected 4 x 4"),
    (lambda a: a["bold"].update(mask_sha256="0"), r"bold\.mask_sha256 is '0'; expected 64 hex"),
    (lambda a: a["bold"].update(mask_sha256="0" * 64), "the mask's hash is .*says 000000000000…"),
    (
        lambda a: a["bold"].update(grid_shape=[4, 5, 7]),
        r"mask is \(4, 5, 6\); .* says \(4, 5, 7\)",
    ),
    (lambda a: a["bold"].update(grid_affine=[[0] * 4] * 4), "affine has no volume"),
    (lambda a: a.update(arguments={"breadth": 3}), "cnn cannot be built .* no setting 'breadth'"),
    (lambda a: a.update(arguments={"hidden": "9"}), "cannot be built with {'hidden': '9'}: "),
    (lambda a: a["arguments"].update(hidden=10**7), r"to_hidden\.1\.bias is \(8,\); .*10000000"),
]


@pytest.mark.parametrize(("change", "message"), BAD_FIELDS)
def test_each_field_is_checked(
    folder: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        bundles.load(rewritten(folder, change))


BAD_TENSORS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda t: t.pop("baseline"), r"baseline is \(0,\); expected \(\d+,\)"),
    (lambda t: t.pop("mask"), r"mask is \(0,\); bundle\.json says \(4, 5, 6\)"),
    (lambda t: t.pop("weights.embed.bias"), r"embed\.bias is missing; expected \(6,\)"),
    (lambda t: t.update({"weights.x": np.ones(2)}), r": x is \(2,\); expected nothing"),
    (
        lambda t: t["weights.embed.bias"].fill(np.nan),
        r"embed\.bias holds values that are not",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_TENSORS)
def test_each_tensor_is_checked(
    folder: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        bundles.load(reweighed(folder, change))


def test_a_bundle_of_an_earlier_version_takes_its_channels_and_any_tr(folder: Path) -> None:
    found = bundles.load(rewritten(folder, lambda about: about.pop("accepts") and about))
    assert found.accepts == Accepts("exact", "any")


def test_what_a_bundle_takes_comes_back(folder: Path) -> None:
    found = bundles.load(
        rewritten(folder, lambda a: a.update(accepts={"channels": "any", "tr": "same"}))
    )
    assert found.accepts == Accepts("any", "same")


def test_montages_are_taken_or_refused(folder: Path, make_run: Callable[..., Samples]) -> None:
    other = replace(make_run("1", 1), channels=("C3", "C4", "Oz"))
    exact = bundles.load(folder)
    with pytest.raises(DataError, match=r"sub-1_run-1: the model wants 3 .* lacking: Fz, Cz, Pz"):
        predict(exact, other, torch.device("cpu"), "participant")
    free = replace(exact, accepts=Accepts(channels="any"))
    given = predict(free, other, torch.device("cpu"), "participant")
    same = predict(exact, make_run("1", 1), torch.device("cpu"), "participant")
    assert np.array_equal(given.change, same.change)
    with pytest.raises(DataError, match="at 64 Hz; the recording has 3 at 128 Hz"):
        free.accepts.refuse_eeg(free.eeg, other.channels, 128.0, "x")


def test_repetition_times_are_taken_or_refused(bold: BoldSpec) -> None:
    Accepts(tr="any").refuse_tr(bold, 2.16, "sub-1")
    Accepts(tr="same").refuse_tr(bold, 2.0, "sub-1")
    with pytest.raises(DataError, match=r"sub-1: volumes come every 2\.16 s; .* trained for 2 s"):
        Accepts(tr="same").refuse_tr(bold, 2.16, "sub-1")
