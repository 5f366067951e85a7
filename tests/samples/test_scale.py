"""Scaling learns from what it may see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.samples.scale import (
    ChannelScaler,
    scale_alone,
    scale_causally,
    scale_split,
    stretches,
)
from bids_app.samples.split import by_block, by_participant, by_run
from bids_app.values import Floats
from bids_app.values.samples import Samples

RATE_HZ = 50.0


def run_of(participant: str, number: int, n_volumes: int = 60) -> Samples:
    rng = np.random.default_rng([ord(participant[-1]), number])
    gains = rng.uniform(0.5, 2, (4, 1)) * 1e-5
    eeg = gains * (rng.standard_normal((4, 100 * n_volumes)) + rng.uniform(-3, 3, (4, 1)))
    stops = np.arange(5, n_volumes) * 100
    return Samples(
        f"sub-{participant}_run-{number}",
        participant,
        eeg.astype(np.float32),
        RATE_HZ,
        n_window=500,
        stops=stops,
        volumes=np.arange(5, n_volumes),
        n_volumes=n_volumes,
    )


def spread(run: Samples) -> Floats:
    assert run.spread is not None
    return run.spread


def centre(run: Samples) -> Floats:
    assert run.centre is not None
    return run.centre


def test_gaussian_eeg_becomes_standard() -> None:
    scaled = scale_alone(run_of("01", 1, 200)).windows()
    assert np.allclose(np.median(scaled, axis=(0, 2)), 0, atol=0.05)
    assert np.allclose(scaled.std(axis=(0, 2)), 1, atol=0.05)


def test_a_burst_of_movement_hardly_changes_the_scale() -> None:
    clean = run_of("01", 1)
    moved = replace(clean, eeg=clean.eeg.copy())
    moved.eeg[:, 1000:1200] *= 1000
    quiet, loud = (ChannelScaler().fit([run.eeg], "sub-01") for run in (clean, moved))
    assert np.allclose(quiet.spread_, loud.spread_, rtol=0.1)


def test_the_test_run_does_not_scale_a_known_participant() -> None:
    runs = [run_of("01", number) for number in (1, 2, 3)]
    split = by_run(runs, np.random.default_rng(0))[0]
    louder = [replace(runs[0], eeg=runs[0].eeg * 9), *runs[1:]]
    before, after = scale_split(runs, split), scale_split(louder, split)
    assert np.array_equal(spread(before[0]), spread(after[0]))
    seen = np.concatenate([run.eeg for run in runs[1:]], axis=1)
    assert np.allclose(centre(before[0])[0], np.median(seen, axis=1), atol=1e-6)


def test_the_test_block_does_not_scale_the_rest_of_its_run() -> None:
    run = run_of("01", 1, 200)
    split = by_block(run)[2]
    heard = run.eeg.copy()
    alone = np.ones(heard.shape[1], bool)
    for name in ("train", "valid"):
        for stop in run.stops[getattr(split, name)[run.run]]:
            alone[stop - run.n_window : stop] = False
    heard[:, alone] = 1e3
    assert alone.sum() > 2000
    changed = replace(run, eeg=heard)
    assert np.array_equal(
        spread(scale_split([run], split)[0]), spread(scale_split([changed], split)[0])
    )


def test_a_person_never_seen_is_scaled_by_their_own_runs() -> None:
    runs = [run_of(participant, number) for participant in ("01", "02", "03") for number in (1, 2)]
    split = by_participant(runs, np.random.default_rng(0))[0]
    scaled = scale_split(runs, split)
    assert not np.allclose(spread(scaled[0])[0], spread(scaled[1])[0])
    assert np.array_equal(spread(scaled[0]), spread(scale_alone(runs[0])))
    assert np.array_equal(spread(scaled[2])[0], spread(scaled[3])[0])


def test_causal_scaling_knows_nothing_of_later_eeg() -> None:
    run = run_of("01", 1)
    cut = int(run.stops[20])
    later = replace(run, eeg=np.where(np.arange(run.eeg.shape[1]) < cut, run.eeg, 7).astype("f4"))
    one, other = scale_causally(run), scale_causally(later)
    assert np.allclose(spread(one)[:21], spread(other)[:21], rtol=1e-5)
    assert not np.allclose(spread(one)[22], spread(other)[22], rtol=1e-2)
    heard = run.eeg[:, :cut].astype(float)
    assert np.allclose(centre(one)[20], heard.mean(axis=1), rtol=1e-4)
    assert np.allclose(spread(one)[20], heard.std(axis=1), rtol=1e-4)


def test_stretches_cover_windows_once() -> None:
    run = run_of("01", 1)
    found = stretches(run, np.array([0, 1, 20, 21, 22]))
    assert [piece.shape for piece in found] == [(4, 600), (4, 700)]
    assert np.shares_memory(found[0], run.eeg)
    assert np.array_equal(found[1], run.eeg[:, run.stops[20] - 500 : run.stops[22]])
    assert stretches(run, np.array([], int)) == []


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_dead_channel_is_named(value: float) -> None:
    run = run_of("01", 1)
    run.eeg[2] = value
    with pytest.raises(DataError, match=r"sub-01_run-1: EEG channels \[2\]"):
        scale_alone(run)
    with pytest.raises(DataError, match=r"sub-01_run-1: EEG channels \[2\]"):
        scale_causally(run)
