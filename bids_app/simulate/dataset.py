"""A whole simulated dataset, written run by run."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage, signal

from bids_app.errors import CannotCreateError
from bids_app.files import eeg as eeg_files
from bids_app.files import nifti, sidecar, tables
from bids_app.files.template import load_template
from bids_app.files.whole import write_text
from bids_app.simulate import bold, eeg, oracle, tree, truth
from bids_app.simulate.activity import Activity, make_activity
from bids_app.simulate.anatomy import acquire_t1w
from bids_app.simulate.head import EPI, Head, make_head
from bids_app.simulate.motion import draw_motion
from bids_app.simulate.networks import Networks, place_networks
from bids_app.simulate.person import BRAIN_CENTRE_MM, Person, bold_pose, make_person
from bids_app.simulate.physiology import Physiology, draw_physiology, electrocardiogram
from bids_app.simulate.sensors import Cap, Dipoles, lead_field, make_cap, place_dipoles
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.space import sample
from bids_app.simulate.streams import stream
from bids_app.values import Floats
from bids_app.values.recording import Event, Recording
from bids_app.values.space import Grid, Volume, apply_affine

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What all people of a dataset share.

    Attributes
    ----------
    settings : SimulationSettings
        What to simulate.
    head : Head
        Tissues in template space.
    networks : Networks
        Where the networks are.
    dipoles : Dipoles
        Where the EEG comes from.
    """

    settings: SimulationSettings
    head: Head
    networks: Networks
    dipoles: Dipoles

    def images(self) -> list[Volume]:
        """Template images of a BOLD run: contrast, grey matter, then one region per network."""
        regions = np.moveaxis(self.networks.regions, -1, 0)
        return [
            self.head.image(EPI),
            Volume(self.head.gm, self.head.grid),
            *(Volume(region, self.networks.grid) for region in regions),
        ]


def make_world(settings: SimulationSettings) -> World:
    """Make what all people share."""
    template = load_template(settings.size.template_mm)
    networks = place_networks(template, settings)
    return World(
        settings,
        make_head(template, settings.head),
        networks,
        place_dipoles(template, networks, settings),
    )


def simulate(settings: SimulationSettings, dataset: Path) -> Path:
    """Write a simulated dataset.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.
    dataset : Path
        Folder to write; must not hold anything yet.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    CannotCreateError
        When the folder holds something already.
    """
    if dataset.exists() and (not dataset.is_dir() or any(dataset.iterdir())):
        raise CannotCreateError(
            f"{dataset}: exists already; expected a folder that is new or empty",
            hint="name another folder, or remove this one",
        )
    world = make_world(settings)
    tree.write_root(dataset, settings)
    write_truth_root(dataset, world)
    for label in tree.labels(settings.n_participants):
        write_person(dataset, world, make_person(settings, label))
    return dataset


def write_truth_root(dataset: Path, world: World) -> None:
    """Write what is true of all participants."""
    folder = dataset / truth.FOLDER
    described = {
        "Networks": truth.describe_networks(world.networks.networks),
        "GreyMatterFraction": round(world.networks.grey_fraction, 4),
        "ReferenceTimeSeconds": world.settings.reference_time_s,
        "Settings": asdict(world.settings),
    }
    sidecar.write_json(folder / "truth.json", described)
    write_text(folder / "README", truth.__doc__ or "")


def write_person(dataset: Path, world: World, person: Person) -> None:
    """Write all files of one participant, one run at a time."""
    settings, stem = world.settings, f"sub-{person.label}"
    t1w, tissues = acquire_t1w(settings, world.head, person)
    anat = dataset / stem / "anat" / f"{stem}_T1w.nii.gz"
    nifti.write_volume(anat, t1w, dtype=np.int16)
    sidecar.write_json(anat.with_name(f"{stem}_T1w.json"), tree.t1w_metadata())
    cap = make_cap(settings, person.label)
    tree.write_cap(dataset / stem / "eeg", person.label, settings, cap)
    _write_person_truth(dataset / truth.FOLDER / stem, world, person, tissues)
    field = lead_field(settings, person.label, cap, world.dipoles)
    model = eeg.sensor_model(world.networks.networks, field, world.dipoles, settings.difficulty)
    for number in range(1, settings.n_runs + 1):
        run = Run(dataset, world, person, str(number))
        log.info("%s: simulating", run.stem)
        size = write_bold(run)
        write_eeg(run, cap, model, size)


def _write_person_truth(folder: Path, world: World, person: Person, tissues: dict[str, Floats]) -> None:
    stem = f"sub-{person.label}"
    maps = template_maps(world)
    nifti.write_bold(folder / f"{stem}_{truth.SPACE}_desc-networks_probseg.nii.gz", maps, truth.TRUTH_GRID, 1.0)
    for name, tissue in tissues.items():
        path = folder / f"{stem}_label-{name}_probseg.nii.gz"
        nifti.write_volume(path, Volume(tissue.round(3), person.t1w_grid))
    anatomy = person.anatomy
    truth.write_matrices(folder / f"{stem}_from-template_to-T1w_affine.tsv", anatomy.template_to_t1w[None])
    warp = anatomy.warp
    nifti.write_bold(folder / f"{stem}_from-template_to-T1w_warp.nii.gz", warp.displacement_mm, warp.grid, 1.0)
    facts = {"HrfPeakSeconds": person.hrf_peak_s, "HeartHz": person.heart_hz, "BreathHz": person.breath_hz}
    sidecar.write_json(folder / f"{stem}_person.json", facts)


def template_maps(world: World) -> Floats:
    """Fractional change per network on the truth grid, shape (x, y, z, network)."""
    index = np.indices(truth.TRUTH_GRID.shape).reshape(3, -1).T
    points = truth.TRUTH_GRID.points_mm(index.astype(float))
    base_image, grey, *regions = world.images()
    base = _averaged(base_image.data, base_image.grid, points)
    maps = []
    for region in regions:
        weight = sample(region, base_image.grid.points_mm(np.argwhere(grey.data > 0).astype(float)))
        change = np.zeros_like(grey.data)
        change[grey.data > 0] = EPI.gm * grey.data[grey.data > 0] * weight
        maps.append(_averaged(change, grey.grid, points) / np.maximum(base, bold.FAINTEST * EPI.gm))
    return np.stack(maps, axis=-1).reshape(*truth.TRUTH_GRID.shape, len(maps))


def _averaged(data: Floats, grid: Grid, points: Floats) -> Floats:
    # A voxel of 3 mm is close to a Gaussian of this width.
    spread = 3.0 / np.sqrt(12) / grid.zooms_mm
    return sample(Volume(ndimage.gaussian_filter(data, spread), grid), points)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run that is being written."""

    dataset: Path
    world: World
    person: Person
    number: str

    @property
    def stem(self) -> str:
        """Start of the run's file names."""
        return tree.run_stem(self.world.settings, self.person.label, self.number)

    @property
    def truth_stem(self) -> Path:
        """Start of the paths of the run's truth."""
        return self.dataset / truth.FOLDER / f"sub-{self.person.label}" / self.stem

    def path(self, kind: str, ending: str) -> Path:
        """Path of one of the run's files in ``func`` or ``eeg``."""
        return self.dataset / f"sub-{self.person.label}" / kind / f"{self.stem}_{ending}"

    def random(self, purpose: str) -> np.random.Generator:
        """Random numbers of one purpose."""
        return stream(self.world.settings.seed, self.person.label, self.number, purpose)

    @property
    def activity(self) -> Activity:
        """What happens in the run; the same whenever it is asked for."""
        return make_activity(self.world.settings, self.person.label, self.number, self.person.hrf_peak_s)

    @property
    def physiology(self) -> Physiology:
        """Heart and breathing; the same whenever asked for."""
        activity = self.activity
        span_s = (-activity.offset_s, activity.eeg_length_s - activity.offset_s)
        return draw_physiology(self.person.heart_hz, self.person.breath_hz, span_s, self.random("physiology"))

    def beside_truth(self, ending: str) -> Path:
        """Path of one file of the run's truth."""
        return self.truth_stem.with_name(f"{self.stem}_{ending}")


def write_bold(run: Run) -> float:
    """Write the BOLD of one run and its truth; return the standard deviation of network BOLD."""
    settings, person = run.world.settings, run.person
    activity, physiology = run.activity, run.physiology
    grid, t1w_to_reference = bold_pose(settings, person, run.number)
    scene = bold.make_scene(run.world.images(), person, grid, t1w_to_reference, run.random("coil"))
    centre = apply_affine(t1w_to_reference @ person.anatomy.template_to_t1w, BRAIN_CENTRE_MM[None])[0]
    middles_s = (np.arange(settings.size.n_volumes) + 0.5) * settings.tr_s
    motion = draw_motion(middles_s, centre, physiology, run.random("motion"))
    acquired = bold.acquire(settings, scene, motion, activity, physiology, run.random("noise"))
    path = run.path("func", "bold.nii.gz")
    nifti.write_bold(path, acquired.measured.round(), grid, settings.tr_s, dtype=np.int16)
    sidecar.write_json(run.path("func", "bold.json"), tree.bold_metadata(settings))
    tables.write_tsv(run.path("func", "events.tsv"), tree.func_events(activity.trials))
    noise_free = run.beside_truth("desc-noisefree_bold.nii.gz")
    nifti.write_bold(noise_free, acquired.noise_free.round(), grid, settings.tr_s, dtype=np.int16)
    truth.write_matrices(run.beside_truth("motion.tsv"), motion)
    truth.write_matrices(run.beside_truth("from-T1w_to-reference_affine.tsv"), t1w_to_reference[None])
    _write_latents(run, activity, acquired.network_size)
    return acquired.network_size


def _write_latents(run: Run, activity: Activity, size: float) -> None:
    times_s = _times_s(run)
    columns: dict[str, list[str]] = {"time": truth.exact(times_s)}
    latents, drives = activity.eeg_latents.at(times_s), activity.bold_latents.at(times_s)
    changes = size * activity.bold.at(times_s)
    for index, network in enumerate(run.world.networks.networks):
        columns[f"{network.name}_latent"] = truth.exact(latents[index])
        columns[f"{network.name}_drive"] = truth.exact(drives[index])
        columns[f"{network.name}_bold"] = truth.exact(changes[index])
    tables.write_tsv(run.beside_truth("latents.tsv"), dict(columns))
    clock = {"OffsetSeconds": activity.offset_s, "NetworkStandardDeviation": size}
    sidecar.write_json(run.beside_truth("clock.json"), clock)


def _times_s(run: Run) -> Floats:
    settings = run.world.settings
    times: Floats = np.arange(settings.size.n_volumes) * settings.tr_s + settings.reference_time_s
    return times


def write_eeg(run: Run, cap: Cap, model: eeg.SensorModel, size: float) -> None:
    """Write the EEG of one run, its truth, and the oracle's prediction."""
    settings, activity = run.world.settings, run.activity
    rate_hz, n_samples = settings.eeg_hz, round(activity.eeg_length_s * settings.eeg_hz)
    brain = eeg.draw_brain(model, activity, run.random)
    volts = eeg.resampled(brain, rate_hz, n_samples)
    eeg.add_noise(volts, model, rate_hz, run.random("amplifier"))
    _write_oracle(run, model, volts, size)
    n_clean = round(activity.eeg_length_s * eeg.WORK_HZ)
    clean = _recording(cap, brain[:, :n_clean].astype(np.float32), eeg.WORK_HZ, ())
    eeg_files.write_brainvision(run.beside_truth("desc-clean_eeg.vhdr"), clean)
    times_s = np.arange(n_samples) / rate_hz - activity.offset_s
    heart = electrocardiogram(run.physiology, times_s, run.random("ecg")).astype(np.float32)
    events = tuple(_markers(activity, settings))
    recording = _recording(cap, np.vstack([volts, heart]), rate_hz, events)
    eeg_files.write_brainvision(run.path("eeg", "eeg.vhdr"), recording)
    sidecar.write_json(run.path("eeg", "eeg.json"), tree.eeg_metadata(settings, activity.eeg_length_s))
    tables.write_tsv(run.path("eeg", "channels.tsv"), tree.channel_table(settings, recording.names))
    tables.write_tsv(
        run.path("eeg", "events.tsv"), tree.eeg_events(activity.trials, activity.offset_s, settings)
    )


def _write_oracle(run: Run, model: eeg.SensorModel, volts: Floats, size: float) -> None:
    settings, activity = run.world.settings, run.activity
    factor = round(settings.eeg_hz / eeg.WORK_HZ)
    slow = volts if factor == 1 else np.stack([signal.resample_poly(row, 1, factor) for row in volts])
    times_s = _times_s(run)
    predicted = size * oracle.predict(
        model, slow, times_s + activity.offset_s, run.person.hrf_peak_s, settings.difficulty.latent_band_hz
    )
    names = [network.name for network in model.networks]
    columns = {name: truth.exact(predicted[:, index]) for index, name in enumerate(names)}
    tables.write_tsv(run.beside_truth("oracle.tsv"), {"time": truth.exact(times_s), **columns})


def _recording(cap: Cap, volts: Floats, rate_hz: float, events: tuple[Event, ...]) -> Recording:
    extra = len(volts) - len(cap.names)
    return Recording(
        volts=volts,
        rate_hz=rate_hz,
        names=(*cap.names, *["ECG"] * extra),
        kinds=(*["EEG"] * len(cap.names), *["ECG"] * extra),
        positions_m=np.vstack([cap.positions_m, np.full((extra, 3), np.nan)]),
        events=events,
        line_hz=50.0,
    )


def _markers(activity: Activity, settings: SimulationSettings) -> list[Event]:
    volumes = [
        Event(activity.offset_s + index * settings.tr_s, tree.VOLUME_MARKER) for index in range(settings.size.n_volumes)
    ]
    stimuli = [
        Event(activity.offset_s + trial.onset_s, tree.ODDBALL_MARKER if trial.oddball else tree.STANDARD_MARKER)
        for trial in activity.trials
    ]
    return sorted(volumes + stimuli, key=lambda event: event.onset_s)
