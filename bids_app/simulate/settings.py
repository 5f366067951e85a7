"""What to simulate, and how difficult it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bids_app.errors import UsageError
from bids_app.labels import LABEL

HeadKind = Literal["whole", "defaced", "stripped"]
LayoutKind = Literal["bids", "ds000116"]
LAYOUTS: tuple[LayoutKind, ...] = ("bids", "ds000116")
HEADS: tuple[HeadKind, ...] = ("whole", "defaced", "stripped")
MOST_NETWORKS = 8
CAPS = (19, 34, 64)


@dataclass(frozen=True, slots=True)
class Difficulty:
    """How hard the data are; fixed before any model existed and never tuned to one.

    Attributes
    ----------
    grey_fraction : float
        Share of grey matter that all networks cover together.
    coupled_share : float
        Share of BOLD variance that the networks explain, averaged over coupled voxels, before smoothing.
    modulation_sd : float
        Standard deviation of band power, as a fraction of its mean.
    sensor_snr_db : float
        Power of each network at the sensors over the power of everything else, in the network's own band.
    n_coupled_dipoles, n_background_dipoles : int
        Dipoles per network.
    background_v : float
        Root mean square of the background at the sensors, 1 to 45 Hz.
    sensor_noise_v : float
        Amplifier noise, volts per square root of hertz.
    latent_band_hz : tuple of float
        Where the networks' slow activity lives.
    hrf_peak_s, hrf_peak_sd_s : float
        Peak of the haemodynamic response: mean, and spread between people.
    tsnr : float
        Mean grey-matter signal over the thermal noise.
    t1w_noise_fraction, t1w_bias_fraction : float
        Noise and bias field of the anatomy, of the white-matter signal.
    """

    grey_fraction: float = 0.20
    coupled_share: float = 0.3
    modulation_sd: float = 0.3
    sensor_snr_db: float = 0.0
    n_coupled_dipoles: int = 10
    n_background_dipoles: int = 20
    background_v: float = 10e-6
    sensor_noise_v: float = 0.05e-6
    latent_band_hz: tuple[float, float] = (0.01, 0.1)
    hrf_peak_s: float = 5.0
    hrf_peak_sd_s: float = 0.8
    tsnr: float = 70.0
    t1w_noise_fraction: float = 0.03
    t1w_bias_fraction: float = 0.25


@dataclass(frozen=True, slots=True)
class Size:
    """Grids and rates.

    Attributes
    ----------
    t1w_mm, bold_mm : tuple of float
        Voxel edges.
    bold_shape : tuple of int
        Voxels of the BOLD series.
    n_volumes : int
        Volumes of a run.
    eeg_hz : float
        Sampling rate of the EEG.
    template_mm : int
        Voxel edge of the template that people are made from.
    """

    t1w_mm: tuple[float, float, float]
    bold_mm: tuple[float, float, float]
    bold_shape: tuple[int, int, int]
    n_volumes: int
    eeg_hz: float
    template_mm: int


SIZES = {
    "default": Size((1.0, 1.0, 1.2), (3.0, 3.0, 4.0), (64, 64, 32), 170, 1000.0, 1),
    "small": Size((2.0, 2.0, 2.0), (5.0, 5.0, 6.0), (40, 40, 22), 120, 500.0, 2),
    "tiny": Size((3.0, 3.0, 3.0), (8.0, 8.0, 9.0), (26, 26, 16), 50, 250.0, 3),
}


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What to simulate.

    Attributes
    ----------
    n_participants, n_runs : int
        How many people, and runs of each.
    seed : int
        Everything follows from it.
    task : str
        BIDS label of the task.
    n_networks : int
        Networks; the bands theta, alpha, beta, gamma take turns.
    coupled : bool
        False makes the latents of EEG and BOLD independent of each other: the negative control. The BOLD keeps
        its network activity.
    schedule_only : bool
        True lets the oddball events drive both signals, each with its own trial-by-trial gain, and nothing else
        couple them.
    evoked_share : float
        Share of the variance of each network's activity that follows the oddball events, alike in EEG and BOLD; the
        rest is slow activity of its own, as at rest.
    artefacts : bool
        Add gradient and pulse artefacts; the EEG then has 5000 Hz.
    head : {'whole', 'defaced', 'stripped'}
        What the anatomy shows.
    caps : tuple of int
        Electrodes (19, 34 or 64) of the participants' caps, who take turns.
    tr_s : float
        Repetition time.
    layout : {'bids', 'ds000116'}
        Which files are written; ds000116 has its EEG in a second tree, at 1000 Hz, started by the scanner.
    size : Size
        Grids and rates.
    difficulty : Difficulty
        How hard the data are.
    """

    n_participants: int = 4
    n_runs: int = 2
    seed: int = 1
    task: str = "oddball"
    n_networks: int = 4
    coupled: bool = True
    schedule_only: bool = False
    evoked_share: float = 0.0
    artefacts: bool = False
    head: HeadKind = "whole"
    caps: tuple[int, ...] = (34,)
    tr_s: float = 2.0
    layout: LayoutKind = "bids"
    size: Size = SIZES["default"]
    difficulty: Difficulty = field(default_factory=Difficulty)

    def __post_init__(self) -> None:
        """Refuse settings that make no dataset."""
        if not LABEL.fullmatch(self.task):
            raise UsageError(f"task is {self.task!r}; expected letters and digits")
        if not 1 <= self.n_networks <= MOST_NETWORKS:
            raise UsageError(f"{self.n_networks} networks; expected 1 to {MOST_NETWORKS}")
        if self.head not in HEADS:
            raise UsageError(f"head is {self.head!r}; expected one of {', '.join(HEADS)}")
        if not self.caps or set(self.caps) - set(CAPS):
            raise UsageError(f"caps are {self.caps}; expected numbers of electrodes among {CAPS}")
        self._check_layout()
        if self.n_participants < 1 or self.n_runs < 1 or self.size.n_volumes < 2:  # noqa: PLR2004 (a series)
            raise UsageError(
                f"{self.n_participants} participants, {self.n_runs} runs, {self.size.n_volumes} volumes; "
                "expected at least 1, 1 and 2"
            )
        self._check_shares()
        if not 0.1 <= self.tr_s <= 20:  # noqa: PLR2004 (seconds)
            raise UsageError(f"repetition time is {self.tr_s:g}; expected 0.1 to 20 seconds")

    def _check_shares(self) -> None:
        if not 0 <= self.difficulty.coupled_share < 1:
            raise UsageError(
                f"coupled share of variance is {self.difficulty.coupled_share:g}; expected 0 to below 1"
            )
        if not 0 <= self.evoked_share <= 1:
            raise UsageError(f"evoked share of activity is {self.evoked_share:g}; expected 0 to 1")

    def _check_layout(self) -> None:
        if self.layout not in LAYOUTS:
            raise UsageError(f"layout is {self.layout!r}; expected one of {', '.join(LAYOUTS)}")
        if self.layout == "ds000116" and self.caps != (34,):
            raise UsageError(f"caps are {self.caps}; the cap of ds000116 has 34 electrodes")

    @property
    def duration_s(self) -> float:
        """Length of a BOLD run."""
        return self.size.n_volumes * self.tr_s

    @property
    def eeg_hz(self) -> float:
        """Sampling rate of the EEG."""
        if self.layout == "ds000116":
            return OPENFMRI_EEG_HZ
        return ARTEFACT_EEG_HZ if self.artefacts else self.size.eeg_hz

    @property
    def slice_times_s(self) -> tuple[float, ...]:
        """Acquisition time of each slice: every other slice first, then those between."""
        n_slices = self.size.bold_shape[2]
        order = [*range(0, n_slices, 2), *range(1, n_slices, 2)]
        times = [0.0] * n_slices
        for turn, index in enumerate(order):
            times[index] = round(turn * self.tr_s / n_slices, 6)
        return tuple(times)

    @property
    def reference_time_s(self) -> float:
        """The time within a volume that truth tables refer to: midway between first and last slice."""
        return max(self.slice_times_s) / 2


ARTEFACT_EEG_HZ = 5000.0
OPENFMRI_EEG_HZ = 1000.0


def with_coupling(settings: SimulationSettings, coupling: float) -> SimulationSettings:
    """Set the share of BOLD variance that follows the EEG; 0 uncouples the two and keeps the network activity."""
    if coupling == 0:
        return replace(settings, coupled=False)
    return replace(settings, difficulty=replace(settings.difficulty, coupled_share=coupling))


def sized(preset: str, **changes: Any) -> SimulationSettings:
    """Settings of one size preset.

    Parameters
    ----------
    preset : str
        ``default``, ``small`` or ``tiny``.
    **changes
        Fields of :class:`SimulationSettings`.

    Raises
    ------
    UsageError
        When there is no such preset.
    """
    if preset not in SIZES:
        raise UsageError(f"there is no size {preset!r}; expected one of {', '.join(SIZES)}")
    return SimulationSettings(**({"size": SIZES[preset]} | changes))
