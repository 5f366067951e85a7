"""Two processes train what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bids_app.learn import distributed
from bids_app.learn.distributed import Mapped, World, by_reference, by_value
from bids_app.values import Floats

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("trained_together.py")


@pytest.mark.app
def test_two_processes_learn_what_one_does(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    many = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    for name, how in (("one", ()), ("two", many)):
        done = subprocess.run(
            [sys.executable, *how, SCRIPT, tmp_path, name],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for architecture in ("cnn", "transformer"):
        one, two = (
            load_file(tmp_path / f"{name}_{architecture}.safetensors") for name in ("one", "two")
        )
        for name, value in one.items():
            assert torch.allclose(value, two[name], atol=2e-6), (architecture, name)


def test_alone_nothing_is_shared() -> None:
    assert distributed.world() == World(0, 1)
    assert not distributed.wanted()
    distributed.announce("nobody hears this")
    model = torch.nn.Linear(2, 3)
    assert World().together(model, torch.device("cpu")) is model
    assert World().total(torch.tensor(3.0)) == 3


def test_shares_make_up_the_batch() -> None:
    shares = [World(rank, 3).mine(np.arange(10)) for rank in range(3)]
    assert sorted(np.concatenate(shares)) == list(range(10))


def test_memory_maps_are_told_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(120, dtype=np.float32).reshape(8, 15))
    whole: Floats = np.load(tmp_path / "x.npy", mmap_mode="r")
    for view in (whole, whole[2:7], whole[3:, 4:9], np.asarray(whole)[1:6:2, ::3]):
        told = by_reference(view)
        assert isinstance(told, Mapped)
        found = by_value(told)
        assert found is not None
        assert np.array_equal(found, view)
        assert found.strides == view.strides


def test_other_arrays_are_told_as_they_are() -> None:
    values = np.ones((3, 4), np.float32)
    assert by_reference(values) is values
    assert by_value(values) is values
    assert by_reference(None) is None
