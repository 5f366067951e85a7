"""One small simulated dataset, and what it was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.simulate.dataset import simulate
from bids_app.simulate.settings import SIZES, SimulationSettings, sized
from bids_app.simulate.world import World, make_world

SETTINGS = sized("tiny", n_participants=2, n_runs=1, size=replace(SIZES["tiny"], n_volumes=40))


@pytest.fixture(scope="session")
def settings() -> SimulationSettings:
    """Two people, one run of 40 volumes each."""
    return SETTINGS


@pytest.fixture(scope="session")
def world(settings: SimulationSettings) -> World:
    """What the two share."""
    return make_world(settings)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, settings: SimulationSettings) -> Path:
    """Their dataset; nothing may be written to it."""
    return simulate(settings, tmp_path_factory.mktemp("simulated") / "bids")
