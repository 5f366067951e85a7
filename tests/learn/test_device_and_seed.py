"""Devices are chosen by word; random numbers depend on the seed and on their purpose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bids_app.errors import DeviceError, UsageError
from bids_app.learn import device as devices
from bids_app.learn.seed import generator, torch_seeded


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose("auto") == devices.choose("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.choose("auto") == torch.device("cuda:0")
    assert devices.choose("cuda:1") == torch.device("cuda:1")


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(DeviceError, match="cuda:2 was asked for; this computer has 2") as caught:
        devices.choose("cuda:2")
    assert "--device cpu" in caught.value.hint


@pytest.mark.parametrize("word", ["gpu", "cuda:", "cpu:0", "cuda:x"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"device is '{word}'"):
        devices.choose(word)


def test_a_copy_is_float32_whatever_the_strides() -> None:
    rows = np.arange(24.0).reshape(4, 6)[:, ::2]
    tensor = devices.copy(rows, torch.device("cpu"))
    assert tensor.dtype == torch.float32
    assert np.array_equal(tensor.numpy(), rows)


def test_on_a_cpu_nothing_is_compiled_or_rounded() -> None:
    model, cpu = torch.nn.Linear(3, 2), torch.device("cpu")
    assert devices.compiled(model, cpu) is model
    with devices.autocast(cpu):
        assert model(torch.zeros(1, 3)).dtype == torch.float32


def test_results_are_the_same_each_time_inside_the_block_only() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    for wanted in (True, False):
        with devices.deterministic(wanted):
            assert torch.are_deterministic_algorithms_enabled() is (wanted or before)
        assert torch.are_deterministic_algorithms_enabled() is before


def test_threads_are_at_least_one() -> None:
    before = torch.get_num_threads()
    devices.use_threads(0)
    assert torch.get_num_threads() == 1
    devices.use_threads(before)


def test_purposes_draw_their_own_numbers() -> None:
    first = generator(3, "fold", "01").random(4)
    assert np.array_equal(first, generator(3, "fold", "01").random(4))
    assert not np.allclose(first, generator(3, "fold", "02").random(4))
    assert not np.allclose(first, generator(4, "fold", "01").random(4))
    assert not np.allclose(first, generator(3, "fold/01x").random(4))


def test_seeding_leaves_the_global_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with torch_seeded(1):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with torch_seeded(1):
        assert torch.equal(torch.rand(3), inside)
