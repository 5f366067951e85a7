"""A simulated dataset in the two trees of ds000116: BIDS without EEG, and openFMRI's, which holds the EEG.

Names, sidecars, columns and units are those of the dataset. The EEG starts with the first volume, at 1000 Hz, and holds
no volume markers. Each run is written in all three forms: raw, gradient-free (which keeps the pulse artefact), and
re-referenced.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.io import savemat

from bids_app.files import eeg as eeg_files
from bids_app.files import sidecar, tables
from bids_app.files.whole import whole, write_text
from bids_app.simulate import artefacts, eeg, truth
from bids_app.simulate.activity import Trial
from bids_app.simulate.dataset import refuse_occupied, write_anatomy, write_truth_root
from bids_app.simulate.person import age_and_sex, make_person
from bids_app.simulate.physiology import electrocardiogram
from bids_app.simulate.run import Run, add_artefacts, draw_run, write_bold, write_oracle
from bids_app.simulate.sensors import ELECTRODES, Cap, lead_field, make_cap
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.tree import Table, labels
from bids_app.simulate.world import World, make_world
from bids_app.values import Floats
from bids_app.values.recording import Recording

log = logging.getLogger(__name__)

BIDS, LEGACY, TRUTH = "bids", "openfmri", "truth"
# a run of the second task has a seed of its own: the same run number would draw the same activity
SEED_STEP = 7919
RAW_VOLTS_PER_VOLT = 1e4
LARGEST_RAW_V = 8.0
BAD_PAIR_V = 200e-6
STARTED = 25
STIMULUS_S, RESPONSE_AFTER_S = 0.2, 0.4
# fmt: off
PAIRS = (
    "C3-T7", "T7-LM", "LM-CP5", "CP5-P7", "P7-PO7", "PO7-PO3", "PO3-O1", "O1-Oz", "PO3-P3", "P3-CP1", "Pz-CP1",
    "CP1-C3", "Cz-C3", "Fp2-Fp1", "Fp1-AF3", "AF4-Fp2", "AF3-F3", "F4-AF4", "F3-F7", "F8-F4", "FC1-F3", "F4-FC2",
    "F7-FC5", "FC6-F8", "FC5-T7", "T8-FC6", "Cz-Fz", "Fz-FC1", "FC2-Fz", "T8-C4", "RM-T8", "CP6-RM", "P8-CP6",
    "PO8-P8", "PO4-PO8", "O2-PO4", "Oz-O2", "P4-PO4", "CP2-P4", "CP2-Pz", "C4-CP2", "C4-Cz", "Pz-Oz",
)
INVERTED_PAIR = 41
BAD_PAIRS = {
    1: (8, 24), 2: (5, 30), 3: (29, 30, 34, 36), 4: (23, 24, 30), 5: (8, 30), 6: (9, 24, 30), 7: (30,),
    8: (28, 29, 30, 33, 36), 9: (29, 30, 33), 10: (24, 29, 33), 11: (16, 24, 30), 12: (30,), 13: (30,), 14: (30,),
    15: (8, 16, 28, 34, 37), 16: (16, 24, 30, 28, 37), 17: (7, 33),
}
# fmt: on
README = """The EEG component of this dataset lies in another folder tree.

Simulated by eeg2fmri-simulate in the form of ds000116: these people do not exist.
"""


@dataclass(frozen=True, slots=True)
class Task:
    """One of the two tasks.

    Attributes
    ----------
    number : int
        As openFMRI counts them.
    sense : str
        ``auditory`` or ``visual``.
    standard, target : int
        Values of the stimulus channel.
    """

    number: int
    sense: str
    standard: int
    target: int

    @property
    def label(self) -> str:
        """BIDS label."""
        return f"{self.sense}oddballwithbuttonresponsetotargetstimuli"


TASKS = (Task(1, "auditory", 125, 150), Task(2, "visual", 225, 250))


def simulate(settings: SimulationSettings, folder: Path) -> Path:
    """Write ``bids``, ``openfmri`` and ``truth`` in a folder.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate; ``n_runs`` counts the runs of each of the two tasks.
    folder : Path
        New or empty.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    CannotCreateError
        When the folder holds something already.
    """
    refuse_occupied(folder)
    bids = folder / BIDS
    world = make_world(settings)
    _write_root(bids, settings)
    write_truth_root(bids, world)
    for number, label in enumerate(labels(settings.n_participants), start=1):
        person = make_person(settings, label)
        write_anatomy(bids, world, person)
        cap = make_cap(settings, label)
        field = lead_field(settings, label, cap, world.dipoles)
        model = eeg.sensor_model(
            world.networks.networks, field, world.dipoles, settings.difficulty
        )
        for task in TASKS:
            own = _world_of(world, task)
            for count in range(1, settings.n_runs + 1):
                run = draw_run(bids, own, person, f"{count:02d}")
                log.info("%s: simulating", run.stem)
                size = _write_bold(run, task)
                place = folder / LEGACY / f"sub{number:03d}" / "EEG"
                place = place / f"task{task.number:03d}_run{count:03d}"
                _write_eeg(run, cap, model, size, (task, number, place))
    (folder / TRUTH).mkdir()
    shutil.move(bids / truth.FOLDER.parts[0], folder / TRUTH)
    return folder


def _world_of(world: World, task: Task) -> World:
    seed = world.settings.seed + SEED_STEP * (task.number - 1)
    return replace(world, settings=replace(world.settings, task=task.label, seed=seed))


def _write_root(bids: Path, settings: SimulationSettings) -> None:
    description = {
        "BIDSVersion": "1.0.0",
        "Name": "Simulated: Auditory and Visual Oddball EEG-fMRI",
    }
    sidecar.write_json(
        bids / "dataset_description.json", description | {"Authors": ["eeg2fmri-simulate"]}
    )
    write_text(bids / "README", README)
    write_text(bids / "CHANGES", "1.0.0 2026-01-01\n  - simulated\n")
    people = {label: age_and_sex(settings, label) for label in labels(settings.n_participants)}
    n_people = len(people)
    columns: Table = {
        "participant_id": [f"sub-{label}" for label in people],
        "sex": [sex for _, sex in people.values()],
        "age": [age for age, _ in people.values()],
        "handedness": ["R"] * n_people,
        "ethnicity": ["n/a"] * n_people,
    }
    tables.write_tsv(bids / "participants.tsv", columns)
    for task in TASKS:
        told = {
            "RepetitionTime": settings.tr_s,
            "TaskName": f"{task.sense} oddball with button response to target stimuli",
            "Manufacturer": "Simulated",
            "MagneticFieldStrength": 3.0,
            "EchoTime": 0.025,
        }
        sidecar.write_json(bids / f"task-{task.label}_bold.json", told)


def _write_bold(run: Run, task: Task) -> float:
    """Write BOLD and events; sidecars are at the root alone."""
    size = write_bold(run)
    run.path("func", "bold.json").unlink()
    tables.write_tsv(run.path("func", "events.tsv"), _events(run.activity.trials, task))
    return size


def _events(trials: tuple[Trial, ...], task: Task) -> Table:
    rows: list[tuple[str, ...]] = []
    for trial in trials:
        kind = "oddball" if trial.oddball else "standard"
        told = ("1.000", "target", "n/a") if trial.oddball else ("0.000", "standard", "n/a")
        onset = f"{trial.onset_s:.3f}"
        shown = f"{task.sense} {kind} stimulus presentation"
        rows.append((onset, f"{STIMULUS_S:.3f}", shown, *told))
        if trial.oddball:
            # The response stands at the onset of what it answers, as long as the answer took.
            after = f"behavioral response time following {task.sense} oddball stimulus onset"
            rows.append((onset, f"{RESPONSE_AFTER_S:.3f}", after, *told))
    rows.append(("n/a",) * 6)
    names = ("onset", "duration", "trial_type", "Response", "Stimulus", "response_time")
    return {
        name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def _write_eeg(
    run: Run, cap: Cap, model: eeg.SensorModel, size: float, place: tuple[Task, int, Path]
) -> None:
    """Write the three forms of one run's EEG, its truth, and what the oracle predicts."""
    task, number, folder = place
    settings, activity = run.settings, run.activity
    rate_hz, n_samples = settings.eeg_hz, round(activity.eeg_length_s * settings.eeg_hz)
    brain = eeg.draw_brain(model, activity, run.random)
    _write_clean(run, cap, brain)
    volts = np.zeros((len(brain) + 1, n_samples), dtype=np.float32)
    eeg.resample(brain, rate_hz, out=volts[:-1])
    eeg.add_noise(volts[:-1], model, rate_hz, run.random("amplifier"))
    write_oracle(run, model, volts[:-1], size)
    times_s = np.arange(n_samples) / rate_hz
    volts[-1] = electrocardiogram(run.physiology, times_s, run.random("ecg"))
    artefacts.add_pulse(
        volts[:-1], times_s, run.physiology.beats_s, cap.positions_m, run.random("pulse")
    )
    with_gradients = volts.copy()
    heartless = replace(run, physiology=replace(run.physiology, beats_s=np.zeros(0)))
    add_artefacts(heartless, cap, with_gradients, times_s)
    markers = _markers(activity.trials, task, n_samples, rate_hz)
    free = _rows(run, cap, volts, number)
    noisy = _rows(run, cap, with_gradients, number)
    raw = np.clip(noisy * RAW_VOLTS_PER_VOLT, -LARGEST_RAW_V, LARGEST_RAW_V)
    electrodes = volts[: len(ELECTRODES)] - volts[len(ELECTRODES) : -1].mean(axis=0)
    for name, variable, rows in (
        ("EEG_raw", "data", raw),
        ("EEG_noGA", "data_noGA", 1e6 * free),
        ("EEG_rereferenced", "data_reref", 1e6 * np.vstack([electrodes, volts[-1:]])),
    ):
        with whole(folder / f"{name}.mat") as partial:
            content = {variable: np.vstack([rows, markers]).astype(np.float32)}
            savemat(partial, content, appendmat=False, do_compression=True)


def _write_clean(run: Run, cap: Cap, brain: Floats) -> None:
    n_clean = round(run.activity.eeg_length_s * eeg.WORK_HZ)
    clean = Recording(
        brain[:, :n_clean].astype(np.float32),
        eeg.WORK_HZ,
        cap.names,
        ("EEG",) * len(cap.names),
        cap.positions_m,
    )
    eeg_files.write_brainvision(run.truth_path("desc-clean_eeg.vhdr"), clean)


def _rows(run: Run, cap: Cap, volts: Floats, number: int) -> Floats:
    """Pairs, eyes and heart as the amplifier stores them, shape (channel, time), in volts at the head."""
    row = {name: volts[index] for index, name in enumerate(cap.names)}
    pairs = np.stack([
        row[first] - row[second] for first, second in (one.split("-") for one in PAIRS)
    ])
    pairs[INVERTED_PAIR - 1] *= -1
    rng = run.random("pairs")
    for place in BAD_PAIRS.get(number, ()):
        pairs[place - 1] += BAD_PAIR_V * rng.standard_normal(volts.shape[1], dtype=np.float32)
    eyes = np.stack([row["F8"] - row["F7"], row["Fp1"] - row["F7"]])
    return np.vstack([pairs, eyes, volts[-1:], 0.6 * volts[-1:]])


def _markers(trials: tuple[Trial, ...], task: Task, n_samples: int, rate_hz: float) -> Floats:
    """Stimulus and response channels, shape (2, time): levels, not voltages."""
    levels = np.zeros((2, n_samples), dtype=np.float32)
    levels[0, round(rate_hz) :] = STARTED
    for trial in trials:
        start, length = round(trial.onset_s * rate_hz), round(STIMULUS_S * rate_hz)
        levels[0, start : start + length] = task.target if trial.oddball else task.standard
        if trial.oddball:
            start += round(RESPONSE_AFTER_S * rate_hz)
            levels[1, start : start + length] = 100
    return levels
