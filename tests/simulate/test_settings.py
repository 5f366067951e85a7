from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bids_app.errors import UsageError
from bids_app.simulate.settings import SIZES, Difficulty, SimulationSettings, sized, with_coupling


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "a b"}, r"task is 'a b'; expected letters"),
        ({"n_networks": 9}, r"9 networks; expected 1 to 8"),
        ({"head": "hat"}, r"head is 'hat'; expected one of whole, defaced, stripped"),
        ({"caps": (34, 20)}, r"caps are \(34, 20\); expected .* \(19, 34, 64\)"),
        ({"n_participants": 0}, r"0 participants, 2 runs, 170 volumes"),
        ({"difficulty": Difficulty(coupled_share=1.5)}, r"variance is 1\.5; expected 0"),
        ({"evoked_share": 1.5}, r"evoked share of activity is 1\.5; expected 0 to 1"),
        ({"tr_s": 2000.0}, r"repetition time is 2000; expected 0\.1"),
    ],
)
def test_settings_that_make_no_dataset_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SimulationSettings(**changes)


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no size 'huge'; expected one of default, small, tiny"):
        sized("huge")


def test_zero_coupling_keeps_the_network_activity() -> None:
    uncoupled = with_coupling(SimulationSettings(), 0.0)
    assert not uncoupled.coupled
    assert uncoupled.difficulty.coupled_share == 0.3
    weaker = with_coupling(SimulationSettings(), 0.1)
    assert weaker.coupled
    assert weaker.difficulty.coupled_share == 0.1


def test_each_slice_has_its_own_time_within_the_volume() -> None:
    size = replace(SIZES["tiny"], bold_shape=(5, 6, 7))
    times = SimulationSettings(size=size, tr_s=1.4).slice_times_s
    assert times == pytest.approx((0.0, 0.8, 0.2, 1.0, 0.4, 1.2, 0.6))
    assert SimulationSettings(size=size, tr_s=1.4).reference_time_s == pytest.approx(0.6)


def test_artefacts_raise_the_rate() -> None:
    assert SimulationSettings(artefacts=True).eeg_hz == 5000
    assert SimulationSettings().eeg_hz == 1000
