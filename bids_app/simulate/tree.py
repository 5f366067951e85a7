"""Names and sidecars of the raw dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app import __version__
from bids_app.files import sidecar, tables
from bids_app.files.whole import write_text
from bids_app.simulate.activity import Activity, Trial
from bids_app.simulate.person import age_and_sex
from bids_app.simulate.sensors import GROUND, REFERENCE, Cap
from bids_app.simulate.settings import SimulationSettings
from bids_app.values.recording import Event

Table = dict[str, Sequence[object]]

VOLUME_MARKER = "Response/R128"
STANDARD_MARKER, ODDBALL_MARKER = "Stimulus/S  1", "Stimulus/S  2"
TRIAL_LENGTH_S = 0.2
README = """# Simulated EEG-fMRI

Simultaneous EEG and fMRI of people who do not exist, made by eeg2fmri-simulate, to test software that relates the two.

Slow activity of a few networks in grey matter modulates the power of their cortical dipoles, each network in its own
frequency band, and drives their BOLD through a haemodynamic response that differs between people. An auditory
oddball task runs along. Volume triggers are in the EEG recordings as the marker R128 of type Response.

What is true of each run (noise-free BOLD, slow activity, transforms, motion, clean EEG, and what an oracle
predicts from the EEG) is in sourcedata/truth, described there in README.
"""
EVENT_COLUMNS = {
    "onset": {
        "Description": "Start of the event, from the first sample or volume of the data file",
        "Units": "s",
    },
    "duration": {"Description": "Length of the event", "Units": "s"},
    "trial_type": {
        "Description": "What happened",
        "Levels": {
            "standard": "Frequent tone",
            "oddball": "Rare tone",
            "volume": "Start of a BOLD volume",
        },
    },
    "value": {"Description": "Marker in the EEG recording"},
}


def labels(count: int) -> list[str]:
    """Participant labels, of equal length."""
    width = max(2, len(str(count)))
    return [f"{number:0{width}d}" for number in range(1, count + 1)]


def run_stem(settings: SimulationSettings, label: str, run: str) -> str:
    """Start of a run's file names."""
    return f"sub-{label}_task-{settings.task}_run-{run}"


def write_root(dataset: Path, settings: SimulationSettings) -> None:
    """Write the files at the top of the dataset."""
    people = {label: age_and_sex(settings, label) for label in labels(settings.n_participants)}
    sidecar.write_json(
        dataset / "dataset_description.json",
        {
            "Name": "Simulated EEG-fMRI",
            "BIDSVersion": "1.10.0",
            "DatasetType": "raw",
            "License": "CC0",
            "Authors": ["eeg2fmri-simulate"],
            "Acknowledgements": "Anatomy after ICBM152 2009a, symmetric (McConnell Brain Imaging Centre)",
            "GeneratedBy": [{"Name": "eeg2fmri-simulate", "Version": __version__}],
        },
    )
    write_text(dataset / "README.md", README)
    write_text(
        dataset / "CHANGES", f"{__version__} 2026-01-01\n  - Simulated with seed {settings.seed}\n"
    )
    tables.write_tsv(
        dataset / "participants.tsv",
        {
            "participant_id": [f"sub-{label}" for label in people],
            "age": [age for age, _ in people.values()],
            "sex": [sex for _, sex in people.values()],
        },
    )
    sidecar.write_json(
        dataset / "participants.json",
        {
            "age": {"Description": "Age of the simulated person", "Units": "year"},
            "sex": {
                "Description": "Sex of the simulated person",
                "Levels": {"F": "female", "M": "male"},
            },
        },
    )
    sidecar.write_json(dataset / f"task-{settings.task}_events.json", EVENT_COLUMNS)


def t1w_metadata() -> dict[str, Any]:
    """Sidecar of the anatomy."""
    return {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "Manufacturer": "Simulated",
        "PulseSequenceType": "MPRAGE",
    }


def bold_metadata(settings: SimulationSettings) -> dict[str, Any]:
    """Sidecar of a BOLD run."""
    return {
        "TaskName": settings.task,
        "TaskDescription": "Auditory oddball",
        "RepetitionTime": settings.tr_s,
        "EchoTime": 0.025,
        "FlipAngle": 80,
        "SliceTiming": list(settings.slice_times_s),
        "SliceEncodingDirection": "k",
        "PhaseEncodingDirection": "j",
        "MagneticFieldStrength": 3,
        "Manufacturer": "Simulated",
        "PulseSequenceType": "Gradient Echo EPI",
    }


def eeg_metadata(settings: SimulationSettings, length_s: float) -> dict[str, Any]:
    """Sidecar of an EEG recording."""
    filters: Any = "n/a"
    if settings.artefacts:
        filters = {"Anti-alias": {"HalfAmplitudeCutoff (Hz)": 250}}
    return {
        "TaskName": settings.task,
        "TaskDescription": "Auditory oddball",
        "Manufacturer": "Simulated",
        "EEGReference": REFERENCE,
        "EEGGround": GROUND,
        "EEGPlacementScheme": "10-10",
        "SamplingFrequency": settings.eeg_hz,
        "PowerLineFrequency": 50,
        "SoftwareFilters": "n/a",
        "HardwareFilters": filters,
        "RecordingType": "continuous",
        "RecordingDuration": length_s,
        "EEGChannelCount": 34,
        "ECGChannelCount": 1,
        "EOGChannelCount": 0,
        "EMGChannelCount": 0,
        "MiscChannelCount": 0,
        "TriggerChannelCount": 0,
        "SubjectArtefactDescription": (
            "gradient and pulse artefacts are left in"
            if settings.artefacts
            else "no scanner artefacts were simulated"
        ),
    }


def write_cap(folder: Path, label: str, cap: Cap) -> None:
    """Write electrodes and their coordinate system, for all runs of a participant."""
    stem = f"sub-{label}_space-CapTrak"
    places = np.vstack([cap.positions_m, cap.reference_m])
    columns = {
        axis: [f"{place:.5f}" for place in places[:, index]] for index, axis in enumerate("xyz")
    }
    tables.write_tsv(
        folder / f"{stem}_electrodes.tsv", {"name": [*cap.names, REFERENCE], **columns}
    )
    sidecar.write_json(
        folder / f"{stem}_coordsystem.json",
        {
            "EEGCoordinateSystem": "CapTrak",
            "EEGCoordinateUnits": "m",
            "EEGCoordinateSystemDescription": "RAS; the origin lies between LPA and RPA, the nasion on the y axis",
            "AnatomicalLandmarkCoordinates": {
                name: [round(float(value), 6) for value in place]
                for name, place in cap.landmarks_m.items()
            },
            "AnatomicalLandmarkCoordinateSystem": "CapTrak",
            "AnatomicalLandmarkCoordinateUnits": "m",
        },
    )


def channel_table(settings: SimulationSettings, names: tuple[str, ...]) -> Table:
    """Columns of ``channels.tsv``."""
    n_channels = len(names)
    kinds = ["ECG" if name == "ECG" else "EEG" for name in names]
    return {
        "name": list(names),
        "type": kinds,
        "units": ["uV"] * n_channels,
        "sampling_frequency": [f"{settings.eeg_hz:g}"] * n_channels,
        "reference": [REFERENCE if kind == "EEG" else "n/a" for kind in kinds],
        "status": ["good"] * n_channels,
    }


def func_events(trials: tuple[Trial, ...]) -> Table:
    """Columns of a BOLD run's events: onsets from the first volume."""
    return {
        "onset": [f"{trial.onset_s:.3f}" for trial in trials],
        "duration": [TRIAL_LENGTH_S for _ in trials],
        "trial_type": ["oddball" if trial.oddball else "standard" for trial in trials],
    }


def eeg_events(activity: Activity, settings: SimulationSettings) -> Table:
    """Columns of an EEG recording's events: onsets from the first sample."""
    told = {
        VOLUME_MARKER: (0.0, "volume", "R128"),
        STANDARD_MARKER: (TRIAL_LENGTH_S, "standard", "S  1"),
        ODDBALL_MARKER: (TRIAL_LENGTH_S, "oddball", "S  2"),
    }
    events = markers(activity, settings)
    return {
        "onset": [f"{event.onset_s:.4f}" for event in events],
        "duration": [told[event.label][0] for event in events],
        "trial_type": [told[event.label][1] for event in events],
        "value": [told[event.label][2] for event in events],
    }


def markers(activity: Activity, settings: SimulationSettings) -> tuple[Event, ...]:
    """Markers of an EEG recording, in order: one for each volume and one for each stimulus."""
    volumes = [
        Event(activity.offset_s + index * settings.tr_s, VOLUME_MARKER)
        for index in range(settings.size.n_volumes)
    ]
    stimuli = [
        Event(
            activity.offset_s + trial.onset_s, ODDBALL_MARKER if trial.oddball else STANDARD_MARKER
        )
        for trial in activity.trials
    ]
    return tuple(sorted(volumes + stimuli, key=lambda event: event.onset_s))
