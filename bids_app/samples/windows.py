"""Which stretch of EEG belongs to which volume, by time and not by index."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Bools, Floats, Ints
from bids_app.values.pairing import Clock
from bids_app.values.samples import Samples

log = logging.getLogger(__name__)

SLACK_SAMPLES = 1e-6
"""Samples by which a time may miss a sample: far above rounding, far below jitter."""


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Settings of the EEG windows, table ``[window]``.

    Attributes
    ----------
    window_s : float
        Length of a window.
    lag_s : float
        How long before the time of its volume a window ends.
    """

    window_s: float = 30.0
    lag_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Scan:
    """What the windows of a run need to know of its volumes.

    Attributes
    ----------
    run : str
        Name of the run, such as ``sub-01_task-rest_run-1``.
    participant : str
        Label without ``sub-``.
    n_volumes : int
        Volumes of the run.
    tr_s : float
        Repetition time.
    start_time_s : float
        What time a volume stands for, from the start of its acquisition (BIDS ``StartTime``).
    channels : tuple of str
        Names of the EEG channels.
    positions_m : ndarray of shape (channel, 3) or None
        Where those are whose names do not tell; see :class:`bids_app.values.samples.Samples`.
    """

    run: str
    participant: str
    n_volumes: int
    tr_s: float
    start_time_s: float = 0.0
    channels: tuple[str, ...] = ()
    positions_m: Floats | None = None


def cut(
    eeg: Floats,
    rate_hz: float,
    clock: Clock,
    scan: Scan,
    settings: WindowSettings | None = None,
    targets: Floats | None = None,
) -> Samples:
    """Find the EEG window of each volume.

    The window of volume ``k`` ends at ``k * tr_s + start_time_s - lag_s`` on the BOLD clock; its
    last sample lies before that time. A volume has a window when all of it was recorded, and after
    the first volume began: EEG from before the scanner started is another recording.

    Parameters
    ----------
    eeg : ndarray of shape (channel, time)
        One run's EEG; kept as it is, so that it may be a memory map.
    rate_hz : float
        Its sampling rate.
    clock : Clock
        EEG time on BOLD time.
    scan : Scan
        The run's volumes.
    settings : WindowSettings, optional
        Length and lag of the windows.
    targets : ndarray of shape (time, voxel), optional
        One row for each of the run's volumes.

    Returns
    -------
    Samples
        ``n_volumes - len(samples)`` volumes have no window.

    Raises
    ------
    DataError
        When no volume has a whole window, or when there are not as many targets as volumes.
    """
    settings = settings or WindowSettings()
    if targets is not None and len(targets) != scan.n_volumes:
        raise DataError(
            f"{scan.run}: {len(targets)} BOLD volumes; expected {scan.n_volumes}",
            hint="prepare this run again: its BOLD and its metadata are not of the same make",
        )
    stops, whole = _stops(eeg.shape[1], rate_hz, clock, scan, settings)
    volumes: Ints = np.flatnonzero(whole)
    if not volumes.size:
        raise DataError(
            f"{scan.run}: no volume has a whole window of {settings.window_s:g} s: the EEG lasts "
            f"{eeg.shape[1] / rate_hz:g} s, the scan {scan.n_volumes * scan.tr_s:g} s, starting "
            f"{clock.offset_s:g} s into the EEG",
            hint="check the volume markers, or choose a shorter window",
        )
    log.info("%s: %d of %d volumes have a window", scan.run, volumes.size, scan.n_volumes)
    n_window = round(settings.window_s * rate_hz)
    everything = Samples(
        scan.run,
        scan.participant,
        eeg,
        rate_hz,
        n_window,
        stops=stops[volumes],
        volumes=volumes,
        n_volumes=scan.n_volumes,
        channels=scan.channels,
        positions_m=scan.positions_m,
    )
    return everything if targets is None else _with_targets(everything, targets)


def _stops(
    n_samples: int, rate_hz: float, clock: Clock, scan: Scan, settings: WindowSettings
) -> tuple[Ints, Bools]:
    """Where each volume's window stops, and whether it is whole, shape (time,) each."""
    ends_s = np.arange(scan.n_volumes) * scan.tr_s + scan.start_time_s - settings.lag_s
    stops: Ints = np.ceil(clock.eeg_s(ends_s) * rate_hz - SLACK_SAMPLES).astype(np.int64)
    recorded = (stops >= round(settings.window_s * rate_hz)) & (stops <= n_samples)
    # On the BOLD clock and not in samples: the drift of the EEG clock over one window must not
    # cost a volume.
    in_scan = ends_s - settings.window_s >= -SLACK_SAMPLES / rate_hz
    return stops, recorded & in_scan


def _with_targets(samples: Samples, targets: Floats) -> Samples:
    # The volumes with a window follow each other, so that this is a view of a memory map.
    seen = slice(samples.volumes[0], samples.volumes[-1] + 1)
    return replace(samples, targets=targets[seen])
