from __future__ import annotations

import pytest

from bids_app.files.units import volts_per


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("V", 1.0),
        ("mV", 1e-3),
        ("µV", 1e-6),
        ("μV", 1e-6),
        ("uV", 1e-6),
        ("UV", 1e-6),
        (" microV ", 1e-6),
        ("nV", 1e-9),
        ("0.1 mV", 1e-4),
        ("MV", None),
        ("μS", None),
        ("ms", None),
        ("n/a", None),
        ("unknown", None),
        ("half a µV", None),
    ],
)
def test_units_are_known_however_they_are_spelled(unit: str, expected: float | None) -> None:
    found = volts_per(unit)
    assert found == (expected if expected is None else pytest.approx(expected))
