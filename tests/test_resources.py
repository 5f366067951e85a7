from __future__ import annotations

import os
from pathlib import Path

import pytest

from bids_app import resources


def system(root: Path, groups: str, **files: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/meminfo").write_text("MemTotal: 99999 kB\nMemAvailable:   8192000 kB\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_limits_what_is_free_counts(tmp_path: Path) -> None:
    assert resources.memory_mb({}, system(tmp_path, "")) == 8000


def test_nothing_is_told_where_nothing_tells(tmp_path: Path) -> None:
    assert resources.memory_mb({}, tmp_path) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SLURM_MEM_PER_NODE": "3000"}, 3000),
        ({"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_ON_NODE": "4"}, 2000),
        ({"SLURM_MEM_PER_CPU": "500", "SLURM_CPUS_PER_TASK": "3"}, 1500),
        ({"SLURM_MEM_PER_NODE": "0"}, 8000),
        ({"SLURM_MEM_PER_NODE": "9000"}, 8000),
    ],
)
def test_the_share_of_the_slurm_job_counts(
    tmp_path: Path, environ: dict[str, str], expected: int
) -> None:
    assert resources.memory_mb(environ, system(tmp_path, "")) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("new", 600), ("outer", 400), ("old", 700), ("none", 8000)]
)
def test_control_groups_of_either_version_count(
    tmp_path: Path, version: str, expected: int
) -> None:
    mb = 2**20
    if version == "old":
        root = system(tmp_path, "4:memory:/job\n", memory__job__x="")
        group = root / "sys/fs/cgroup/memory/job"
        (group / "memory.limit_in_bytes").write_text(str(1000 * mb))
        (group / "memory.usage_in_bytes").write_text(str(400 * mb))
        (group / "memory.stat").write_text(f"cache 1\ninactive_file {100 * mb}\n")
    else:
        root = system(tmp_path, "0::/slice/job\n", slice__job__x="")
        group = root / "sys/fs/cgroup/slice/job"
        limit = "max" if version == "none" else str(1000 * mb)
        (group / "memory.max").write_text(limit)
        (group / "memory.current").write_text(str(400 * mb))
        if version == "outer":
            (group.parent / "memory.max").write_text(str(400 * mb))
    assert resources.memory_mb({}, root) == expected


@pytest.mark.parametrize(
    ("told", "expected"), [("5", 5), ("0", 3), ("", 3), ("5(x2)", 3), ("²", 3)]
)
def test_the_processors_of_the_task_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert resources.processors({"SLURM_CPUS_PER_TASK": told}, tmp_path) == expected


@pytest.mark.parametrize(
    ("groups", "file", "texts", "expected"),
    [
        ("0::/job\n", "job", {"cpu.max": "150000 100000"}, 2),
        ("0::/job\n", "job", {"cpu.max": "max 100000"}, 3),
        (
            "1:cpu,cpuacct:/job\n",
            "cpu/job",
            {"cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"},
            1,
        ),
        (
            "1:cpu:/job\n",
            "cpu/job",
            {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"},
            3,
        ),
    ],
)
def test_the_share_of_the_control_group_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    groups: str,
    file: str,
    texts: dict[str, str],
    expected: int,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    root = system(tmp_path, groups)
    folder = root / "sys/fs/cgroup" / file
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    assert resources.processors({}, root) == expected


def test_free_space_of_a_folder_that_is_not_made_yet(tmp_path: Path) -> None:
    assert resources.disk_mb(tmp_path / "new" / "out") > 0
