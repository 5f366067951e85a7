"""A SLURM of one node, made of Debian's packages, for as long as a test lasts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """Tell why there can be no SLURM here; empty when there can."""
    if os.getuid() != 0:
        return "needs root, to start slurmctld and slurmd"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    return f"{', '.join(missing)} not installed (Debian: slurm-wlm, munge)" if missing else ""


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start it; give the environment in which sbatch finds it."""
    environ = os.environ | {
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(64))
    (folder / "munge.key").chmod(0o600)
    told = {
        "host": socket.gethostname().split(".")[0],
        "folder": folder,
        "cpus": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20 * 9 // 10,
        "port": free_port(),
        "node_port": free_port(),
    }
    (folder / "slurm.conf").write_text(CONFIG.format(**told))
    munge = [
        "munged",
        "-F",
        "-f",
        f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.socket",
    ]
    munge += [
        f"--pid-file={folder}/munge.pid",
        f"--log-file={folder}/munge.log",
        f"--seed-file={folder}/seed",
    ]
    calls = (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c", "-N", str(told["host"])])
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for call in calls:
            log = (folder / f"{call[0]}.out").open("wb")
            program = str(shutil.which(call[0], path=environ["PATH"]))
            daemons.append(
                subprocess.Popen([program, *call[1:]], env=environ, stdout=log, stderr=log)
            )
            log.close()
            time.sleep(1)
        ready(environ, folder)
        yield environ
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def ready(environ: dict[str, str], folder: Path) -> None:
    """Wait until the node takes jobs."""
    said = ""
    for _ in range(60):
        done = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environ, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
    raise AssertionError(f"the node is {said.strip()}\n{logs}")


def wait(environ: dict[str, str], seconds: float) -> None:
    """Wait until there is no job left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done = subprocess.run(
            ["squeue", "-h"], env=environ, capture_output=True, text=True, check=True
        )
        if not done.stdout.strip():
            return
        time.sleep(1)
    subprocess.run(["scancel", "-u", "root"], env=environ, check=False)
    raise AssertionError(f"jobs are left:\n{done.stdout}")


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])
