"""Windows come out of the store as they are in the recording, alone or with their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bids_app.learn import store as stores
from bids_app.learn.batches import targets_of
from bids_app.learn.store import Geometry, Store
from bids_app.samples.scale import scale_alone, scale_causally
from bids_app.values import Floats
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]
POOL = Geometry(4, 317, 8)  # 12 samples of a window of 1280 are left out at its start


@pytest.fixture
def runs(make_run: MakeRun) -> list[Samples]:
    """Give scaled runs; the second one's clock drifts, so that its windows begin at all phases."""
    drifting = make_run("2", 1)
    late = drifting.stops + np.arange(len(drifting)) // 9
    kept = late <= drifting.eeg.shape[1]
    drifting = (
        replace(drifting, stops=late).take(np.flatnonzero(kept))
        if kept.all()
        else replace(drifting, stops=drifting.stops - np.arange(len(drifting))[::-1] // 9)
    )
    return [
        scale_alone(run)
        for run in (make_run("1", 1), drifting, make_run("3", 1).take(np.arange(3, 20)))
    ]


def averaged(windows: Floats, geometry: Geometry) -> Floats:
    kept = windows[..., windows.shape[2] - geometry.pool * geometry.n_pooled :]
    means: Floats = kept.reshape(*kept.shape[:2], geometry.n_pooled, geometry.pool).mean(3)
    return means


def unfolded(
    store: Store, longest: int, rng: np.random.Generator | None = None
) -> dict[int, Floats]:
    found: dict[int, Floats] = {}
    for first, count in store.batches(16, longest, rng):
        for piece in store.pieces(first, count, 12):
            assert len(piece) <= 12
            eeg = store.gather(piece)
            for row, sample in enumerate(piece.samples):
                stretch, place = divmod(row, piece.count)
                begin = place * piece.hop
                assert int(sample) not in found
                found[int(sample)] = eeg[stretch, :, begin : begin + store.geometry.n_pooled]
    return found


@pytest.mark.parametrize("geometry", [POOL, Geometry(4, 317), Geometry(1, 1280, 64)])
@pytest.mark.parametrize("longest", [1, 6])
def test_each_window_comes_once_and_as_it_is(
    geometry: Geometry, longest: int, runs: list[Samples]
) -> None:
    store = Store(runs, geometry)
    found = unfolded(store, longest, np.random.default_rng(0))
    expected = np.concatenate([averaged(run.windows(), geometry) for run in runs])
    assert len(found) == len(expected) == len(store)
    given = np.array([found[index] for index in range(len(store))])
    assert np.allclose(given, expected, atol=1e-5)


def test_targets_come_in_the_order_asked_for(runs: list[Samples]) -> None:
    store = Store(runs, POOL)
    samples = np.random.default_rng(0).permutation(len(store))[:31]
    every = np.concatenate([targets_of(run) for run in runs])
    assert np.array_equal(store.targets(samples), every[samples])


def test_neighbours_are_gathered_together_only_where_filters_fit(make_run: MakeRun) -> None:
    run = make_run("1", 1)
    hop = int(run.stops[1] - run.stops[0]) // 4
    fits, odd = (Store([run], Geometry(4, 320, stride)) for stride in (hop // 2, hop // 2 + 1))
    assert fits.stretches(8)[1].max() == 8
    assert odd.stretches(8)[1].max() == 1
    assert Store([run], Geometry(4, 320)).stretches(8)[1].max() == 1


def test_a_stretch_ends_where_samples_are_left_out(make_run: MakeRun) -> None:
    run = make_run("1", 1)
    gap = run.take(np.r_[0:5, 9:12])
    first, count = Store([gap], Geometry(4, 320, 8)).stretches(4)
    assert first.tolist() == [0, 4, 5]
    assert count.tolist() == [4, 1, 3]


def test_cuts_and_order_are_drawn(runs: list[Samples]) -> None:
    store = Store(runs, POOL)
    one, other = (store.stretches(6, np.random.default_rng(seed)) for seed in (0, 1))
    assert sorted(one[0]) != sorted(other[0])
    assert np.array_equal(store.stretches(6, np.random.default_rng(0))[0], one[0])
    assert not np.array_equal(np.sort(one[0]), one[0])


def test_scaling_that_changes_is_applied_to_each_window(make_run: MakeRun) -> None:
    run = scale_causally(make_run("1", 1))
    store = Store([run], POOL)
    found = unfolded(store, 6)
    expected = averaged(run.windows(), POOL)
    assert np.allclose(np.array([found[index] for index in range(len(run))]), expected, atol=1e-5)


def test_a_large_store_lies_in_a_file_without_a_name(
    runs: list[Samples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "IN_MEMORY_BYTES", 1000)
    store = Store(runs, POOL, tmp_path / "work")
    assert isinstance(store.values, np.memmap)
    assert not list((tmp_path / "work").iterdir())
    assert np.array_equal(store.values, Store(runs, POOL).values)


def test_a_store_on_a_device_gives_the_same(runs: list[Samples]) -> None:
    store = Store(runs, POOL)
    assert not store.is_placed
    store.place(torch.device("cpu"))
    first, count = store.stretches(6, np.random.default_rng(0))
    for piece in store.pieces(first, count, 64):
        assert np.array_equal(store.gather_placed(piece).numpy(), store.gather(piece))
