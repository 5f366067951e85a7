"""Targets with confounds regressed out, as memory maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.config import RunConfig
from bids_app.derivatives import provenance
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import DataError, MissingInputError
from bids_app.files import tables
from bids_app.files.whole import whole
from bids_app.pipeline import prepare
from bids_app.preproc.fmri.denoise import STRATEGIES, Nuisance, denoised, nuisance
from bids_app.values import Floats, Ints
from bids_app.values.samples import Samples, Split
from bids_app.values.space import Mask


def target_rows(
    run: PreprocessedRun, mask: Mask, config: RunConfig, fit_on: Ints | None = None
) -> Floats:
    """Smoothed BOLD in a mask, without what ``--denoise`` takes out, as a memory map.

    Parameters
    ----------
    run : PreprocessedRun
        Which run; only its own confounds are used.
    mask : Mask
        Voxels.
    config : RunConfig
        The call.
    fit_on : ndarray of shape (volume,), optional
        Volumes that coefficients are fitted on: those for training, in a run that is split. By default all.

    Returns
    -------
    ndarray of shape (time, voxel)
        Intensities, float32.

    Raises
    ------
    MissingInputError
        When the run has no confounds.
    DataError
        When it lacks some, or has too few volumes.
    """
    rows = prepare.smoothed_rows(run, mask, config)
    if config.denoise == "none":
        return rows
    volumes = np.arange(len(rows)) if fit_on is None else fit_on
    assert run.bold is not None
    assert run.mask is not None
    decides = [mask.sha256, config.smoothing_fwhm_mm, config.denoise, volumes]
    key = provenance.key("denoised", [run.bold, run.mask, *inputs(run, config)], decides)
    path = config.work_dir / "prepared" / f"{run.name}_denoised_{key[:16]}.npy"
    if not path.is_file():
        clean = denoised(rows, _nuisance(run, config), volumes, run.name)
        with whole(path) as partial, partial.open("wb") as opened:
            np.save(opened, clean)
    found: Floats = np.load(path, mmap_mode="r")
    return found


def inputs(run: PreprocessedRun, config: RunConfig) -> list[Path]:
    """Files that denoising reads beside the BOLD.

    Raises
    ------
    MissingInputError
        When they are not there.
    """
    if config.denoise == "none":
        return []
    assert run.bold is not None
    path = run.bold.with_name(f"{run.name}_desc-confounds_timeseries.tsv")
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such file; --denoise {config.denoise} needs the run's confounds",
            hint="fMRIPrep's confounds lie beside its BOLD; without them use --denoise none",
        )
    return [path]


def _nuisance(run: PreprocessedRun, config: RunConfig) -> Nuisance:
    (path,) = inputs(run, config)
    columns = {
        name: np.asarray([tables.number(cell) for cell in column])
        for name, column in tables.read_tsv(path).items()
    }
    return nuisance(columns, config.denoise, str(path))


def pools_time(config: RunConfig) -> bool:
    """Tell whether a confound depends on all volumes of its run, so that the run must not be split."""
    return config.denoise != "none" and STRATEGIES[config.denoise].pools_time


def without_scrubbed(
    splits: Sequence[Split],
    samples: Sequence[Samples],
    runs: dict[str, PreprocessedRun],
    config: RunConfig,
) -> list[Split]:
    """Take volumes that move too much out of training and validation; they are still predicted and scored.

    Raises
    ------
    DataError
        When nothing is left to learn from.
    """
    if config.denoise == "none" or not STRATEGIES[config.denoise].scrubs:
        return list(splits)
    still = {run.run: _nuisance(runs[run.run], config).kept[run.volumes] for run in samples}

    def kept(part: dict[str, Ints]) -> dict[str, Ints]:
        return {name: index[still[name][index]] for name, index in part.items()}

    found = [replace(split, train=kept(split.train), valid=kept(split.valid)) for split in splits]
    for split in found:
        if not any(len(index) for index in split.train.values()):
            raise DataError(
                f"{split.name}: --denoise {config.denoise} leaves no volume to learn from; all move too much",
                hint="look at head motion in the reports; choose --denoise simple, or leave these runs out",
            )
    return found
