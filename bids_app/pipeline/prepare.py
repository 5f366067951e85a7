"""From derivatives to what a model sees, for one participant or for all.

Only the output folder is read. Smoothed rows are kept in the work folder as memory maps, so that neither a second look
nor a large group costs memory.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app import plugins
from bids_app.config import RunConfig, settings
from bids_app.derivatives import provenance, reuse
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.derivatives.write import POSITIONS
from bids_app.errors import DataError
from bids_app.files import eeg as files
from bids_app.files import nifti
from bids_app.files.sidecar import read_json, write_json
from bids_app.files.whole import whole
from bids_app.learn.parcels import parcels
from bids_app.pipeline.eeg import told_clock
from bids_app.preproc import fmri
from bids_app.samples.targets import fractional_change
from bids_app.samples.windows import Scan, WindowSettings, cut
from bids_app.values import Floats
from bids_app.values.bundle import Accepts, BoldSpec, EegSpec, Targets
from bids_app.values.pairing import Clock
from bids_app.values.samples import Samples
from bids_app.values.space import Mask

log = logging.getLogger(__name__)

TISSUE_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class TargetSettings:
    """What models predict, where that is not voxels, table ``[targets]``.

    Attributes
    ----------
    count : int
        Regions that the mask is divided into, or principal components.
    """

    count: int = 50


def model_mask(runs: Sequence[PreprocessedRun]) -> Mask:
    """Voxels to learn: grey and white matter of these people on average, where every run has brain.

    Parameters
    ----------
    runs : sequence of PreprocessedRun
        Runs with BOLD that a model may learn from.

    Raises
    ------
    DataError
        When the runs are not on one grid, or share no voxel.
    """
    reuse.same_space(list(runs))
    brains = [nifti.read_mask(run.mask) for run in runs if run.mask is not None]
    grid = brains[0].grid
    inside = np.logical_and.reduce([brain.inside for brain in brains])
    people = {run.entities.participant: run for run in runs}
    share = np.zeros(grid.shape, dtype=np.float32)
    for run in people.values():
        share += sum(nifti.read_volume(path).data for path in run.tissues.values())
    inside &= share / len(people) > TISSUE_THRESHOLD
    if not inside.any():
        raise DataError(
            f"{len(runs)} runs share no voxel of grey or white matter",
            hint="look at the registration figures in the participants' reports",
        )
    return Mask(grid, inside)


def smoothed_rows(run: PreprocessedRun, mask: Mask, config: RunConfig) -> Floats:
    """Smoothed BOLD in a mask, as a memory map.

    Returns
    -------
    ndarray of shape (time, voxel)
        Intensities, float32.

    Raises
    ------
    DataError
        When the run is not on the mask's grid.
    """
    assert run.bold is not None
    assert run.mask is not None
    decides = [mask.sha256, config.smoothing_fwhm_mm]
    key = provenance.key("rows", [run.bold, run.mask], decides)
    path = config.work_dir / "prepared" / f"{run.name}_{key[:16]}.npy"
    if not path.is_file():
        series = nifti.read_bold(run.bold, run.metadata)
        if not series.grid.matches(mask.grid):
            raise DataError(
                f"{run.bold}: is on another grid than the model's mask",
                hint="process all participants with the same --resolution",
            )
        brain = nifti.read_mask(run.mask)
        smooth = fmri.smooth(series.volumes, series.grid, config.smoothing_fwhm_mm, brain.inside)
        with whole(path) as partial, partial.open("wb") as opened:
            np.save(opened, np.ascontiguousarray(mask.flatten(smooth), dtype=np.float32))
    rows: Floats = np.load(path, mmap_mode="r")
    return rows


def changed_rows(run: PreprocessedRun, rows: Floats, level: Floats, config: RunConfig) -> Floats:
    """Fractional change from a baseline, as a memory map.

    Parameters
    ----------
    run : PreprocessedRun
        Which run.
    rows : ndarray of shape (time, voxel)
        Its smoothed intensities.
    level : ndarray of shape (voxel,)
        The baseline.
    config : RunConfig
        Where the work folder is.

    Returns
    -------
    ndarray of shape (time, voxel)
        Float32.
    """
    digest = hashlib.sha256(rows.tobytes() + level.tobytes()).hexdigest()
    path = config.work_dir / "prepared" / f"{run.name}_change_{digest[:16]}.npy"
    if not path.is_file():
        with whole(path) as partial, partial.open("wb") as opened:
            np.save(opened, fractional_change(rows, level))
    change: Floats = np.load(path, mmap_mode="r")
    return change


def normalised_rows(run: str, rows: Floats, config: RunConfig) -> Floats:
    """Each voxel's course over a run without its mean and in units of its standard deviation, as a memory map.

    Parameters
    ----------
    run : str
        Name of the run.
    rows : ndarray of shape (time, voxel)
        Its courses.
    config : RunConfig
        Where the work folder is.

    Returns
    -------
    ndarray of shape (time, voxel)
        Float32; 0 where nothing varies.
    """
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    path = config.work_dir / "prepared" / f"{run}_normalised_{digest[:16]}.npy"
    if not path.is_file():
        spread = rows.std(axis=0)
        safe = np.where(spread > 0, spread, 1)
        with whole(path) as partial, partial.open("wb") as opened:
            np.save(
                opened,
                np.where(spread > 0, (rows - rows.mean(axis=0)) / safe, 0).astype(np.float32),
            )
    courses: Floats = np.load(path, mmap_mode="r")
    return courses


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """One run's cleaned EEG.

    Attributes
    ----------
    eeg : ndarray of shape (channel, time)
        Volts.
    channels : tuple of str
        Their names.
    rate_hz : float
        Sampling rate.
    clock : Clock or None
        EEG time on BOLD time.
    positions_m : ndarray of shape (channel, 3)
        Where the electrodes are, in metres; NaN where that is unknown.
    """

    eeg: Floats
    channels: tuple[str, ...]
    rate_hz: float
    clock: Clock | None
    positions_m: Floats

    @property
    def digitised_m(self) -> Floats | None:
        """Positions that names do not tell, shape (channel, 3), NaN for the others; None when there are none."""
        named = [files.standard_position_m(name) is not None for name in self.channels]
        found = np.where(np.array(named)[:, None], np.nan, self.positions_m)
        return found if np.isfinite(found).any() else None


def hear(run: PreprocessedRun) -> Heard:
    """Read a run's cleaned EEG."""
    assert run.eeg is not None
    recording = files.read(run.eeg)
    placed = run.eeg_metadata.get(POSITIONS) or {}
    positions_m = [
        placed.get(name, own)
        for name, own in zip(recording.names, recording.positions_m, strict=True)
    ]
    return Heard(
        recording.volts,
        recording.names,
        recording.rate_hz,
        told_clock(run.eeg_metadata),
        np.array(positions_m, dtype=float),
    )


def hear_mapped(run: PreprocessedRun, config: RunConfig) -> Heard:
    """Read a run's cleaned EEG, so that it lies in a memory map and costs no memory."""
    assert run.eeg is not None
    key = provenance.key(
        "eeg", [run.eeg, run.eeg.with_suffix(".eeg")], run.eeg_metadata.get(POSITIONS)
    )
    folder = config.work_dir / "prepared"
    path, told = (folder / f"{run.name}_eeg_{key[:16]}{suffix}" for suffix in (".npy", ".json"))
    if not (path.is_file() and told.is_file()):
        heard = hear(run)
        with whole(path) as partial, partial.open("wb") as opened:
            np.save(opened, np.ascontiguousarray(heard.eeg, np.float32))
        places = np.where(np.isfinite(heard.positions_m), heard.positions_m, 0).tolist()
        known = np.isfinite(heard.positions_m).all(axis=1).tolist()
        names = {"channels": heard.channels, "rate_hz": heard.rate_hz}
        write_json(told, names | {"positions_m": places, "known": known})
    about = read_json(told)
    positions_m = np.array(about["positions_m"], float)
    positions_m[~np.array(about["known"])] = np.nan
    return Heard(
        np.load(path, mmap_mode="r"),
        tuple(about["channels"]),
        float(about["rate_hz"]),
        told_clock(run.eeg_metadata),
        positions_m,
    )


def samples_of(run: PreprocessedRun, config: RunConfig) -> Samples:
    """EEG windows of one run with BOLD, targets not yet set.

    Raises
    ------
    DataError
        When no volume has a whole window.
    """
    heard = hear_mapped(run, config)
    assert heard.clock is not None
    metadata = run.metadata
    scan = Scan(
        run=run.name,
        participant=run.entities.participant,
        n_volumes=reuse.shape_of(run)[3],
        tr_s=float(metadata["RepetitionTime"]),
        start_time_s=float(metadata.get("StartTime", 0.0)),
        channels=heard.channels,
        positions_m=heard.digitised_m,
    )
    settings = window_settings(config, scan.start_time_s)
    return cut(heard.eeg, heard.rate_hz, heard.clock, scan, settings)


def window_settings(config: RunConfig, start_time_s: float) -> WindowSettings:
    """Length and lag of the EEG windows of volumes that stand for a time within their acquisition.

    In the paper a window ends at the trigger of its volume, whatever time slice timing brought the volume to.
    """
    at_trigger_s = start_time_s if config.preset == "paper" else 0.0
    return WindowSettings(config.window_s, config.window_lag_s + at_trigger_s)


def specifications(
    runs: Sequence[PreprocessedRun], samples: Sequence[Samples], mask: Mask, config: RunConfig
) -> tuple[EegSpec, BoldSpec]:
    """What a model that is trained on these runs eats and gives.

    Raises
    ------
    DataError
        When the runs differ in channels, rate or repetition time.
    """
    first = samples[0]
    loaded = [plugins.load("models", name) for name in config.architectures]
    any_cap = all(getattr(model, "ACCEPTS", Accepts()).channels == "any" for model in loaded)
    for other in samples[1:]:
        same_cap = any_cap or other.channels == first.channels
        if not same_cap or other.rate_hz != first.rate_hz:
            lacking = sorted(set(first.channels) ^ set(other.channels))
            raise DataError(
                f"{other.run}: has {len(other.channels)} channels at {other.rate_hz:g} Hz; {first.run} has "
                f"{len(first.channels)} at {first.rate_hz:g} Hz; not in both: "
                f"{', '.join(lacking) or 'none, but the order'}",
                hint="choose --architecture sources for any cap, or leave channels out with [eeg.channels] leave_out",
            )
    times = {
        (float(run.metadata["RepetitionTime"]), float(run.metadata.get("StartTime", 0)))
        for run in runs
    }
    tr_s, start_time_s = min(times)
    if len({tr for tr, _ in times}) > 1:
        told = ", ".join(f"{tr:g}" for tr, _ in sorted(times))
        raise DataError(
            f"runs have repetition times of {told} s; expected one", hint="choose with --task-id"
        )
    space = reuse.same_space(list(runs))
    eeg = EegSpec(first.channels, first.rate_hz, config.window_s)
    bold = BoldSpec(
        mask=mask,
        space=space.name,
        resolution=space.resolution,
        tr_s=tr_s,
        start_time_s=start_time_s,
        smoothing_mm=config.smoothing_fwhm_mm,
        window_lag_s=window_settings(config, start_time_s).lag_s,
        targets=targets_of(mask, config),
    )
    return eeg, bold


def targets_of(mask: Mask, config: RunConfig) -> Targets:
    """What is predicted of a mask's voxels: each of them, regions of an atlas or of the mask, or components.

    Raises
    ------
    DataError
        When an atlas has no region in the mask.
    """
    asked = settings(TargetSettings, config.table("targets"), "targets")
    if config.targets == "components":
        return Targets("components", asked.count)
    if config.targets == "parcels" and config.atlas is None:
        labels = parcels(mask, asked.count, config.random_seed) + 1
        return Targets("parcels", int(labels.max()), labels)
    if config.targets == "parcels" and config.atlas is not None:
        found = nifti.read_labels(config.atlas, mask)
        names, labels = np.unique(found, return_inverse=True)
        labels = labels + (names[0] != 0)
        if not labels.max():
            raise DataError(
                f"{config.atlas}: has no region in the {mask.n_voxels} voxels of the mask",
                hint="use an atlas in the template of the preprocessed BOLD",
            )
        return Targets("parcels", int(labels.max()), labels.astype(np.int64))
    return Targets()


def trainable(runs: Sequence[PreprocessedRun]) -> list[PreprocessedRun]:
    """Runs that have both BOLD and EEG."""
    return [run for run in runs if run.bold is not None and run.eeg is not None]


def content_hash(run: PreprocessedRun, more: Sequence[Path] = ()) -> str:
    """What a run's data are, whatever they are called: the hash of its preprocessed EEG and BOLD, and of more files."""
    paths = [path for path in (run.bold, run.eeg and run.eeg.with_suffix(".eeg"), *more) if path]
    return provenance.key("content", paths, None)


def eeg_hash(run: PreprocessedRun) -> str:
    """Hash of a run's preprocessed EEG samples: the same recording under another name has the same."""
    assert run.eeg is not None
    return provenance.sha256(run.eeg.with_suffix(".eeg"))
