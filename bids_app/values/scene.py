"""What EEG cleaning knows of the scan that ran meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.values.pairing import Clock


@dataclass(frozen=True, slots=True)
class Scene:
    """What a cleaning step may know beside the recording.

    Attributes
    ----------
    where : str
        Name of the recording, for messages.
    clock : Clock or None
        EEG time on scanner time; None where nothing tells when volumes were.
    tr_s : float or None
        Repetition time.
    n_volumes : int or None
        Volumes that were stored.
    n_slices : int or None
        Excitations of a volume: slices that are measured together count once.
    """

    where: str
    clock: Clock | None = None
    tr_s: float | None = None
    n_volumes: int | None = None
    n_slices: int | None = None

    @property
    def period_s(self) -> float | None:
        """From volume to volume on the EEG's clock; None where that is unknown."""
        if self.clock is None or self.tr_s is None:
            return None
        return self.clock.rate * self.tr_s

    @property
    def rates_hz(self) -> dict[str, float]:
        """Rates at which the scanner repeats itself on the EEG's clock: ``volume`` and ``slice``, where known."""
        if self.period_s is None:
            return {}
        rates = {"volume": 1 / self.period_s}
        if self.n_slices is not None and self.n_slices > 1:
            rates["slice"] = self.n_slices / self.period_s
        return rates
