"""Virtual sources: their physics against MNE, and one model for many caps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import mne
import numpy as np
import pytest
import torch

from bids_app.errors import UsageError
from bids_app.files.electrodes import standard_sphere
from bids_app.models import sources
from bids_app.models._head import directions, lead_field, source_filters, source_places
from bids_app.models._noise import ResidualSpread
from bids_app.models.base import AnyCap, Uncertain
from bids_app.values import Floats
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.samples import Samples

MakeRun = Callable[..., Samples]
CAP = ("Fp1", "Fz", "Cz", "T7", "P4", "Oz")


def test_potentials_are_those_of_mne() -> None:
    electrodes, places = directions(CAP), source_places(5, 0.6, 0.0)
    montage = mne.channels.make_dig_montage(
        dict(zip(CAP, 0.09 * electrodes, strict=True)), coord_frame="head"
    )
    info = mne.create_info(list(CAP), 100.0, "eeg", verbose="error").set_montage(montage)
    sphere = mne.make_sphere_model(
        (0, 0, 0), 0.09, relative_radii=(0.99, 1.0), sigmas=(0.33, 0.33), verbose="error"
    )
    where = {"rr": 0.09 * places, "nn": np.tile([0.0, 0.0, 1.0], (5, 1))}
    sources = mne.setup_volume_source_space(pos=where, verbose="error")
    expected = mne.make_forward_solution(info, None, sources, sphere, meg=False, verbose="error")[
        "sol"
    ]["data"]
    expected -= expected.mean(axis=0)
    found = lead_field(electrodes, places)
    scale = (found * expected).sum() / (expected**2).sum()
    assert np.abs(found - scale * expected).max() < 0.02 * np.abs(found).max()


def test_channels_without_a_place_get_no_weight() -> None:
    sources = source_places(4, 0.55, 0.0)
    with_unknown = source_filters(("Fz", "EXG1", "Oz", "t7"), sources, 0.01)
    assert not with_unknown[:, 1].any()
    assert np.allclose(
        with_unknown[:, [0, 2, 3]], source_filters(("Fz", "Oz", "T7"), sources, 0.01)
    )


def test_a_cap_without_a_single_place_is_refused(bold: BoldSpec) -> None:
    model = sources.build(EegSpec(("E1", "E2"), 100.0, 30.0), bold)
    with pytest.raises(UsageError, match="none of the channels E1, E2… has a place") as caught:
        model(torch.zeros(1, 2, 3000))
    assert "--architecture" in caught.value.hint


def test_digitised_positions_tell_what_names_do_not(
    fitted: sources.Sources, make_run: MakeRun
) -> None:
    named = make_run("9", 1)
    places = standard_sphere()[0] + 0.1 * directions(named.channels)
    unnamed = tuple(f"E{row}" for row in range(len(places)))
    digitised = replace(named, channels=unnamed, positions_m=places)
    with torch.no_grad():
        assert torch.allclose(fitted.of_run(digitised), fitted.of_run(named), atol=1e-6)
        with pytest.raises(UsageError, match="none of the channels E0, E1"):
            fitted.of_run(replace(digitised, positions_m=None))
        fitted.wear(unnamed, places)
        windowed = fitted(torch.from_numpy(named.windows(slice(0, 3))))
        assert torch.allclose(windowed, fitted.of_run(named)[:3], atol=1e-5)
    # Names win: what people digitise of a named electrode is noisier than where caps put it.
    assert np.array_equal(directions(CAP, np.ones((len(CAP), 3))), directions(CAP))


@pytest.fixture
def fitted(eeg: EegSpec, bold: BoldSpec, make_run: MakeRun) -> sources.Sources:
    model = sources.build(eeg, bold, n_places=20, hop_s=1.0)
    train = [make_run(person, 1) for person in "12345"]
    model.fit(train[:4], train[4:], seed=0)
    return model


def test_a_model_finds_the_coupling_through_another_cap(
    fitted: sources.Sources, bold: BoldSpec, make_run: MakeRun
) -> None:
    test = make_run("9", 1, noise=0.0)
    assert test.targets is not None
    order = [4, 2, 0, 3]
    other = replace(test, eeg=test.eeg[order], channels=tuple(test.channels[row] for row in order))
    assert isinstance(fitted, AnyCap)
    with torch.no_grad():
        given = fitted.of_run(other).numpy()
        fitted.wear(other.channels)
        windowed = fitted(torch.from_numpy(other.windows(slice(0, 3)))).numpy()
    half = bold.n_voxels // 2
    found = [np.corrcoef(test.targets[:, v], given[:, v])[0, 1] for v in range(half)]
    assert min(found) > 0.8
    assert np.allclose(windowed, given[:3], atol=1e-5)


def test_the_spread_is_that_of_new_people(
    fitted: sources.Sources, bold: BoldSpec, make_run: MakeRun
) -> None:
    assert isinstance(fitted, Uncertain)
    new = [make_run(person, 7) for person in "678"]
    with torch.no_grad():
        pairs = [
            (run.targets, fitted.of_run(run).numpy(), fitted.spread_of_run(run)) for run in new
        ]
    scaled = np.concatenate([
        ((true - true.mean(0)) - (given - given.mean(0))) / spread.numpy()
        for true, given, spread in pairs
        if true is not None
    ])
    assert np.mean(np.abs(scaled) < 1.96) == pytest.approx(0.95, abs=0.02)
    assert np.mean(np.abs(scaled) < 0.674) == pytest.approx(0.50, abs=0.03)
    half = bold.n_voxels // 2
    assert fitted.reliable()[:half].all()
    assert fitted.reliable()[half:].float().mean() < 0.4


def test_the_spread_follows_the_error_through_a_run() -> None:
    rng = np.random.default_rng(0)
    wider = np.where(np.arange(200) < 50, 3.0, 1.0)[:, None]
    runs = [_noise(person, wider * rng.standard_normal((200, 31))) for person in "123"]
    spread = ResidualSpread(31)
    assert spread(torch.tensor([0.1])).isnan().all()
    spread.fit(runs, np.zeros((600, 31)), np.repeat([0, 1, 2], 200))
    given = spread(torch.tensor([0.1, 0.9])).numpy()
    assert np.allclose(given.mean(axis=1), [3.0, 1.0], rtol=0.1)


def _noise(participant: str, rows: Floats) -> Samples:
    n_times = len(rows)
    return Samples(
        f"sub-{participant}",
        participant,
        np.zeros((2, n_times), np.float32),
        1.0,
        n_window=1,
        stops=np.arange(1, n_times + 1),
        volumes=np.arange(n_times),
        n_volumes=n_times,
        targets=rows.astype(np.float32),
        channels=("Fz", "Cz"),
    )
