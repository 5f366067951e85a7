"""Predictions refuse what does not fit and are centred over the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from bids_app.errors import DataError
from bids_app.learn.bundle import pack
from bids_app.learn.predict import apply, changes, merge, predict
from bids_app.learn.train import Fitted
from bids_app.models import cnn, sources
from bids_app.values.bundle import BoldSpec, EegSpec, ModelBundle
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]
CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"filters": [3, 4], "embedding": 6, "hidden": 8}


@pytest.fixture
def bundle(eeg: EegSpec, bold: BoldSpec) -> ModelBundle:
    torch.manual_seed(0)
    model = cnn.build(eeg, bold, **SMALL).eval()
    return pack(Fitted(model, "cnn", SMALL, {}), eeg, bold, np.ones(bold.n_voxels), {})


def test_a_run_is_predicted_in_batches_as_at_once(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model, run = cnn.build(eeg, bold, **SMALL).eval(), make_run("1", 1)
    with torch.no_grad():
        expected = model(torch.from_numpy(run.windows())).numpy()
    assert np.allclose(changes(model, run), expected, atol=1e-6)


def test_a_prediction_is_centred_unless_it_is_causal(
    bundle: ModelBundle, make_run: MakeRun
) -> None:
    run = make_run("1", 1)
    centred = predict(bundle, run, CPU, "participant")
    causal = predict(bundle, run, CPU, "participant", causal=True)
    assert np.abs(centred.change.mean(axis=0)).max() < 1e-7
    assert np.abs(causal.change.mean(axis=0)).max() > 1e-5
    level = causal.change.mean(axis=0)
    assert np.allclose(centred.change, causal.change - level, atol=1e-7)
    assert (centred.run, centred.model, centred.split) == ("sub-1_run-1", "cnn", "participant")
    assert np.array_equal(centred.volumes, run.volumes)
    assert centred.n_volumes == 90


def test_a_model_that_hears_any_cap_is_given_any(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    model = sources.build(eeg, bold, n_places=5)
    model.fit([make_run("1", 1), make_run("2", 1)], [], seed=0)
    made = pack(
        Fitted(model.eval(), "sources", {"n_places": 5}, {}), eeg, bold, np.ones(bold.n_voxels), {}
    )
    run = make_run("3", 1)
    turned = replace(run, eeg=run.eeg[[2, 0, 1]], channels=("Pz", "Fz", "Cz"))
    one, other = (predict(made, each, CPU, "participant").change for each in (run, turned))
    assert one.std() > 0
    assert np.allclose(one, other, atol=1e-4 * np.abs(one).max())
    with pytest.raises(DataError, match="the model wants 3 channels at 64 Hz"):
        predict(made, replace(turned, rate_hz=32.0), CPU, "participant")


def test_another_cap_is_refused(bundle: ModelBundle, make_run: MakeRun) -> None:
    run = replace(make_run("1", 1), channels=("Fz", "Pz", "Oz"))
    with pytest.raises(DataError, match=r"sub-1_run-1: the model wants 3 channels .* lacking: Cz"):
        predict(bundle, run, CPU, "participant")


def test_another_window_is_refused(bundle: ModelBundle, make_run: MakeRun) -> None:
    run = replace(make_run("1", 1), n_window=640)
    with pytest.raises(DataError, match="windows of 640 samples; the model wants 1280") as caught:
        predict(bundle, run, CPU, "participant")
    assert "20 s" in caught.value.hint


def test_blocks_are_put_together_in_time_order(bundle: ModelBundle, make_run: MakeRun) -> None:
    run = make_run("1", 1)
    parts = [
        predict(bundle, run.take(np.arange(start, stop)), CPU, "block", causal=True)
        for start, stop in ((50, 80), (0, 20), (20, 50))
    ]
    joined = merge(parts)
    whole = predict(bundle, run, CPU, "block", causal=True)
    assert np.array_equal(joined.volumes, run.volumes)
    assert np.allclose(joined.change, whole.change, atol=1e-6)


def test_blocks_must_belong_together(bundle: ModelBundle, make_run: MakeRun) -> None:
    one, other = (predict(bundle, make_run("1", n), CPU, "block") for n in (1, 2))
    with pytest.raises(
        ValueError, match="block of sub-1_run-2 cannot be joined to one of sub-1_run-1"
    ):
        merge([one, other])
    with pytest.raises(ValueError, match="sub-1_run-1: blocks share 80 volumes"):
        merge([one, one])


def test_a_model_in_memory_predicts_the_same(bundle: ModelBundle, make_run: MakeRun) -> None:
    from bids_app.learn.bundle import unpack

    run = make_run("1", 1)
    given = apply(unpack(bundle), "cnn", run, "participant")
    assert np.array_equal(given.change, predict(bundle, run, CPU, "participant").change)
