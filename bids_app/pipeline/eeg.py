"""One EEG recording: its clock, and its cleaning."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from bids_app.config import RunConfig
from bids_app.derivatives import provenance, write
from bids_app.errors import DataError
from bids_app.files import eeg as files
from bids_app.files import nifti
from bids_app.layout.timing import Beside, beside, find_clock
from bids_app.pipeline.events import events_of, schedule_of
from bids_app.pipeline.place import Figures, target
from bids_app.preproc import eeg as cleaning
from bids_app.report import figures
from bids_app.values import Floats
from bids_app.values.pairing import Clock, Pairing, Scan
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

log = logging.getLogger(__name__)

SPECTRUM_S = 4.0
HIGHEST_SHOWN_HZ = 100.0
CHANNELS_AT_ONCE = 4


def scan_of(pairing: Pairing, model_tr_s: float | None) -> Scan:
    """Read repetition time and number of volumes of the run that the EEG belongs to."""
    if pairing.run is None:
        return Scan(model_tr_s, None)
    path = pairing.run.bold.path
    shape = nifti.series_shape(path)
    if len(shape) != 4:  # noqa: PLR2004 (x, y, z, time)
        raise DataError(f"{path}: has shape {shape}; expected four axes (x, y, z, time)")
    tr_s = nifti.repetition_time_s(path, pairing.run.metadata)
    n_slices = _excitations(pairing.run.metadata, shape[2])
    return Scan(tr_s, shape[3], nifti.header_tr_s(path), n_slices)


def _excitations(metadata: dict[str, Any], n_planes: int) -> int:
    """Excitations of a volume: slices that are measured together count once."""
    times = metadata.get("SliceTiming")
    if isinstance(times, list) and times:
        return len(set(map(str, times)))
    # Many sidecars do not tell the slices' times; nearly all series are stored with the slices on the third axis.
    together = metadata.get("MultibandAccelerationFactor", 1)
    return n_planes // together if isinstance(together, int) and together > 0 else n_planes


def clean(pairing: Pairing, scan: Scan, config: RunConfig) -> provenance.Done:
    """Find the clock of one recording and clean it, unless that is done.

    Returns
    -------
    Done
        Files, and ``figures``, ``notes``, ``clock`` and ``eeg`` for the report.
    """
    assert pairing.eeg is not None
    path = pairing.eeg.path
    told = beside(pairing, config)
    steps = cleaning.settings_of({
        cleaning.name(step): config.table("eeg", cleaning.name(step)) for step in cleaning.STEPS
    })
    inputs = [*files.companions(path), *told.files, *events_of(pairing)]
    chosen = {name: asdict(settings) for name, settings in steps.items()}
    asked = [config.volume_marker, config.eeg_start_s, config.eeg_steps]
    decides = [pairing.eeg_metadata, pairing.facts, scan, chosen, asked]
    key = provenance.key("eeg", inputs, decides)
    stage = provenance.Stage(
        config.work_dir, config.output_dir, f"{pairing.entities.stem}_eeg", key
    )
    done = None if config.overwrite else stage.done()
    if done is not None:
        return done
    log.info("%s: EEG", pairing.entities.stem)
    recording = _read(pairing, told, config.work_dir)
    clock = find_clock(pairing, recording, scan, config)
    return stage.record(*_cleaned(pairing, config, (recording, scan, clock), steps))


def _cleaned(
    pairing: Pairing,
    config: RunConfig,
    heard: tuple[Recording, Scan, Clock | None],
    steps: dict[str, Any],
) -> tuple[list[Path], dict[str, Any]]:
    """Clean, write and draw one recording; give its files, and what the report must say of it."""
    assert pairing.eeg is not None
    recording, scan, clock = heard
    path = pairing.eeg.path
    notes = [*pairing.facts.notes, *clock_notes(clock)]
    n_volumes = _n_volumes(scan, clock)
    scene = Scene(path.name, clock, scan.tr_s, n_volumes, scan.n_slices)
    done = cleaning.clean(recording, steps, scene, notes.append, config.eeg_steps)
    taken = {name: asdict(settings) for name, settings in done.taken.items()}
    artefacts = _artefacts(done)
    history = write.EegHistory(
        pairing.eeg_metadata,
        taken,
        clock,
        n_volumes,
        scan.tr_s,
        artefacts,
        schedule_of(pairing),
    )
    place = target(config, pairing.entities, config.template, [path])
    written = write.write_eeg(place, done.recording, history)
    told = _draw(pairing, config, (recording, done.recording), scene)
    return [*written, *told.files()], {
        "figures": told.told,
        "notes": notes,
        "clock": asdict(clock) if clock else None,
        "eeg": {
            "channels": len(done.recording.names),
            "rate_hz": done.recording.rate_hz,
            "steps": taken,
            "artefacts": artefacts,
        },
    }


def _artefacts(done: cleaning.Cleaned) -> list[dict[str, Any]]:
    """What was found of each artefact of the scanner before and after its step, for sidecar and report."""
    return [
        {
            "artefact": before.artefact,
            "found": before.present,
            "removed": before.artefact in done.taken,
            "left": after.present,
            "before": before.words,
            "after": after.words,
            **{f"{name}_before": figure for name, figure in before.figures.items()},
            **{f"{name}_after": figure for name, figure in after.figures.items()},
        }
        for before, after in zip(done.before, done.after, strict=True)
    ]


def clock_notes(clock: Clock | None) -> list[str]:
    """What a reader must know of a clock."""
    if clock is None or not clock.n_found > clock.n_expected > 0:
        return []
    return [
        f"{clock.n_found} volume markers for {clock.n_expected} volumes: the first marker was taken as the first "
        "stored volume; when the scanner's first volumes were not stored, that is wrong"
    ]


def _read(pairing: Pairing, told: Beside, scratch: Path) -> Recording:
    assert pairing.eeg is not None
    recording = files.read(pairing.eeg.path, told.channels, told.line_hz, told.rate_hz)
    placed = files.in_standard_frame(
        files.electrode_positions_m(pairing.eeg.path, scratch), pairing.eeg.path.name
    )
    positions_m = np.array([
        placed.get(name, recording.positions_m[row]) for row, name in enumerate(recording.names)
    ])
    return replace(recording, positions_m=positions_m)


def _n_volumes(scan: Scan, clock: Clock | None) -> int | None:
    if scan.n_volumes is not None:
        return scan.n_volumes
    return clock.n_expected if clock else None


def _draw(
    pairing: Pairing,
    config: RunConfig,
    recordings: tuple[Recording, Recording],
    scene: Scene,
) -> Figures:
    told, clock = Figures(config.output_dir, pairing.entities), scene.clock
    before, after = (_spectrum(recording) for recording in recordings)
    path = told.add(
        "spectrum",
        "EEG before and after cleaning",
        "Power spectrum of the channels as recorded and after cleaning. Ticks point at the harmonics of the slice and "
        "of the volume rate, where artefacts of the scanner's gradients would stand out.",
    )
    n_shared = min(len(before[0]), len(after[0]))
    densities = before[1][:, :n_shared], after[1][:, :n_shared]
    line = {"power line": recordings[0].line_hz} if recordings[0].line_hz else {}
    figures.eeg_spectrum(path, before[0][:n_shared], densities, line, scene.rates_hz)
    if clock is not None and clock.n_found:
        path = told.add(
            "clock",
            "EEG clock on the scanner's clock",
            "Distance of each volume marker from the line that was fitted through all of them.",
        )
        marker_s = np.asarray([
            event.onset_s
            for event in recordings[0].events
            if event.label.split("/")[-1].split() == clock.marker.split()
        ])
        figures.clock(path, marker_s, _residual(marker_s, clock))
    return told


def _residual(marker_s: Floats, clock: Clock) -> Floats:
    """Distance of each marker from the nearest volume onset of the clock, shape (marker,), in seconds."""
    if len(marker_s) < 2:  # noqa: PLR2004 (no spacing to compare with)
        return np.zeros(len(marker_s))
    spacing_s = float(np.median(np.diff(marker_s))) / clock.rate
    bold_s = clock.bold_s(marker_s)
    residual: Floats = bold_s - np.round(bold_s / spacing_s) * spacing_s
    return residual


def _spectrum(recording: Recording) -> tuple[Floats, Floats]:
    """Frequencies, shape (frequency,), in hertz and power, shape (channel, frequency), in V²/Hz."""
    n_segment = min(round(SPECTRUM_S * recording.rate_hz), recording.n_samples)
    rows = recording.rows("EEG")
    spectra = []
    # Some channels at a time: the segments of all at once are larger than the recording.
    for start in range(0, len(rows), CHANNELS_AT_ONCE):
        some = recording.volts[rows[start : start + CHANNELS_AT_ONCE]]
        frequency, power = scipy.signal.welch(some, recording.rate_hz, nperseg=n_segment)
        shown = frequency <= HIGHEST_SHOWN_HZ
        spectra.append(power[:, shown])
    return frequency[shown], np.concatenate(spectra)


def told_clock(metadata: dict[str, Any]) -> Clock | None:
    """The clock as it stands in the sidecar of cleaned EEG."""
    found = metadata.get("VolumeClock")
    return Clock(**found) if found else None
