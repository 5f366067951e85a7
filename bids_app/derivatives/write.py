"""Preprocessed data on disk, under BIDS names, each with its sidecar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.derivatives.names import Space, derivative, folder
from bids_app.files import eeg, nifti, tables, transforms
from bids_app.files.sidecar import write_json
from bids_app.values import Floats
from bids_app.values.confounds import Confounds
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.pairing import Clock
from bids_app.values.recording import Recording
from bids_app.values.space import Grid, Mask, Volume

TISSUES = ("GM", "WM", "CSF")


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
        Template and resolution of images that are not in native space.
    sources : tuple of str
        BIDS URIs of what they were made from.
    """

    root: Path
    entities: Entities
    space: Space
    sources: tuple[str, ...]

    def path(self, datatype: str, ending: str, labels: dict[str, str] | None = None) -> Path:
        """Path of one file."""
        return derivative(self.root, self.entities, datatype, ending, labels)

    def image_sidecar(self, *, native: str | None = None, **more: Any) -> dict[str, Any]:
        """Keys that BIDS wants for every image.

        Parameters
        ----------
        native : str, optional
            URI of the image whose voxel grid it shares, for images that are not in a template.
        **more : Any
            Further keys.
        """
        found: dict[str, Any] = {"SkullStripped": True, "Sources": list(self.sources)}
        if native is not None:
            found["SpatialReference"] = native
        elif self.space.resolution:
            found["Resolution"] = f"{self.space.resolution} mm isotropic"
        return found | more


def write_anatomy(
    target: Target, fit: AnatFit, in_template: dict[str, Floats], grid: Grid
) -> list[Path]:
    """Write the anatomy, its masks and tissues in both spaces, and the transforms between them.

    Parameters
    ----------
    target : Target
        Where to.
    fit : AnatFit
        Estimates, on the T1w grid.
    in_template : dict of str to ndarray of shape (x, y, z)
        ``T1w``, ``brain``, ``GM``, ``WM`` and ``CSF`` on the output grid.
    grid : Grid
        The output grid.
    """
    native: dict[str, Floats] = {
        "T1w": fit.t1w.data,
        "brain": fit.brain.inside.astype(np.float32),
        **fit.tissues,
    }
    written = []
    for labels, images, where, reference in (
        ({}, native, fit.t1w.grid, target.sources[0]),
        (target.space.labels, in_template, grid, None),
    ):
        written += _write_images(target, labels, images, (where, reference))
    to_t1w = {"from": target.space.name, "to": "T1w", "mode": "image"}
    written.append(
        transforms.write_affines(target.path("anat", "xfm.txt", to_t1w), fit.template_to_t1w[None])
    )
    if fit.warp is not None:
        written.append(transforms.write_warp(target.path("anat", "xfm.nii.gz", to_t1w), fit.warp))
    return written


def write_tissues(target: Target, tissues: dict[str, Floats], grid: Grid) -> list[Path]:
    """Write tissue probabilities, each of shape (x, y, z), in template space."""
    return _write_images(target, target.space.labels, tissues, (grid, None))


def _write_images(
    target: Target,
    labels: dict[str, str],
    images: dict[str, Floats],
    place: tuple[Grid, str | None],
) -> list[Path]:
    grid, native = place
    written = []
    kinds = [
        ("T1w", "T1w.nii.gz", {"desc": "preproc"}),
        ("brain", "mask.nii.gz", {"desc": "brain"}),
    ]
    kinds += [(tissue, "probseg.nii.gz", {"label": tissue}) for tissue in TISSUES]
    for name, ending, own in kinds:
        if name not in images:
            continue
        path = target.path("anat", ending, labels | own)
        if name == "brain":
            nifti.write_mask(path, Mask(grid, np.asarray(images[name]) > 0.5))  # noqa: PLR2004 (half)
        else:
            nifti.write_volume(path, Volume(np.asarray(images[name], dtype=np.float32), grid))
        more: dict[str, Any] = {"Type": "Brain"} if name == "brain" else {}
        written += [path, write_json(_json(path), target.image_sidecar(native=native, **more))]
    return written


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
    """Write a preprocessed run, its reference and its mask, in template space."""
    labels, grid = target.space.labels, bold.mask.grid
    path = target.path("func", "bold.nii.gz", labels | {"desc": "preproc"})
    reference = target.path("func", "boldref.nii.gz", labels)
    mask = target.path("func", "mask.nii.gz", labels | {"desc": "brain"})
    nifti.write_bold(path, bold.volumes, grid, bold.tr_s, "eeg2fmri preprocessed BOLD")
    nifti.write_volume(reference, Volume(bold.reference, grid))
    nifti.write_mask(mask, bold.mask)
    passed = {name: bold.metadata[name] for name in PASSED_ON if name in bold.metadata}
    sidecar = target.image_sidecar(
        **passed,
        RepetitionTime=bold.tr_s,
        StartTime=bold.start_time_s,
    )
    if slice_timing_corrected is not None:
        sidecar["SliceTimingCorrected"] = slice_timing_corrected
    return [
        path,
        write_json(_json(path), sidecar),
        reference,
        mask,
        write_json(_json(mask), target.image_sidecar(Type="Brain")),
    ]


def write_run_fit(target: Target, fit: RunFit) -> list[Path]:
    """Write what was estimated from a run: motion, coregistration, reference and mask on the raw grid."""
    motion = target.path(
        "func", "xfm.txt", {"from": "orig", "to": "boldref", "mode": "image", "desc": "hmc"}
    )
    coreg = target.path(
        "func", "xfm.txt", {"from": "boldref", "to": "T1w", "mode": "image", "desc": "coreg"}
    )
    reference = target.path("func", "boldref.nii.gz", {"desc": "hmc"})
    mask = target.path("func", "mask.nii.gz", {"desc": "brain"})
    native = target.image_sidecar(native=target.sources[0], Type="Brain")
    return [
        transforms.write_affines(motion, fit.motion),
        # The file maps T1w points to reference points: that is what moves a boldref image to T1w.
        transforms.write_affines(coreg, fit.t1w_to_reference[None]),
        nifti.write_volume(reference, fit.reference),
        nifti.write_mask(mask, fit.brain),
        write_json(_json(mask), native),
    ]


def write_confounds(target: Target, found: Confounds) -> list[Path]:
    """Write nuisance time courses and what they are."""
    path = target.path("func", "timeseries.tsv", {"desc": "confounds"})
    columns: dict[str, Sequence[object]] = {
        name: column.tolist() for name, column in found.columns.items()
    }
    sidecar = found.about | {"Sources": list(target.sources)}
    return [tables.write_tsv(path, columns), write_json(_json(path), sidecar)]


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
    """

    metadata: dict[str, Any]
    steps: dict[str, Any]
    clock: Clock | None
    n_volumes: int | None
    tr_s: float | None


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
        "EEGChannelCount": len(recording.names),
        "RecordingDuration": recording.duration_s,
        "RecordingType": "continuous",
        "Sources": list(target.sources),
        "VolumeClock": asdict(history.clock) if history.clock else None,
        "NumberOfVolumes": history.n_volumes,
        "VolumeRepetitionTime": history.tr_s,
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


def _json(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz").rsplit(".", 1)[0] + ".json")
