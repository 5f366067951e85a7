"""fMRIPrep, as a program on this computer or in its own container.

Its options are those that fMRIPrep 20.2 to 25 share (https://fmriprep.org/en/stable/usage.html); ``fmriprep-docker``
takes the same ones, and puts the paths among them into the container.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from bids_app.errors import DeviceError, UsageError

log = logging.getLogger(__name__)

NATIVE, WRAPPER = "fmriprep", "fmriprep-docker"
SPACE = "MNI152NLin2009cAsym:res-2"
"""The template that fMRIPrep's own image holds, so that it needs no network."""
LINES_KEPT = 15


@dataclass(frozen=True, slots=True)
class FmriprepCall:
    """One call of fMRIPrep.

    Attributes
    ----------
    bids_dir, output_dir, work_dir : Path
        Input, where its derivatives go, and its intermediate results.
    labels : tuple of str
        Participants, without ``sub-``.
    license_file : Path or None
        FreeSurfer's licence; without one fMRIPrep looks where ``FS_LICENSE`` says.
    filter_file : Path or None
        JSON of pybids filters.
    n_procs, omp_nthreads : int
        Processors in all, and threads of each of its processes; 1 thread leaves the choice to fMRIPrep.
    mem_mb : int or None
        Memory to stay within.
    random_seed : int
        Its seed.
    n_dummies : int or None
        Volumes at the start to leave out of its estimates; None to let it find them.
    skip_validation, sloppy : bool
        Do not run the BIDS validator; coarse settings, for tests only.
    space : str
        Template of the output and its resolution, as fMRIPrep's ``--output-spaces`` takes them.
    options : tuple of str
        Further words for its command line.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path
    labels: tuple[str, ...]
    license_file: Path | None = None
    filter_file: Path | None = None
    n_procs: int = 1
    omp_nthreads: int = 1
    mem_mb: int | None = None
    random_seed: int = 0
    n_dummies: int | None = None
    skip_validation: bool = False
    sloppy: bool = False
    space: str = SPACE
    options: tuple[str, ...] = ()

    def words(self, program: Path) -> list[str]:
        """Command line, its program first."""
        valued: dict[str, object] = {
            "-w": self.work_dir,
            "--nthreads": self.n_procs,
            "--omp-nthreads": self.omp_nthreads if self.omp_nthreads > 1 else None,
            # This spelling: with it the wrapper does not stop to ask where memory is short.
            "--mem_mb": self.mem_mb,
            "--random-seed": self.random_seed,
            "--dummy-scans": self.n_dummies,
            "--fs-license-file": self.license_file,
            "--bids-filter-file": self.filter_file,
        }
        found = [str(program), str(self.bids_dir), str(self.output_dir), "participant"]
        found += ["--participant-label", *self.labels]
        for name, value in valued.items():
            found += [] if value is None else [name, str(value)]
        found += ["--skip-bids-validation"] * self.skip_validation + ["--sloppy"] * self.sloppy
        if "--output-spaces" not in self.options:
            found += ["--output-spaces", self.space]
        if program.name == WRAPPER:
            found += ["--no-tty", "--user", f"{os.getuid()}:{os.getgid()}"]
        return [*found, "--notrack", *self.options]


def program(container: str | None) -> Path:
    """Find fMRIPrep.

    Parameters
    ----------
    container : str or None
        Kind of the container that this app runs in; None outside of one.

    Raises
    ------
    UsageError
        When it is not installed.
    """
    for name in (NATIVE, WRAPPER):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    if container:
        raise UsageError(
            "--fmri-engine fmriprep: this container has no fMRIPrep, and cannot start another container",
            hint="two steps: 1. docker run --rm -v BIDS:/data:ro -v FMRIPREP:/out -v license.txt:/opt/freesurfer/"
            f"license.txt:ro nipreps/fmriprep /data /out participant --output-spaces {SPACE}   "
            "2. this app with FMRIPREP mounted, and -d fmriprep=/fmriprep",
        )
    raise UsageError(
        f"--fmri-engine fmriprep: neither {NATIVE} nor {WRAPPER} is on the PATH",
        hint='pip install "eeg2fmri[fmriprep]" brings fmriprep-docker, which needs Docker; or run fMRIPrep elsewhere '
        f"with --output-spaces {SPACE}, and give what it wrote with -d fmriprep=PATH",
    )


def run(call: FmriprepCall, program: Path) -> None:
    """Run fMRIPrep, and pass on what it says.

    Parameters
    ----------
    call : FmriprepCall
        What it is asked for.
    program : Path
        From :func:`program`.

    Raises
    ------
    DeviceError
        When it cannot be started, or ends with another exit code than 0.
    """
    words = call.words(program)
    call.output_dir.mkdir(parents=True, exist_ok=True)
    call.work_dir.mkdir(parents=True, exist_ok=True)
    log.info("%s", shlex.join(words))
    last: deque[str] = deque(maxlen=LINES_KEPT)
    try:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as started:
            assert started.stdout is not None
            for line in started.stdout:
                log.info("fmriprep: %s", line.rstrip())
                last.append(line)
    except OSError as error:
        raise DeviceError(
            f"{program}: cannot be started: {error.strerror}", hint="check its installation"
        ) from error
    if started.returncode:
        raise DeviceError(
            f"{program.name} ended with exit code {started.returncode}; its last lines:\n{''.join(last)}".rstrip(),
            hint=f"the same command goes on where fMRIPrep stopped; what is whole in {call.output_dir} can be "
            "used with -d fmriprep=PATH",
        )
