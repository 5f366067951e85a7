"""Try the faults, and print the table of ``docs/reliability.md``: ``python -m tests.faults.table [NAME ...]``.

With ``--write`` the rows that were tried take the place of the old ones in the page.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.faults import computer
from tests.faults.corrupted import CASES, DATASET, Case
from tests.faults.harness import (
    QUICK,
    ROOT,
    Ended,
    digests,
    finished,
    run,
    start,
    tree_of,
)

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
LONGEST_S, MOST_MB = 10.0, 1024
N_KILLS, N_JOBS = 25, 8
Row = tuple[str, str, int, int, str]


def one_corrupted(case: Case, folder: Path, base: Path) -> tuple[Ended, list[str]]:
    """Try one wrong input; give how it ended and what is wrong with that."""
    data, out = finished(base)
    place = folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(data, place / "data", symlinks=True)
    shutil.copytree(out, place / "out", symlinks=True)
    case.spoil(place / "data")
    before = tree_of(place / "data")
    words = [word.replace(DATASET, str(place / "data")) for word in case.words]
    only = ("--participant-label", "01", "--run", "1", *words)
    ended = run(place / "data", place / "out", "participant", *only, *QUICK, timeout_s=300)
    wrong = [] if ended.code == case.code else [f"exit code {ended.code}, not {case.code}"]
    wrong += [] if case.says in ended.said else [f"does not say {case.says!r}"]
    wrong += ["a traceback"] if "Traceback" in ended.said else []
    wrong += ["the dataset was touched"] if tree_of(place / "data") != before else []
    wrong += ["code of the input was run"] if (place / "owned").exists() else []
    # The machine may have other work: what counts is what this process took.
    wrong += [f"{ended.cpu_s:.0f} s"] if ended.cpu_s > LONGEST_S and not case.goes_on else []
    wrong += [f"{ended.peak_mb} MB"] if ended.peak_mb > MOST_MB else []
    return ended, wrong


def corrupted(folder: Path, base: Path) -> Iterator[Row]:
    """Sixty wrong inputs."""
    slowest, largest, bad = 0.0, 0, []
    for name, case in CASES.items():
        ended, wrong = one_corrupted(case, folder, base)
        largest = max(largest, ended.peak_mb)
        slowest = slowest if case.goes_on else max(slowest, ended.cpu_s)
        if wrong:
            bad.append(name)
            print(f"{name}: {'; '.join(wrong)}\n{ended.said}", file=sys.stderr)
    told = (
        f"one message and the right exit code; slowest refusal {slowest:.1f} s of CPU, at most {largest} MB; without a "
        "usable T1w the work goes on"
    )
    yield "input", "60 corrupted inputs", len(CASES), len(CASES) - len(bad), told


def kills(folder: Path, base: Path) -> Iterator[Row]:
    """``kill -9`` at random moments, started again each time; the end is as if nothing had happened.

    Moments are drawn in seconds of CPU time, so that they do not depend on what else the computer does. The anatomy
    takes half of the time of so small a dataset: after a fifth of the kills it is taken as done.
    """
    data, whole = finished(base)
    out = folder / "killed"
    rng = random.Random(1)
    n_killed = 0
    while n_killed < N_KILLS:
        if n_killed == N_KILLS // 5:
            restart(out, whole)
        process = start(data, out, "participant", *QUICK)
        n_killed += killed_after(process, rng.uniform(3.0, 18.0))
        if process.returncode == 0:
            restart(out, whole)
    ended = run(data, out, "participant", *QUICK)
    differ = sorted(set(digests(out).items()) ^ set(digests(whole).items()))
    left = list(out.rglob(".partial-*"))
    good = ended.code == 0 and not differ and not left
    result = (
        "NIfTI, TSV and weights identical, JSON and HTML but for dates; nothing half written left"
    )
    if not good:
        print(ended.said, differ[:8], left[:8], file=sys.stderr)
    yield "process", "kill -9 at a random moment, then resume", N_KILLS, N_KILLS * good, result


def restart(out: Path, whole: Path) -> None:
    """Go back to where the anatomy alone is done."""
    shutil.rmtree(out, ignore_errors=True)
    for name in ("sub-01/anat", "sub-01/figures", "work/stages"):
        shutil.copytree(whole / name, out / name)
    for path in (out / "work/stages").iterdir():
        if "anatomy" not in path.name:
            path.unlink()


def killed_after(process: subprocess.Popen[str], cpu_s: float) -> bool:
    """Kill a process when it has computed so long; False when it ended before."""
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    while process.poll() is None:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        if (int(fields[11]) + int(fields[12])) * tick_s > cpu_s:
            process.kill()
            break
        time.sleep(0.02)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def signals(folder: Path, base: Path) -> Iterator[Row]:
    """Signals that ask to stop."""
    data, whole = finished(base)
    out = folder / "stopped"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        shutil.rmtree(out, ignore_errors=True)
        # Started in the background, this program may have been told to ignore SIGINT.
        heeds = partial(signal.signal, number, signal.SIG_DFL)
        process = start(data, out, "participant", *QUICK, preexec_fn=heeds)
        time.sleep(12)
        process.send_signal(number)
        said, _ = process.communicate(timeout=120)
        good = process.returncode == 128 + number and "goes on from here" in said
        good = good and not list(out.rglob(".partial-*"))
        yield "process", number.name, 1, int(good), f"exit code {process.returncode}, resumable"
    good = run(data, out, "participant", *QUICK).code == 0 and digests(out) == digests(whole)
    yield "process", "resume after a signal", 1, int(good), "identical results"


def jobs(folder: Path, base: Path) -> Iterator[Row]:
    """Jobs on one output folder at once, all on the same participant."""
    data, whole = finished(base)
    out = folder / "shared"
    shutil.rmtree(out, ignore_errors=True)
    started = [start(data, out, "participant", *QUICK) for _ in range(N_JOBS)]
    said = [process.communicate(timeout=1800)[0] for process in started]
    n_good = sum(process.returncode == 0 for process in started)
    same = digests(out) == digests(whole)
    if not same or n_good < N_JOBS:
        print("\n".join(said), file=sys.stderr)
    told = "all end with 0, one result, identical to that of one job"
    yield (
        "process",
        f"{N_JOBS} jobs at once on one participant and folder",
        N_JOBS,
        n_good * same,
        told,
    )


def broken(folder: Path, base: Path) -> Iterator[Row]:
    """System calls that fail."""
    for name, trial in computer.TRIALS.items():
        result = trial(folder / "broken", *finished(base))
        if result.skipped:
            yield "computer", name, 0, 0, result.told
        else:
            yield "computer", name, 1, int(result.good), result.told


PARTS: dict[str, Callable[[Path, Path], Iterator[Row]]] = {
    "corrupted": corrupted,
    "kills": kills,
    "signals": signals,
    "jobs": jobs,
    "computer": broken,
}


def main(words: list[str]) -> int:
    """Try what is named, or all."""
    names = [word for word in words if word != "--write"] or list(PARTS)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(tempfile.gettempdir()) / "eeg2fmri-faults"
        for name in names:
            for row in PARTS[name](Path(folder), base):
                rows.append(row)
                print(line(row), flush=True)
    if "--write" in words:
        write(rows)
    return int(any(well < tries for _, _, tries, well, _ in rows))


def line(row: Row) -> str:
    """Spell a row of the table."""
    return f"| {' | '.join(map(str, row))} |"


def write(rows: list[Row]) -> None:
    """Put rows into the page, in place of those of the same fault."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    old = [text for text in table.strip().splitlines()[2:] if text]
    new = {row[1]: line(row) for row in rows}
    kept = [new.pop(text.split(" | ")[1], text) for text in old]
    head = "| where | fault | tries | well | result |\n|---|---|---|---|---|"
    body = "\n".join([head, *kept, *new.values()])
    PAGE.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
