"""Units of voltage, however they are spelled."""

from __future__ import annotations

# both micro signs (U+00B5, U+03BC), and how people write them without one
_MICRO = ("µV", "μV", "uV", "microV", "microvolt", "microvolts")
_VOLTS = {"V": 1.0, "volt": 1.0, "volts": 1.0, "mV": 1e-3, "millivolt": 1e-3, "nV": 1e-9}
_FACTORS = _VOLTS | dict.fromkeys(_MICRO, 1e-6)
_FOLDED = {unit.casefold(): factor for unit, factor in _FACTORS.items() if unit != "mV"}


def volts_per(unit: str) -> float | None:
    """Give the volts in one of a unit, which may be a multiple; None for what is no voltage.

    Examples
    --------
    >>> volts_per("microV"), volts_per("V"), volts_per("0.5 mV"), volts_per("ms")
    (1e-06, 1.0, 0.0005, None)
    """
    number, blank, plain = unit.strip().rpartition(" ")
    if blank:
        one = volts_per(plain)
        try:
            return None if one is None else float(number) * one
        except ValueError:
            return None
    return _FACTORS.get(plain, _FOLDED.get(plain.casefold()))
