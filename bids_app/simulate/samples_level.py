"""Simulated runs without images: EEG and the BOLD of a few template voxels, for statistics over many datasets.

Slow activity, EEG, haemodynamics and oracle come from the same functions as those of a whole dataset. The noise of
the BOLD is thermal, autocorrelated, shared and drifting as there; there is no motion, no heart and no breathing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from bids_app.files.template import load_template
from bids_app.simulate import eeg, oracle, tree
from bids_app.simulate.activity import Activity, make_activity
from bids_app.simulate.bold import amplitude
from bids_app.simulate.networks import Network, Networks, place_networks
from bids_app.simulate.noise import voxel_noise, voxel_noise_variance
from bids_app.simulate.person import draw_hrf_peak_s
from bids_app.simulate.sensors import Cap, lead_field, make_cap, place_dipoles
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.space import sample
from bids_app.simulate.streams import stream
from bids_app.simulate.truth import TRUTH_GRID
from bids_app.values import Bools, Floats, Ints
from bids_app.values.pairing import Clock
from bids_app.values.recording import Recording
from bids_app.values.space import Mask, Volume
from bids_app.values.template import Template

TEMPLATE_MM = 3
WELL_INSIDE = 0.9
NO_NETWORK = -1


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedRun:
    """One run.

    Attributes
    ----------
    participant, run : str
        Labels.
    name : str
        Such as ``sub-01_task-oddball_run-1``.
    eeg : Recording
        EEG with volume markers.
    clock : Clock
        EEG time on BOLD time.
    tr_s, start_time_s : float
        Repetition time, and what time within a volume the rows stand for.
    mask : Mask
        Voxels of the rows.
    bold : ndarray of shape (time, voxel)
        Fractional change with noise.
    noise_free, oracle : ndarray of shape (time, voxel)
        Fractional change without noise, and as the oracle predicts it.
    coupled : ndarray of shape (voxel,)
        Which voxels belong to a network.
    network : ndarray of shape (voxel,)
        Number of the network; -1 for none.
    networks : tuple of Network
        Band and sign of each.
    topographies : ndarray of shape (network, channel)
        Power of each network at each electrode, V²/Hz, against the average reference.
    hrf_peak_s : float
        When the person's haemodynamic response peaks.
    """

    participant: str
    run: str
    name: str
    eeg: Recording
    clock: Clock
    tr_s: float
    start_time_s: float
    mask: Mask
    bold: Floats
    noise_free: Floats
    oracle: Floats
    coupled: Bools
    network: Ints
    networks: tuple[Network, ...]
    topographies: Floats
    hrf_peak_s: float


def simulate_recordings(
    settings: SimulationSettings, seed: int | None = None, n_voxels: int = 64
) -> Iterator[SimulatedRun]:
    """Simulate runs one by one.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate; the sizes of images do not matter, artefacts are not added.
    seed : int, optional
        Instead of the one in the settings.
    n_voxels : int, default=64
        Voxels; half of them belong to networks, in equal parts.

    Yields
    ------
    SimulatedRun
        Participant by participant.
    """
    settings = replace(settings, artefacts=False, seed=settings.seed if seed is None else seed)
    template = load_template(TEMPLATE_MM)
    networks = place_networks(template, settings)
    dipoles = place_dipoles(template, networks, settings)
    mask, owner = _choose_voxels(template, networks, n_voxels, stream(settings.seed, "voxels"))
    for label in tree.labels(settings.n_participants):
        cap = make_cap(settings, label)
        field = lead_field(settings, label, cap, dipoles)
        model = eeg.sensor_model(networks.networks, field, dipoles, settings.difficulty)
        for number in range(1, settings.n_runs + 1):
            yield _simulated(_Place(settings, label, str(number), mask, owner), cap, model)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    settings: SimulationSettings
    label: str
    number: str
    mask: Mask
    owner: Ints

    def random(self, purpose: str) -> np.random.Generator:
        return stream(self.settings.seed, self.label, self.number, purpose)


def _choose_voxels(
    template: Template, networks: Networks, n_voxels: int, rng: np.random.Generator
) -> tuple[Mask, Ints]:
    """Choose voxels of the template, half of them in networks; also each one's network, shape (voxel,)."""
    points = Mask(TRUTH_GRID, np.ones(TRUTH_GRID.shape, dtype=bool)).points_mm()
    regions = np.moveaxis(networks.regions, -1, 0)
    weights = np.stack([
        sample(Volume(np.ascontiguousarray(region), networks.grid), points) for region in regions
    ])
    grey = sample(Volume(template.gm, template.grid), points) > WELL_INSIDE / 2
    owner = np.where(
        (weights > WELL_INSIDE).any(axis=0) & grey, weights.argmax(axis=0), NO_NETWORK
    )
    free = grey & (weights.max(axis=0) == 0)
    n_each = n_voxels // (2 * len(regions))
    chosen = [
        rng.choice(np.flatnonzero(owner == number), n_each, replace=False)
        for number in range(len(regions))
    ]
    n_free = n_voxels - n_each * len(regions)
    chosen.append(rng.choice(np.flatnonzero(free), n_free, replace=False))
    kept = np.sort(np.concatenate(chosen))
    inside = np.zeros(len(points), dtype=bool)
    inside[kept] = True
    return Mask(TRUTH_GRID, inside.reshape(TRUTH_GRID.shape)), owner[kept]


def _simulated(place: _Place, cap: Cap, model: eeg.SensorModel) -> SimulatedRun:
    settings, difficulty = place.settings, place.settings.difficulty
    peak_s = draw_hrf_peak_s(settings, place.label)
    activity = make_activity(settings, place.label, place.number, peak_s)
    volts, slow = _eeg(place, model, activity)
    times_s = np.arange(settings.size.n_volumes) * settings.tr_s + settings.reference_time_s
    variance = np.array([voxel_noise_variance(difficulty.tsnr)])
    size = amplitude(np.ones(1), variance, difficulty.coupled_share)
    weights = size * np.equal.outer(np.arange(settings.n_networks), place.owner)
    noise_free = activity.bold.at(times_s).T @ weights
    predicted = oracle.predict(
        model, slow, times_s + activity.offset_s, peak_s, difficulty.latent_band_hz
    )
    noise = voxel_noise(len(times_s), place.mask.n_voxels, difficulty.tsnr, place.random("noise"))
    n_volumes = settings.size.n_volumes
    return SimulatedRun(
        participant=place.label,
        run=place.number,
        name=tree.run_stem(settings, place.label, place.number),
        eeg=_recording(volts, cap, activity, settings),
        clock=Clock(
            activity.offset_s, 1.0, 0.0, n_volumes, n_volumes, tree.VOLUME_MARKER, "recording"
        ),
        tr_s=settings.tr_s,
        start_time_s=settings.reference_time_s,
        mask=place.mask,
        bold=noise_free + noise,
        noise_free=noise_free,
        oracle=predicted @ weights,
        coupled=place.owner != NO_NETWORK,
        network=place.owner,
        networks=model.networks,
        topographies=np.stack([
            against_average(model.network_covariance(index))
            for index in range(len(model.networks))
        ]),
        hrf_peak_s=peak_s,
    )


def against_average(covariance: Floats) -> Floats:
    """Power at each electrode against their average, shape (channel,), from (channel, channel) against one of them."""
    power: Floats = (
        np.diag(covariance) - covariance.mean(axis=0) - covariance.mean(axis=1) + covariance.mean()
    )
    return power


def _recording(
    volts: Floats, cap: Cap, activity: Activity, settings: SimulationSettings
) -> Recording:
    return Recording(
        volts,
        settings.eeg_hz,
        cap.names,
        ("EEG",) * len(cap.names),
        cap.positions_m,
        tree.markers(activity, settings),
    )


def _eeg(place: _Place, model: eeg.SensorModel, activity: Activity) -> tuple[Floats, Floats]:
    """Recorded EEG, shape (channel, time), at the rate of the settings and at that of the oracle."""
    rate_hz = place.settings.eeg_hz
    brain = eeg.draw_brain(model, activity, place.random)
    volts = np.zeros((len(brain), round(activity.eeg_length_s * rate_hz)), dtype=np.float32)
    eeg.resample(brain, rate_hz, out=volts)
    eeg.add_noise(volts, model, rate_hz, place.random("amplifier"))
    factor = round(rate_hz / eeg.WORK_HZ)
    return volts, volts if factor == 1 else signal.resample_poly(volts, 1, factor, axis=1)
