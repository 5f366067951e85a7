from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.files.electrodes import standard_sphere
from bids_app.models._head import directions
from bids_app.pipeline.explain import places
from bids_app.values.samples import Samples

NAMES = ("Fz", "E1", "Oz")


def worn(channels: tuple[str, ...]) -> Samples:
    eeg = np.zeros((len(channels), 40), np.float32)
    stops, volumes = np.array([20, 30]), np.array([1, 2])
    return Samples("run", "01", eeg, 10.0, 20, stops, volumes, 3, channels=channels)


def test_electrodes_without_names_are_drawn_where_they_were_digitised() -> None:
    digitised = np.full((3, 3), np.nan)
    digitised[1] = standard_sphere()[0] + [0.06, 0, 0.08]
    runs = [worn(("Cz",)), worn(NAMES), replace(worn(NAMES), positions_m=digitised)]
    found = places(NAMES, runs)
    assert found[1] == pytest.approx([0.6, 0, 0.8])
    assert np.array_equal(found[[0, 2]], directions(("Fz", "Oz")))
    assert np.isnan(places(NAMES, runs[:2])[1]).all()
