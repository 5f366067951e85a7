"""EEG of one run: network oscillations, background, evoked response, amplifier noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from bids_app.simulate.activity import Activity
from bids_app.simulate.networks import Network
from bids_app.simulate.sensors import BACKGROUND, EVOKED, Dipoles
from bids_app.simulate.settings import Difficulty
from bids_app.simulate.streams import coloured
from bids_app.values import Floats

WORK_HZ = 250.0
BACKGROUND_BAND_HZ = (0.5, 100.0)
STATED_BAND_HZ = (1.0, 45.0)
# amplitude in volts at the best electrode, latency and width in seconds
EVOKED_STANDARD = ((-2e-6, 0.10, 0.02), (2e-6, 0.19, 0.03))
EVOKED_ODDBALL = ((-3e-6, 0.10, 0.02), (7e-6, 0.36, 0.07))


@dataclass(frozen=True, slots=True, eq=False)
class SensorModel:
    """Everything that is known of one person's EEG before a run is drawn.

    Attributes
    ----------
    networks : tuple of Network
        Bands and signs.
    field : ndarray of shape (channel, dipole)
        Lead field, volts per ampere metre.
    owner : ndarray of shape (dipole,)
        Network of each dipole; negative for background and evoked response.
    network_density : ndarray of shape (network,)
        Power density of a network's dipoles in its band.
    background_density : float
        Power density of the background dipoles at 1 Hz; it falls as 1/f.
    noise_density : float
        Power density of the amplifier noise, V²/Hz.
    modulation : float
        Standard deviation of log power.
    """

    networks: tuple[Network, ...]
    field: Floats
    owner: Floats
    network_density: Floats
    background_density: float
    noise_density: float
    modulation: float

    def network_covariance(self, index: int) -> Floats:
        """Sensor power density of one network in its band, shape (channel, channel), V²/Hz."""
        part = self.field[:, self.owner == index]
        covariance: Floats = self.network_density[index] * part @ part.T
        return covariance

    def covariance(self, frequency_hz: float) -> Floats:
        """Mean sensor power density at one frequency, shape (channel, channel), V²/Hz."""
        part = self.field[:, self.owner == BACKGROUND]
        total = self.background_density / frequency_hz * part @ part.T
        total += self.noise_density * np.eye(len(part))
        for index, network in enumerate(self.networks):
            if network.band_hz[0] <= frequency_hz <= network.band_hz[1]:
                total += self.network_covariance(index)
        return total


def sensor_model(
    networks: tuple[Network, ...], field: Floats, dipoles: Dipoles, difficulty: Difficulty
) -> SensorModel:
    """Set the strengths of all sources so that the sensors see the stated powers.

    Parameters
    ----------
    networks : tuple of Network
        Bands and signs.
    field : ndarray of shape (channel, dipole)
        Lead field.
    dipoles : Dipoles
        Whose they are.
    difficulty : Difficulty
        Stated powers.
    """
    n_channels = len(field)
    gain = {
        number: (field[:, dipoles.owner == number] ** 2).sum() / n_channels
        for number in np.unique(dipoles.owner)
    }
    low, high = STATED_BAND_HZ
    background = difficulty.background_v**2 / (gain[BACKGROUND] * np.log(high / low))
    noise = difficulty.sensor_noise_v**2
    ratio = 10 ** (difficulty.sensor_snr_db / 10)
    density = []
    for index, network in enumerate(networks):
        low, high = network.band_hz
        other = gain[BACKGROUND] * background * np.log(high / low) + noise * (high - low)
        density.append(ratio * other / (gain[index] * (high - low)))
    # The power is log-normal, never negative; this is the spread of its logarithm.
    modulation = np.sqrt(np.log(1 + difficulty.modulation_sd**2))
    return SensorModel(
        networks,
        field,
        dipoles.owner,
        np.array(density),
        float(background),
        float(noise),
        float(modulation),
    )


def band_power(model: SensorModel, activity: Activity, times_s: Floats) -> Floats:
    """Power of each network's oscillation, mean 1, shape (network, time), at times of shape (time,)."""
    signs = np.array([network.sign for network in model.networks])[:, None]
    latents = activity.eeg_latents.at(times_s)
    power: Floats = np.exp(model.modulation * signs * latents - model.modulation**2 / 2)
    return power


def draw_brain(
    model: SensorModel, activity: Activity, random: Callable[[str], np.random.Generator]
) -> Floats:
    """Draw what the brain contributes to the sensors.

    Parameters
    ----------
    model : SensorModel
        The person.
    activity : Activity
        The run.
    random : callable
        Gives the random numbers of a purpose.

    Returns
    -------
    ndarray of shape (channel, time)
        Volts at ``WORK_HZ``. It is longer than the recording, so that it can be resampled before it is cut.
    """
    n_samples = fft.next_fast_len(round((activity.eeg_length_s + 2.0) * WORK_HZ), real=True)
    times_s = np.arange(n_samples) / WORK_HZ - activity.offset_s
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / WORK_HZ)
    brain = _background(model, frequency_hz, n_samples, random("background"))
    power = band_power(model, activity, times_s)
    for index, network in enumerate(model.networks):
        part = model.field[:, model.owner == index]
        inside = (frequency_hz >= network.band_hz[0]) & (frequency_hz <= network.band_hz[1])
        waves = coloured(
            model.network_density[index] * inside,
            n_samples,
            WORK_HZ,
            random(f"waves-{index}"),
            part.shape[1],
        )
        brain += part @ (waves * np.sqrt(power[index]))
    topography = model.field[:, model.owner == EVOKED]
    brain += topography / np.abs(topography).max() * _evoked(activity, times_s)
    return brain


def _background(
    model: SensorModel, frequency_hz: Floats, n_samples: int, rng: np.random.Generator
) -> Floats:
    part = model.field[:, model.owner == BACKGROUND]
    low, high = BACKGROUND_BAND_HZ
    inside = (frequency_hz >= low) & (frequency_hz <= high)
    density = model.background_density * inside / np.maximum(frequency_hz, low)
    background: Floats = part @ coloured(density, n_samples, WORK_HZ, rng, part.shape[1])
    return background


def _evoked(activity: Activity, times_s: Floats) -> Floats:
    """Evoked response of shape (time,), in volts."""
    response = np.zeros(len(times_s))
    for trial in activity.trials:
        near = slice(*np.searchsorted(times_s, [trial.onset_s, trial.onset_s + 1.0]))
        for size, latency, width in EVOKED_ODDBALL if trial.oddball else EVOKED_STANDARD:
            response[near] += size * np.exp(
                -0.5 * ((times_s[near] - trial.onset_s - latency) / width) ** 2
            )
    return response


def resample(brain: Floats, rate_hz: float, out: Floats) -> None:
    """Bring EEG from ``WORK_HZ`` to a multiple of it and cut it.

    Parameters
    ----------
    brain : ndarray of shape (channel, long time)
        EEG at ``WORK_HZ``.
    rate_hz : float
        Wanted rate.
    out : ndarray of shape (channel, time)
        Where the result goes.
    """
    factor = round(rate_hz / WORK_HZ)
    for row, channel in zip(out, brain, strict=True):
        row[:] = (signal.resample(channel, len(channel) * factor) if factor > 1 else channel)[
            : len(row)
        ]


def add_noise(volts: Floats, model: SensorModel, rate_hz: float, rng: np.random.Generator) -> None:
    """Add amplifier noise to EEG of shape (channel, time), in place."""
    spread = np.sqrt(model.noise_density * rate_hz / 2)
    for row in volts:
        np.add(row, spread * rng.standard_normal(len(row), dtype=np.float32), out=row)
