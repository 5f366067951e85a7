from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bids_app.errors import DataError
from bids_app.layout.datasets import ds000116
from bids_app.preproc.eeg import bipolar
from bids_app.preproc.eeg.bipolar import Settings, apply, electrodes_of, place_of
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

FACTS = (
    Path(__file__).resolve().parents[4]
    / "shared/fixtures/ds000116/legacy_openfmri/channels_and_montage.json"
)
N_TIME = 300


def bipolar_recording(potentials: Mapping[str, Floats], number: int) -> Recording:
    """Measure potentials as the cap of ds000116 does, with the dataset's facts on one participant."""
    facts = ds000116.facts_of(number, "noGA").channels
    n_eeg = len(ds000116.PAIRS)
    pairs = [name.split("-") for name in facts["name"][:n_eeg]]
    volts = np.stack([potentials[first] - potentials[second] for first, second in pairs])
    others = np.arange(6)[:, None] + np.zeros((6, N_TIME))
    return Recording(
        np.vstack([volts, others]).astype(np.float32),
        1000.0,
        tuple(facts["name"]),
        tuple(facts["type"]),
        np.full((n_eeg + 6, 3), np.nan),
    )


@pytest.mark.parametrize("number", range(1, 18))
def test_electrodes_come_back_from_each_participants_pairs(
    number: int, rng: np.random.Generator
) -> None:
    potentials: dict[str, Floats] = {
        name: rng.standard_normal(N_TIME) for name in (*ds000116.ELECTRODES, "LM", "RM")
    }
    measured = bipolar_recording(potentials, number)
    spoiled = measured.volts.copy()
    for place in ds000116.EXCLUDED[number]:
        spoiled[place - 1] = 1e3  # what is excluded must not be heard
    told: list[str] = []
    found = apply(
        Recording(spoiled, 1000.0, measured.names, measured.kinds, measured.positions_m),
        Settings(),
        Scene("a"),
        told.append,
    )
    assert found.names[:34] == ds000116.ELECTRODES
    against = (potentials["LM"] + potentials["RM"]) / 2
    expected = np.stack([potentials[name] - against for name in ds000116.ELECTRODES])
    assert np.abs(found.volts[found.rows("EEG")] - expected).max() < 1e-4
    assert np.isfinite(found.positions_m[:34]).all()
    n_pairs = 43 - len(ds000116.EXCLUDED[number])
    assert told == [
        f"{n_pairs} bipolar pairs were brought to 34 electrodes against the mean of the mastoids"
    ]


def test_rows_that_are_no_pairs_are_not_touched(rng: np.random.Generator) -> None:
    potentials: dict[str, Floats] = {
        name: rng.standard_normal(N_TIME) for name in (*ds000116.ELECTRODES, "LM", "RM")
    }
    found = apply(bipolar_recording(potentials, 7), Settings(), Scene("a"), lambda _: None)
    assert found.names[-6:] == ("HEOG", "VEOG", "ECG1", "ECG2", "stimulus", "behaviour")
    assert found.kinds[-6:] == ("EOG", "EOG", "ECG", "ECG", "TRIG", "TRIG")
    assert np.array_equal(found.volts[-6:, 0], np.arange(6))


def test_a_recording_of_electrodes_is_given_back(rng: np.random.Generator) -> None:
    volts = rng.standard_normal((2, 9)).astype(np.float32)
    given = Recording(volts, 100.0, ("Cz", "C3-T7"), ("EEG", "EEG"), np.zeros((2, 3)))
    assert apply(given, Settings(), Scene("a"), lambda _: None) is given


def test_without_mastoids_the_mean_of_the_electrodes_is_taken(rng: np.random.Generator) -> None:
    names, matrix = electrodes_of([("C3", "Cz"), ("Cz", "C4"), ("C3", "C4")], "a")
    potentials = rng.standard_normal((3, 50))
    measured = np.stack([
        potentials[0] - potentials[1],
        potentials[1] - potentials[2],
        potentials[0] - potentials[2],
    ])
    assert names == ["C3", "Cz", "C4"]
    assert np.allclose(matrix @ measured, potentials - potentials.mean(axis=0))


def test_pairs_that_do_not_hang_together_are_refused() -> None:
    with pytest.raises(DataError, match=r"a\.mat: its bipolar pairs fall into 2 parts") as caught:
        electrodes_of([("C3", "Cz"), ("O1", "O2")], "a.mat")
    assert "each electrode is reached" in caught.value.hint


def test_electrodes_are_put_from_front_to_back_and_from_left_to_right() -> None:
    assert sorted(set(ds000116.ELECTRODES), key=place_of) == list(ds000116.ELECTRODES)
    assert sorted(("E12", "Cz", "FT8", "FC1"), key=place_of) == ["FC1", "FT8", "Cz", "E12"]
    assert bipolar.place_of("LM")[0] == len(bipolar.ROWS)


@pytest.mark.skipif(not FACTS.is_file(), reason="the facts of the dataset are not here")
def test_the_facts_are_those_that_were_collected() -> None:
    facts = json.loads(FACTS.read_text("utf-8"))
    pairs = [facts["bipolar_pairs_1based"][str(place)] for place in range(1, 44)]
    assert pairs[40] == "C4-CP2"
    pairs[40] = "CP2-C4"  # stored inverted
    assert list(ds000116.PAIRS) == pairs
    electrodes = [facts["rereferenced_rows_1based"][str(row)] for row in range(1, 35)]
    assert [name.upper() for name in ds000116.ELECTRODES] == [name.upper() for name in electrodes]
    excluded = {
        int(who[3:]): set(some) for who, some in facts["excluded_pairs_by_subject"].items()
    }
    assert {who: set(some) for who, some in ds000116.EXCLUDED.items()} == excluded
