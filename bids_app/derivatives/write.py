"""Preprocessed data on disk, under BIDS names, each with its sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.config import TEMPLATE
from bids_app.derivatives.names import NATIVE, Space, derivative, folder, uri
from bids_app.files import eeg, nifti, tables, transforms
from bids_app.files.sidecar import write_json
from bids_app.values import Bools, Floats
from bids_app.values.confounds import Confounds
from bids_app.values.entities import Entities
from bids_app.values.estimates import RunFit
from bids_app.values.pairing import Clock
from bids_app.values.recording import Recording
from bids_app.values.space import Mask, Volume

POSITIONS = "ElectrodePositions"
"""Key of the sidecar of EEG: metres, among the electrodes of the 10-05 system, of those that it does not name."""
TEMPLATEFLOW = "https://github.com/templateflow/tpl-{}"
FAINT_FRACTION = 0.05
OUTSIDE_SHARE = 0.1
SHORTEST_PAUSE_S = 1e-3


@dataclass(frozen=True, slots=True)
class Target:
    """Where derivatives of one recording go.

    Attributes
    ----------
    root : Path
        Output folder.
    entities : Entities
        Recording.
    space : Space
        Of the images.
    sources : tuple of str
        BIDS URIs of what they were made from.
    reference : str or None
        URI of the image that a space which is no template belongs to; None for the first of the sources.
    anatomy : str
        ``T1w``, or ``epiref`` for a mean BOLD image that stands in for it.
    """

    root: Path
    entities: Entities
    space: Space
    sources: tuple[str, ...]
    reference: str | None = None
    anatomy: str = "T1w"

    def path(self, datatype: str, ending: str, labels: dict[str, str] | None = None) -> Path:
        """Path of one file."""
        return derivative(self.root, self.entities, datatype, ending, labels)

    def made_from(self, *paths: Path) -> Target:
        """Name more sources, files of this dataset."""
        return replace(self, sources=(*self.sources, *(uri(path, self.root) for path in paths)))

    @property
    def native(self) -> Target:
        """The same for images in the space of the recording itself."""
        return replace(self, space=NATIVE)

    def image_sidecar(self, **more: Any) -> dict[str, Any]:
        """Keys that BIDS wants for every image, and further ones."""
        found: dict[str, Any] = {"Sources": list(self.sources)}
        if not self.space.is_template:
            found["SpatialReference"] = self.reference or self.sources[0]
        elif self.space.resolution:
            found["Resolution"] = f"{self.space.resolution} mm isotropic"
        if self.space.is_template and self.space.name != TEMPLATE:
            # BIDS knows some of these templates, and wants to be told where to find the others.
            found["SpatialReference"] = TEMPLATEFLOW.format(self.space.name)
        return found | more


@dataclass(frozen=True, slots=True, eq=False)
class BoldInTemplate:
    """A preprocessed run.

    Attributes
    ----------
    volumes : ndarray of shape (x, y, z, time)
        Intensities in template space, unsmoothed.
    reference : ndarray of shape (x, y, z)
        Robust mean in template space.
    mask : Mask
        Where the run has brain.
    tr_s, start_time_s : float
        Repetition time, and what time each volume stands for.
    metadata : dict
        The raw sidecar; its acquisition keys are passed on.
    """

    volumes: Floats
    reference: Floats
    mask: Mask
    tr_s: float
    start_time_s: float
    metadata: dict[str, Any]


PASSED_ON = (
    "TaskName",
    "EchoTime",
    "MagneticFieldStrength",
    "Manufacturer",
    "FlipAngle",
    "TaskDescription",
)


def write_bold(
    target: Target, bold: BoldInTemplate, *, slice_timing_corrected: bool | None
) -> list[Path]:
    """Write a preprocessed run, its reference and its mask, in the space of a target.

    In the space of the recording itself the series is written alone: :func:`write_run_fit` writes the rest.
    """
    labels, grid = target.space.labels, bold.mask.grid
    path = target.path("func", "bold.nii.gz", labels | {"desc": "preproc"})
    nifti.write_bold(path, bold.volumes, grid, bold.tr_s, "eeg2fmri preprocessed BOLD")
    passed = {name: bold.metadata[name] for name in PASSED_ON if name in bold.metadata}
    passed.setdefault("TaskName", target.entities.get("task"))
    sidecar = target.image_sidecar(
        **passed,
        **_timing(bold),
        SkullStripped=is_stripped(bold.volumes[..., 0], bold.mask.inside),
    )
    if slice_timing_corrected is not None:
        sidecar["SliceTimingCorrected"] = slice_timing_corrected
    written = [path, write_json(json_of(path), sidecar)]
    if target.space == NATIVE:
        return written
    reference = target.path("func", "boldref.nii.gz", labels)
    return [
        *written,
        *_write_reference(target, reference, Volume(bold.reference, grid), bold.mask),
        *_write_brain(target, bold.mask),
    ]


def _timing(bold: BoldInTemplate) -> dict[str, float]:
    """Times of the volumes; the pause after the last slice, if any, cannot be told from slice times any more."""
    found = {"RepetitionTime": bold.tr_s, "StartTime": bold.start_time_s}
    times = sorted(bold.metadata.get("SliceTiming") or [])
    if "DelayTime" in bold.metadata:
        found["DelayTime"] = bold.metadata["DelayTime"]
    elif len(times) > 1:
        step = next((later - times[0] for later in times if later > times[0]), 0.0)
        pause = bold.tr_s - (times[-1] + step)
        if pause > SHORTEST_PAUSE_S:
            found["DelayTime"] = round(pause, 6)
    return found


def _write_reference(target: Target, path: Path, volume: Volume, brain: Mask) -> list[Path]:
    sidecar = target.image_sidecar(SkullStripped=is_stripped(volume.data, brain.inside))
    return [nifti.write_volume(path, volume), write_json(json_of(path), sidecar)]


def _write_brain(target: Target, mask: Mask) -> list[Path]:
    path = target.path("func", "mask.nii.gz", target.space.labels | {"desc": "brain"})
    sidecar = target.image_sidecar(Type="Brain")
    return [nifti.write_mask(path, mask), write_json(json_of(path), sidecar)]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """What :func:`write_run_fit` wrote.

    Attributes
    ----------
    motion, coregistration : Path
        Transforms of each volume to the reference, and of the reference to the T1w image.
    written : list of Path
        All files, these included.
    """

    motion: Path
    coregistration: Path
    written: list[Path]


def write_run_fit(target: Target, fit: RunFit) -> RunFiles:
    """Write what was estimated from a run: motion, coregistration, references and mask on the raw grid."""
    native = target.native
    image = {"mode": "image"}
    motion = native.path(
        "func", "xfm.txt", {"from": "orig", "to": "boldref", **image, "desc": "hmc"}
    )
    coreg = native.path(
        "func", "xfm.txt", {"from": "boldref", "to": target.anatomy, **image, "desc": "coreg"}
    )
    references = [
        native.path("func", "boldref.nii.gz", {"desc": desc}) for desc in ("hmc", "coreg")
    ]
    written = [
        transforms.write_affines(motion, fit.motion),
        write_json(json_of(motion), {"Sources": list(native.sources)}),
        # The file maps T1w points to reference points: that is what moves a boldref image to T1w.
        transforms.write_affines(coreg, fit.t1w_to_reference[None]),
        write_json(json_of(coreg), {"Sources": [uri(references[1], target.root)]}),
    ]
    for path in references:
        written += _write_reference(native, path, fit.reference, fit.brain)
    return RunFiles(motion, coreg, [*written, *_write_brain(native, fit.brain)])


def write_confounds(target: Target, found: Confounds) -> list[Path]:
    """Write nuisance time courses and what they are."""
    path = target.path("func", "timeseries.tsv", {"desc": "confounds"})
    columns: dict[str, Sequence[object]] = {
        name: column.tolist() for name, column in found.columns.items()
    }
    sidecar = found.about | {"Sources": list(target.sources)}
    return [tables.write_tsv(path, columns), write_json(json_of(path), sidecar)]


@dataclass(frozen=True, slots=True)
class EegHistory:
    """What was done to a recording, for its sidecar.

    Attributes
    ----------
    metadata : dict
        The raw sidecar.
    steps : dict
        Settings of each cleaning step.
    clock : Clock or None
        EEG time on BOLD time; None for a recording without BOLD and markers.
    n_volumes : int or None
        Volumes of the run it belongs to.
    tr_s : float or None
        Their repetition time.
    artefacts : sequence of dict
        What was found of each artefact of the scanner before and after cleaning.
    schedule : dict of str to list of float
        Onsets of each kind of event of the run's task, in seconds after the first volume began.
    """

    metadata: dict[str, Any]
    steps: dict[str, Any]
    clock: Clock | None
    n_volumes: int | None
    tr_s: float | None
    artefacts: Sequence[dict[str, Any]] = ()
    schedule: dict[str, list[float]] = field(default_factory=dict)


def write_eeg(target: Target, recording: Recording, history: EegHistory) -> list[Path]:
    """Write cleaned EEG as BrainVision, float32, with its clock."""
    path = target.path("eeg", "eeg.vhdr", {"desc": "preproc"})
    eeg.write_brainvision(path, recording)
    channels = {
        "name": recording.names,
        "type": recording.kinds,
        "units": ["µV"] * len(recording.names),
        "sampling_frequency": [recording.rate_hz] * len(recording.names),
    }
    sidecar = {
        "TaskName": history.metadata.get("TaskName") or target.entities.get("task"),
        "EEGReference": "average",
        "SamplingFrequency": recording.rate_hz,
        "PowerLineFrequency": recording.line_hz or "n/a",
        "SoftwareFilters": history.steps,
        "ScannerArtefacts": list(history.artefacts),
        "EEGChannelCount": len(recording.names),
        "RecordingDuration": recording.duration_s,
        "RecordingType": "continuous",
        "Sources": list(target.sources),
        "VolumeClock": asdict(history.clock) if history.clock else None,
        "NumberOfVolumes": history.n_volumes,
        "VolumeRepetitionTime": history.tr_s,
        "Schedule": history.schedule,
        POSITIONS: {
            name: [round(float(value), 5) for value in place]
            for name, place in zip(recording.names, recording.positions_m, strict=True)
            if eeg.standard_position_m(name) is None and np.isfinite(place).all()
        },
    }
    return [
        *(
            path.with_suffix(suffix)
            for suffix in (".eeg", ".vhdr", ".vmrk")
            if path.with_suffix(suffix).exists()
        ),
        write_json(path.with_suffix(".json"), sidecar),
        tables.write_tsv(target.path("eeg", "channels.tsv", {"desc": "preproc"}), channels),
    ]


def write_scans(
    root: Path, label: str, rows: dict[str, dict[str, float]], told: dict[str, str]
) -> list[Path]:
    """Write figures of each run to ``sub-X_scans.tsv``.

    Parameters
    ----------
    root : Path
        Output folder.
    label : str
        Participant.
    rows : dict of str to dict of str to float
        File name, relative to the participant's folder, to figures by column.
    told : dict of str to str
        What each column holds.
    """
    columns: dict[str, Sequence[object]] = {"filename": sorted(rows)}
    columns |= {name: [rows[file].get(name) for file in sorted(rows)] for name in told}
    path = folder(root, Entities.of({"sub": label}), "x").parent / f"sub-{label}_scans.tsv"
    if not rows:
        return []
    sidecar = {name: {"Description": text} for name, text in told.items()}
    return [tables.write_tsv(path, columns), write_json(path.with_suffix(".json"), sidecar)]


def is_stripped(image: Floats, inside: Bools) -> bool:
    """Tell whether an image, shape (x, y, z), holds hardly anything but the brain, a mask of that shape."""
    if not inside.any():
        return False
    bright = image[~inside] > FAINT_FRACTION * np.median(image[inside])
    return bool(np.count_nonzero(bright) < OUTSIDE_SHARE * np.count_nonzero(inside))


def json_of(path: Path) -> Path:
    """Where the sidecar of an image or a table lies."""
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ".json")
