"""What this process may use: processors, memory and disk, by whoever sets the tightest limit."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

MB = 2**20


def processors(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int:
    """Processors that may be used: those of the SLURM task, of the system's allowance, and of the control group.

    Parameters
    ----------
    environ : mapping
        Environment.
    root : Path
        Where ``proc`` and ``sys`` are.
    """
    slurm = environ.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdecimal() and int(slurm):
        return int(slurm)
    allowed = len(os.sched_getaffinity(0))
    for folder in _groups(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            allowed = min(allowed, math.ceil(int(quota) / int(period)))
        old, span = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if old and span:
            allowed = min(allowed, math.ceil(old / span))
    return max(1, allowed)


def memory_mb(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> int | None:
    """Memory that may be used: what is free, and what SLURM and the control groups leave; None when nothing tells.

    Parameters
    ----------
    environ : mapping
        Environment.
    root : Path
        Where ``proc`` and ``sys`` are.
    """
    found = [*_free(root), *_slurm(environ)]
    for folder in _groups(root, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        # What is held for files only is given back on demand.
        cached = _fields(folder / "memory.stat").get("inactive_file", 0)
        if limit:
            found.append((limit - max(0, (used or 0) - cached)) // MB)
    return max(0, min(found)) if found else None


def disk_mb(folder: Path) -> int:
    """Free space where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free // MB


def _free(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield int(value.split()[0]) // 1024


def _slurm(environ: Mapping[str, str]) -> Iterator[int]:
    per_node = environ.get("SLURM_MEM_PER_NODE", "")
    if per_node.isdecimal() and int(per_node):
        yield int(per_node)
    per_processor = environ.get("SLURM_MEM_PER_CPU", "")
    n_processors = environ.get("SLURM_CPUS_ON_NODE", environ.get("SLURM_CPUS_PER_TASK", "1"))
    if per_processor.isdecimal() and int(per_processor) and n_processors.isdecimal():
        yield int(per_processor) * int(n_processors)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's control group and of those above it, of either version."""
    top = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        folder = top / controller if names else top
        yield folder
        for part in Path(path.lstrip("/")).parts:
            folder /= part
            yield folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    # "max", or a number near the largest there is, stands for no limit.
    return int(text) if text.isdecimal() and 0 < int(text) < 2**60 else None


def _fields(path: Path) -> dict[str, int]:
    pairs = [line.split() for line in _text(path).splitlines()]
    return {name: int(value) for name, value in pairs if value.isdecimal()}
