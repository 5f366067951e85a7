"""Memory and disk that the participants will take, from headers and file sizes, before anything is begun."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app import resources
from bids_app.config import RunConfig
from bids_app.errors import AppError, CannotCreateError, TemporaryError
from bids_app.files import eeg, nifti

log = logging.getLogger(__name__)

MB = 2**20
FLOAT32 = 4
# Peak of a participant whose images are next to nothing: libraries, and the network that finds the brain.
LEAST_MB = 1500
# The same of a process that preprocesses runs alone: libraries, and the anatomy that was found before.
LEAST_OF_RUN_MB = 800
# Copies of a run that are in memory at once at the worst moment: as read, resampled, and one more of each.
BOLD_COPIES = 2
EEG_COPIES = 3
# Samples of 16 bits on disk become 64 bits.
EEG_GROWTH = 4
# Field of view of the output grid, whatever its resolution.
GRID_MM3 = 197 * 233 * 189


@dataclass(frozen=True, slots=True)
class Needs:
    """What one participant takes.

    Attributes
    ----------
    memory_mb : int
        At the peak.
    disk_mb : int
        Of the output and the work folder, together; an upper bound, as images are compressed.
    """

    memory_mb: int
    disk_mb: int


def of(label: str, config: RunConfig) -> Needs:
    """Estimate what a participant takes.

    Parameters
    ----------
    label : str
        Without ``sub-``.
    config : RunConfig
        The call.
    """
    runs = [_bold_bytes(shape, config) for shape in _shapes(label, config)]
    recordings = [path.stat().st_size * EEG_GROWTH for path in _recordings(label, config)]
    # Preprocessed, synthesized, and the rows that the model learns.
    kept = sum(after for _, after in runs) * (2 + len(config.architectures)) + sum(recordings)
    return Needs(LEAST_MB + _largest_mb(runs, recordings), kept // MB)


def run_mb(label: str, config: RunConfig) -> int:
    """Memory of a process that preprocesses one run of a participant, in megabytes, the largest run's."""
    runs = [_bold_bytes(shape, config) for shape in _shapes(label, config)]
    recordings = [path.stat().st_size * EEG_GROWTH for path in _recordings(label, config)]
    return LEAST_OF_RUN_MB + _largest_mb(runs, recordings)


def _largest_mb(runs: Sequence[tuple[int, int]], recordings: Sequence[int]) -> int:
    largest = max((before + after for before, after in runs), default=0) * BOLD_COPIES
    return max(largest, max(recordings, default=0) * EEG_COPIES) // MB


def check(labels: Sequence[str], config: RunConfig) -> int:
    """See that there is room for the participants.

    Parameters
    ----------
    labels : sequence of str
        Those that will be worked on.
    config : RunConfig
        The call.

    Returns
    -------
    int
        Memory of the largest one, in megabytes.

    Raises
    ------
    CannotCreateError
        When the disk has less free space than the output will take.
    TemporaryError
        When one participant takes more than ``--mem-mb``.
    """
    needs = {label: of(label, config) for label in labels}
    disk_mb = sum(need.disk_mb for need in needs.values())
    for folder in (config.output_dir, config.work_dir):
        free_mb = resources.disk_mb(folder)
        if free_mb < min(disk_mb, max(need.disk_mb for need in needs.values())):
            raise CannotCreateError(
                f"{folder}: {free_mb} MB are free; {len(needs)} participants take up to {disk_mb} MB",
                hint="free some space, or choose other folders for the output and for --work-dir",
            )
        if free_mb < disk_mb:
            log.warning(
                "%s: %d MB are free; all participants may take %d MB", folder, free_mb, disk_mb
            )
    label, most = max(needs.items(), key=lambda item: item[1].memory_mb)
    _check_memory(label, most.memory_mb, config)
    return most.memory_mb


def _check_memory(label: str, needed_mb: int, config: RunConfig) -> None:
    log.debug("sub-%s takes most: about %d MB", label, needed_mb)
    if config.mem_mb is not None and needed_mb > config.mem_mb:
        raise TemporaryError(
            f"sub-{label}: takes about {needed_mb} MB; --mem-mb is {config.mem_mb}",
            hint="allow more, or choose coarser voxels with --resolution, or fewer runs with --run",
        )
    free_mb = resources.memory_mb()
    if free_mb is not None and needed_mb > free_mb:
        log.warning("sub-%s takes about %d MB; %d MB may be used", label, needed_mb, free_mb)


def _bold_bytes(shape: tuple[int, ...], config: RunConfig) -> tuple[int, int]:
    n_volumes = shape[3] if len(shape) > 3 else 1  # noqa: PLR2004 (x, y, z, time)
    n_voxels = math.ceil(GRID_MM3 / config.resolution_mm**3)
    return math.prod(shape) * FLOAT32, n_voxels * n_volumes * FLOAT32


def _shapes(label: str, config: RunConfig) -> Iterator[tuple[int, ...]]:
    """Shapes of BOLD series; of one whose header cannot be believed its run will tell."""
    for root in (config.bids_dir, *config.derivatives.values()):
        for path in _below(root / f"sub-{label}", "func/*_bold.nii*"):
            try:
                yield nifti.series_shape(path)
            except AppError:
                continue


def _recordings(label: str, config: RunConfig) -> Iterator[Path]:
    for path in _below(config.bids_dir / f"sub-{label}", "eeg/*_eeg.*"):
        if path.suffix.lower() in {*eeg.SUFFIXES, ".eeg", ".fdt"} and path.is_file():
            yield path


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    yield from folder.glob(pattern)
    yield from folder.glob(f"ses-*/{pattern}")
