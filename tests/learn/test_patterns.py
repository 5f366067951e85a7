"""Forward patterns find the electrode, band and lag that were planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bids_app.learn.batches import targets_of
from bids_app.learn.patterns import LAGS_S, Patterns, of_region, patterns
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]


@pytest.fixture
def found(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> Patterns:
    """Patterns of the mean measured change of coupled voxels, and of others, in place of predictions."""
    runs = []
    for person in "1234":
        run = make_run(person, 1, strength=30.0)
        true, half = targets_of(run), bold.n_voxels // 2
        runs.append((run, np.stack([true[:, :half].mean(1), true[:, half:].mean(1)], axis=1)))
    # The last one wears its cap the other way round.
    worn, output = runs[-1]
    runs[-1] = (replace(worn, eeg=worn.eeg[::-1], channels=worn.channels[::-1]), output)
    return patterns(runs, eeg, bold)


def test_the_pattern_is_where_when_and_in_which_band_it_was_planted(found: Patterns) -> None:
    pattern = of_region(found, 0)
    assert found.channels == ("Fz", "Cz", "Pz")
    assert found.bands_hz[pattern.band] == (8, 13)
    assert np.abs(pattern.topography).argmax() == 2
    assert pattern.topography[2] > 5 * np.abs(pattern.topography[:2]).max()
    assert np.abs(pattern.spectrum).argmax() == pattern.band
    # The planted response is a gamma density of shape 6, which peaks at 5 s.
    assert pattern.lag_s == pytest.approx(5.0, abs=1.0)
    assert pattern.curve.max() == 1


def test_what_falls_has_a_pattern_below_zero(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    runs = [(run, -targets_of(run)[:, :1]) for run in [make_run("1", 1, strength=100.0)]]
    pattern = of_region(patterns(runs, eeg, bold), 0)
    assert pattern.topography[2] < 0 < pattern.curve.max()
    assert pattern.spectrum[pattern.band] < 0


def test_a_region_that_goes_along_is_told_apart(
    eeg: EegSpec, bold: BoldSpec, make_run: MakeRun
) -> None:
    """What a region shares with another is the other's: that is what the inverse covariance is for."""

    def strength(columns: Callable[[Floats, Floats], Floats]) -> float:
        rng = np.random.default_rng(0)
        runs = []
        for person in "1234":
            run = make_run(person, 1, strength=100.0)
            own = targets_of(run)[:, 0] / targets_of(run)[:, 0].std()
            runs.append((run, columns(own, own + rng.standard_normal(len(own)))))
        given = patterns(runs, eeg, bold)
        lag = int(np.abs(LAGS_S - 5).argmin())
        return float(given.decibels[-1, 2, 2, lag])

    alone = strength(lambda _, mixed: mixed[:, None])
    beside = strength(lambda own, mixed: np.stack([own, mixed], axis=1))
    assert abs(beside) < 0.4 * alone


def test_a_pattern_of_nothing_is_nothing(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    run = make_run("1", 1)
    pattern = of_region(patterns([(run, np.zeros((len(run), 1)))], eeg, bold), 0)
    assert not pattern.topography.any()
    assert np.isfinite(pattern.curve).all()


def test_a_short_window_has_short_lags(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> None:
    run = make_run("1", 1, strength=100.0)
    early = run.stops[0] - 8 * round(run.rate_hz)
    short = replace(run, eeg=run.eeg[:, early:], stops=run.stops - early, n_window=512)
    output = targets_of(run)[:, :1]
    whole = patterns([(run, output)], eeg, bold)
    found = patterns(
        [(short, output)], replace(eeg, window_s=8.0), replace(bold, window_lag_s=1.5)
    )
    assert found.lags_s.max() == 9.0
    assert np.allclose(found.lags_s - 1.5, whole.lags_s[: len(found.lags_s)])
    assert np.allclose(found.decibels, whole.decibels[..., : len(found.lags_s)], atol=1e-3)
