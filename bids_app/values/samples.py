"""What a model sees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bids_app.values import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One run's EEG windows and the volumes that they belong to.

    The windows are never stored: each is a view into the run, which may be a memory map.

    Attributes
    ----------
    run : str
        Name of the run, such as ``sub-01_task-rest_run-1``.
    participant : str
        Label without ``sub-``.
    eeg : ndarray of shape (channel, time)
        EEG, float32; may be a memory map.
    rate_hz : float
        Its sampling rate.
    n_window : int
        Length of a window in EEG samples.
    stops : ndarray of shape (sample,)
        Index of the EEG sample just after each window.
    volumes : ndarray of shape (sample,)
        Index of the volume that each window belongs to.
    n_volumes : int
        Volumes of the whole run, those without a window included.
    targets : ndarray of shape (sample, voxel) or None
        Fractional signal change from the participant's median; None where there is no BOLD.
    channels : tuple of str
        Names of the EEG channels, to compare with what a model was trained on.
    positions_m : ndarray of shape (channel, 3) or None
        Where electrodes without standard names are, among the standard ones, in metres, NaN for the others; None when
        names tell all that is known.
    centre, spread : ndarray of shape (sample, channel) or None
        What each window's channels are centred on and divided by when windows are gathered; None
        to leave the EEG as it is. A view that repeats one row when the scaling is the same for the
        whole run.
    """

    run: str
    participant: str
    eeg: Floats
    rate_hz: float
    n_window: int
    stops: Ints
    volumes: Ints
    n_volumes: int
    targets: Floats | None = None
    channels: tuple[str, ...] = ()
    centre: Floats | None = None
    spread: Floats | None = None
    positions_m: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse windows that leave the recording and targets that do not fit."""
        if len(self.stops) != len(self.volumes):
            raise ValueError(f"{len(self.stops)} windows for {len(self.volumes)} volumes")
        if len(self.stops) and not (
            self.stops.min() >= self.n_window and self.stops.max() <= self.eeg.shape[1]
        ):
            raise ValueError(
                f"windows span samples {self.stops.min() - self.n_window} to {self.stops.max()}; "
                f"the recording has {self.eeg.shape[1]}"
            )
        if self.targets is not None and len(self.targets) != len(self.stops):
            raise ValueError(f"{len(self.targets)} targets for {len(self.stops)} windows")
        for rows in (self.centre, self.spread):
            if rows is not None and rows.shape != (len(self.stops), len(self.eeg)):
                raise ValueError(
                    f"scaling is {rows.shape} for {len(self.stops)} windows of "
                    f"{len(self.eeg)} channels"
                )

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.stops)

    def windows(self, index: Ints | slice = slice(None)) -> Floats:
        """Scaled EEG windows, shape (sample, channel, time), gathered from views."""
        views = np.lib.stride_tricks.sliding_window_view(self.eeg, self.n_window, axis=1)
        gathered: Floats = views[:, self.stops[index] - self.n_window].swapaxes(0, 1)
        if self.centre is not None:
            gathered = gathered - self.centre[index][:, :, None].astype(gathered.dtype)
        if self.spread is not None:
            gathered = gathered / self.spread[index][:, :, None].astype(gathered.dtype)
        return gathered

    def take(self, index: Ints) -> Samples:
        """Keep samples by index, shape (sample,); neighbours stay views of the targets."""
        rows: Ints | slice = index
        if len(index) and (np.diff(index) == 1).all():
            rows = slice(int(index[0]), int(index[-1]) + 1)
        return replace(
            self,
            stops=self.stops[rows],
            volumes=self.volumes[rows],
            targets=None if self.targets is None else self.targets[rows],
            centre=None if self.centre is None else self.centre[rows],
            spread=None if self.spread is None else self.spread[rows],
        )


@dataclass(frozen=True, slots=True)
class Split:
    """One fold: which samples of which run are for training, inner validation and test.

    Attributes
    ----------
    name : str
        Such as ``participant-01``.
    train, valid, test : dict of str to ndarray of shape (sample,)
        Positions among a run's samples, by run name. What is in none of the three is left out
        (purge gap).
    leaks : bool
        True for a split that lets the test set into the training set (only to reproduce published
        figures).
    """

    name: str
    train: dict[str, Ints]
    valid: dict[str, Ints]
    test: dict[str, Ints]
    leaks: bool = False
