"""A computer that fails: full disks, read-only folders, folders of somebody else, devices with errors."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.harness import QUICK, limit_file_size, run, tree_of

NOBODY = 65534
SMALL_MB = 3


@dataclass(frozen=True)
class Result:
    """How a trial went.

    Attributes
    ----------
    good : bool
        True when the app behaved.
    told : str
        What it did.
    skipped : bool
        True when the trial could not be made here.
    """

    good: bool
    told: str
    skipped: bool = False


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[bool]:
    """Mount a small file system in memory; False where this user may not."""
    folder.mkdir(parents=True, exist_ok=True)
    call = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    able = shutil.which("mount") is not None
    able = able and subprocess.run(call, capture_output=True, check=False).returncode == 0
    try:
        yield able
    finally:
        if able:
            subprocess.run(["umount", str(folder)], check=True)


def full_disk(folder: Path, data: Path, out: Path) -> Result:
    """The output lies on a disk that is smaller than what is to be written."""
    with mounted(folder / "small", f"size={SMALL_MB}m") as able:
        if not able:
            return Result(good=False, told="not tried: mounting is not allowed here", skipped=True)
        before = tree_of(data)
        ended = run(data, folder / "small/out", "participant", *QUICK, "--overwrite")
        good = ended.code == 73 and "MB are free" in ended.said and tree_of(data) == before
        return Result(good, f"exit code {ended.code} before any work")


def file_limit(folder: Path, data: Path, out: Path) -> Result:
    """No file may grow beyond 100 kB: writes fail half way, as when the disk fills up during the run."""
    copied = _copy(folder, out)
    shutil.rmtree(copied / "work")
    before = tree_of(data)
    call = ("participant", *QUICK, "--run", "1", "--overwrite")
    ended = run(data, copied, *call, preexec_fn=partial(limit_file_size, 100_000))
    whole = not list(copied.rglob(".partial-*")) and tree_of(data) == before
    good = ended.code in {73, 74} and "cannot be written" in ended.said and whole
    return Result(good, f"exit code {ended.code}, nothing half written")


def read_only(folder: Path, data: Path, out: Path) -> Result:
    """The output is mounted read-only."""
    with mounted(folder / "fixed", "size=1m,ro") as able:
        if not able:
            return Result(good=False, told="not tried: mounting is not allowed here", skipped=True)
        ended = run(data, folder / "fixed", "participant", *QUICK)
        return Result(
            ended.code == 73 and "Read-only file system" in ended.said, f"exit code {ended.code}"
        )


def no_permission(folder: Path, data: Path, out: Path) -> Result:
    """The output folder belongs to somebody else."""
    if os.getuid() != 0:
        return Result(good=False, told="not tried: needs root, to be somebody else", skipped=True)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "others"
    target.mkdir(mode=0o700)
    try:
        ended = run(
            data, target / "out", "participant", *QUICK, preexec_fn=partial(os.setuid, NOBODY)
        )
    except PermissionError:
        told = "not tried: nobody else may run this Python, which lies in somebody's home"
        return Result(good=False, told=told, skipped=True)
    # The caller must be able to read the program and the data; what it lacks is the output alone.
    good = ended.code in {66, 73} and "Permission denied" in ended.said
    return Result(good, f"exit code {ended.code}")


def input_error(folder: Path, data: Path, out: Path) -> Result:
    """A device that gives an error on reading: the memory of a process, read where nothing is mapped."""
    copied = folder / "data"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(data, copied)
    image = next(copied.glob("sub-01/func/*run-1_bold.nii.gz"))
    image.unlink()
    image.symlink_to("/proc/self/mem")
    ended = run(copied, _copy(folder, out), "participant", *QUICK, "--run", "1")
    good = ended.code in {66, 74} and "bold.nii.gz" in ended.said and "Traceback" not in ended.said
    return Result(good, f"exit code {ended.code}, the file is named")


def moved_output(folder: Path, data: Path, out: Path) -> Result:
    """A file of the output is truncated after the run: it is made again, the others are not."""
    copied = _copy(folder, out)
    image = next(copied.glob("sub-01/eeg/*run-1*_eeg.eeg"))
    whole = image.read_bytes()
    image.write_bytes(whole[:-100])
    other = next(copied.glob("sub-01/func/*run-1*desc-preproc_bold.nii.gz"))
    before = other.stat().st_mtime_ns
    ended = run(data, copied, "participant", *QUICK)
    good = ended.code == 0 and image.read_bytes() == whole and other.stat().st_mtime_ns == before
    return Result(good, "made again, identical; what was whole was not touched")


def _copy(folder: Path, out: Path) -> Path:
    copied = folder / "out"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(out, copied)
    return copied


TRIALS: dict[str, Callable[[Path, Path, Path], Result]] = {
    f"disk of {SMALL_MB} MB (tmpfs)": full_disk,
    "writes fail half way (file size limit)": file_limit,
    "output read-only (tmpfs)": read_only,
    "output folder of somebody else": no_permission,
    "EIO on reading": input_error,
    "output truncated afterwards": moved_output,
}
