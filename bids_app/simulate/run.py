"""One simulated run: drawn, acquired, and written with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.spatial.transform import Rotation

from bids_app.files import eeg as eeg_files
from bids_app.files import nifti, sidecar, tables
from bids_app.simulate import artefacts, bold, eeg, oracle, tree, truth
from bids_app.simulate.activity import Activity, make_activity
from bids_app.simulate.motion import draw_motion
from bids_app.simulate.person import BRAIN_CENTRE_MM, Person, bold_pose
from bids_app.simulate.physiology import Physiology, draw_physiology, electrocardiogram
from bids_app.simulate.sensors import Cap
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.streams import stream
from bids_app.simulate.world import World
from bids_app.values import Floats
from bids_app.values.pairing import Clock
from bids_app.values.recording import Event, Recording
from bids_app.values.space import Grid, apply_affine

LINE_HZ = 50.0
# the scanner starts a volume between two EEG samples
SAMPLES_LATE = 0.37


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What happens in one run, before anything is measured.

    Attributes
    ----------
    dataset : Path
        Root of the dataset.
    world : World
        What all people share.
    person : Person
        Who.
    number : str
        BIDS label of the run.
    activity : Activity
        Events and slow activity.
    physiology : Physiology
        Heart and breathing.
    grid : Grid
        Grid of the BOLD run.
    t1w_to_reference : ndarray of shape (4, 4)
        T1w millimetres to reference millimetres.
    motion : ndarray of shape (time, 4, 4)
        Reference millimetres to volume millimetres.
    """

    dataset: Path
    world: World
    person: Person
    number: str
    activity: Activity
    physiology: Physiology
    grid: Grid
    t1w_to_reference: Floats
    motion: Floats

    @property
    def settings(self) -> SimulationSettings:
        """What is simulated."""
        return self.world.settings

    @property
    def stem(self) -> str:
        """Start of the run's file names."""
        return tree.run_stem(self.settings, self.person.label, self.number)

    def path(self, kind: str, ending: str) -> Path:
        """Path of one of the run's files in ``func`` or ``eeg``."""
        return self.dataset / f"sub-{self.person.label}" / kind / f"{self.stem}_{ending}"

    def truth_path(self, ending: str) -> Path:
        """Path of one file of the run's truth."""
        return self.dataset / truth.FOLDER / f"sub-{self.person.label}" / f"{self.stem}_{ending}"

    def random(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose."""
        return stream(self.settings.seed, self.person.label, self.number, purpose)

    @property
    def times_s(self) -> Floats:
        """What time each row of the truth stands for, shape (time,), from the start of the first volume."""
        settings = self.settings
        times: Floats = (
            np.arange(settings.size.n_volumes) * settings.tr_s + settings.reference_time_s
        )
        return times


def draw_run(dataset: Path, world: World, person: Person, number: str) -> Run:
    """Draw what happens in one run of one person."""
    settings = world.settings
    activity = make_activity(settings, person.label, number, person.hrf_peak_s)
    physiology = draw_physiology(
        person.heart_hz,
        person.breath_hz,
        (-activity.offset_s, activity.eeg_length_s - activity.offset_s),
        stream(settings.seed, person.label, number, "physiology"),
    )
    grid, t1w_to_reference = bold_pose(settings, person, number)
    centre = apply_affine(
        t1w_to_reference @ person.anatomy.template_to_t1w, BRAIN_CENTRE_MM[None]
    )[0]
    middles_s = (np.arange(settings.size.n_volumes) + 0.5) * settings.tr_s
    rng = stream(settings.seed, person.label, number, "motion")
    motion = draw_motion(middles_s, centre, physiology, rng)
    return Run(
        dataset, world, person, number, activity, physiology, grid, t1w_to_reference, motion
    )


def write_bold(run: Run) -> float:
    """Write the BOLD of one run and its truth; return the standard deviation of network BOLD."""
    settings, grid = run.settings, run.grid
    scene = bold.make_scene(
        run.world.images, run.person, grid, run.t1w_to_reference, run.random("coil")
    )
    rng = run.random("noise")
    acquired = bold.acquire(settings, scene, run.motion, run.activity, run.physiology, rng)
    path = run.path("func", "bold.nii.gz")
    nifti.write_bold(path, acquired.measured.round(), grid, settings.tr_s, dtype=np.int16)
    sidecar.write_json(run.path("func", "bold.json"), tree.bold_metadata(settings))
    tables.write_tsv(run.path("func", "events.tsv"), tree.func_events(run.activity.trials))
    noise_free = run.truth_path("desc-noisefree_bold.nii.gz")
    nifti.write_bold(noise_free, acquired.noise_free.round(), grid, settings.tr_s, dtype=np.int16)
    truth.write_matrices(run.truth_path("motion.tsv"), run.motion)
    truth.write_matrices(
        run.truth_path("from-T1w_to-reference_affine.tsv"), run.t1w_to_reference[None]
    )
    _write_latents(run, acquired.network_size)
    return acquired.network_size


def _write_latents(run: Run, size: float) -> None:
    activity = run.activity
    columns: tree.Table = {"time": truth.exact(run.times_s)}
    latents, drives = activity.eeg_latents.at(run.times_s), activity.bold_latents.at(run.times_s)
    changes = size * activity.bold.at(run.times_s)
    for index, network in enumerate(run.world.networks.networks):
        columns[f"{network.name}_latent"] = truth.exact(latents[index])
        columns[f"{network.name}_drive"] = truth.exact(drives[index])
        columns[f"{network.name}_bold"] = truth.exact(changes[index])
    tables.write_tsv(run.truth_path("latents.tsv"), columns)
    clock = {"OffsetSeconds": activity.offset_s, "NetworkStandardDeviation": size}
    sidecar.write_json(run.truth_path("clock.json"), clock)


def write_eeg(run: Run, cap: Cap, model: eeg.SensorModel, size: float) -> None:
    """Write the EEG of one run, its truth, and the oracle's prediction.

    Parameters
    ----------
    run : Run
        What happens.
    cap : Cap
        Electrodes.
    model : SensorModel
        The person's lead field and source strengths.
    size : float
        Standard deviation of network BOLD, for the oracle.
    """
    settings, activity = run.settings, run.activity
    rate_hz, n_samples = settings.eeg_hz, round(activity.eeg_length_s * settings.eeg_hz)
    brain = eeg.draw_brain(model, activity, run.random)
    n_clean = round(activity.eeg_length_s * eeg.WORK_HZ)
    clean = _recording(cap, brain[:, :n_clean].astype(np.float32), eeg.WORK_HZ)
    eeg_files.write_brainvision(run.truth_path("desc-clean_eeg.vhdr"), clean)
    volts = np.zeros((len(brain) + 1, n_samples), dtype=np.float32)
    eeg.resample(brain, rate_hz, out=volts[:-1])
    eeg.add_noise(volts[:-1], model, rate_hz, run.random("amplifier"))
    write_oracle(run, model, volts[:-1], size)
    times_s = np.arange(n_samples) / rate_hz - activity.offset_s
    volts[-1] = electrocardiogram(run.physiology, times_s, run.random("ecg"))
    if settings.artefacts:
        add_artefacts(run, cap, volts, times_s)
    recording = _recording(cap, volts, rate_hz, tree.markers(activity, settings))
    eeg_files.write_brainvision(run.path("eeg", "eeg.vhdr"), recording)
    sidecar.write_json(
        run.path("eeg", "eeg.json"), tree.eeg_metadata(settings, activity.eeg_length_s)
    )
    tables.write_tsv(
        run.path("eeg", "channels.tsv"), tree.channel_table(settings, recording.names)
    )
    tables.write_tsv(run.path("eeg", "events.tsv"), tree.eeg_events(activity, settings))


def write_oracle(run: Run, model: eeg.SensorModel, volts: Floats, size: float) -> None:
    """Write what the oracle predicts from EEG of shape (channel, time)."""
    settings = run.settings
    factor = round(settings.eeg_hz / eeg.WORK_HZ)
    slow = (
        volts if factor == 1 else np.stack([signal.resample_poly(row, 1, factor) for row in volts])
    )
    predicted = size * oracle.predict(
        model,
        slow,
        run.times_s + run.activity.offset_s,
        run.person.hrf_peak_s,
        settings.difficulty.latent_band_hz,
    )
    columns: tree.Table = {"time": truth.exact(run.times_s)}
    for index, network in enumerate(model.networks):
        columns[network.name] = truth.exact(predicted[:, index])
    tables.write_tsv(run.truth_path("oracle.tsv"), columns)


def add_artefacts(run: Run, cap: Cap, volts: Floats, times_s: Floats) -> None:
    """Add pulse and gradients to EEG of shape (channel, time) whose last channel is the ECG, in place."""
    # The ECG leads lie on the back, below the cap.
    positions_m = np.vstack([cap.positions_m, cap.landmarks_m["NAS"] + [0.0, -0.18, -0.12]])
    settings, offset_s = run.settings, run.activity.offset_s
    brain_only = volts[: len(cap.names)]
    artefacts.add_pulse(
        brain_only, times_s, run.physiology.beats_s, cap.positions_m, run.random("pulse")
    )
    clock = Clock(offset_s + SAMPLES_LATE / settings.eeg_hz)
    course = artefacts.gradient_course(settings, clock, volts.shape[1])
    middle_s = (np.arange(settings.size.n_volumes) + 0.5) * settings.tr_s
    rest = np.linalg.inv(run.motion[len(run.motion) // 2])
    poses = run.motion @ rest
    head = artefacts.HeadPath(
        clock.eeg_s(middle_s) * settings.eeg_hz,
        poses[:, :3, 3].T,
        Rotation.from_matrix(poses[:, :3, :3]).as_rotvec().T,
    )
    artefacts.add_gradients(volts, course, positions_m, head, run.random("gradients"))


def _recording(
    cap: Cap, volts: Floats, rate_hz: float, events: tuple[Event, ...] = ()
) -> Recording:
    extra = len(volts) - len(cap.names)
    return Recording(
        volts=volts,
        rate_hz=rate_hz,
        names=(*cap.names, *["ECG"] * extra),
        kinds=(*["EEG"] * len(cap.names), *["ECG"] * extra),
        positions_m=np.vstack([cap.positions_m, np.full((extra, 3), np.nan)]),
        events=events,
        line_hz=LINE_HZ,
    )
