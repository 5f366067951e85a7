"""Accuracy and cost of the built-in fMRI engine on heads whose truth is known.

Run it from the root of the repository: ``python benchmarks/preprocessing.py --volumes 170``. The simulated head is the
template brain in a shell of CSF, skull and scalp, warped, tilted, shaded and noisy; the run moves inside the scanner
and is acquired slice after slice. What is printed is the distance, in millimetres, between where the engine and the
truth put the same points of the brain. The real head is Colin27 of Debian's ``mricron-data``, where that is installed.

``--ants PYTHON`` measures ANTs beside it, with a Python that has antspyx, for example of
``python -m venv ants && ants/bin/pip install "antspyx==0.6.3" "numpy<2.4"``.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from against_ants import compare
from heads import Case, RealHead, make_case, real_head, turned

from bids_app.files.template import load_template
from bids_app.preproc import fmri
from bids_app.preproc.fmri import slice_timing
from bids_app.preproc.fmri.fields import sample, tensor
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Volume, apply_affine
from bids_app.values.template import Template


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print wall and CPU seconds of a block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(
        f"{what:28s} {time.perf_counter() - wall:7.1f} s wall {time.process_time() - cpu:7.1f} s CPU",
        flush=True,
    )


def template_points(case: Case, template: Template) -> tuple[Floats, Floats]:
    """Points of the brain, shape (point, 3), in T1w and in template millimetres."""
    inside = case.tissues["GM"] + case.tissues["WM"] > 0.5
    points = case.t1w.grid.points_mm(np.argwhere(inside)[::37].astype(float))
    straight = apply_affine(case.to_template, points)
    pad = Grid(case.warp_mm.shape[1:], template.grid.affine @ turned((0, 0, 0), (-16, -16, -16)))
    step = sample(tensor(case.warp_mm, "cpu"), tensor(pad.voxels(straight), "cpu")).T.numpy()
    return points, straight + step


def found_points(fit: AnatFit, points_mm: Floats) -> Floats:
    """Where a fit puts template points of shape (point, 3), in T1w millimetres."""
    return apply_affine(fit.template_to_t1w, fmri.displaced(points_mm, fit.warp))


def dice(first: Floats | Bools, second: Floats | Bools) -> float:
    """Overlap of two probabilities of any shape, above one half."""
    a, b = np.asarray(first > 0.5), np.asarray(second > 0.5)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def report_anatomy(case: Case, fit: AnatFit, template: Template) -> None:
    """Print what the anatomy misses."""
    for note in fit.notes:
        print("note:", note)
    points, there = template_points(case, template)
    away = np.linalg.norm(found_points(fit, there) - points, axis=1)
    print(
        f"T1w to template mm: mean {away.mean():.3f} p95 {np.percentile(away, 95):.3f} max {away.max():.2f}"
    )
    print(
        "tissue Dice:",
        {name: round(dice(fit.tissues[name], case.tissues[name]), 3) for name in fit.tissues},
    )
    matter = case.tissues["GM"] + case.tissues["WM"]
    print(
        f"brain mask: Dice {dice(fit.brain.inside, matter + case.tissues['CSF']):.3f}, "
        f"grey and white lost {((matter > 0.5) & ~fit.brain.inside).sum() / (matter > 0.5).sum():.4f}"
    )


def report_overlap(
    fit: AnatFit, tissues: dict[str, Floats] | dict[str, Bools], template: Template
) -> None:
    """Print how well true tissues, brought to the template, overlap with the template's."""
    found = {
        name: dice(fmri.to_template(tissues[name] * np.float32(1), fit, template.grid), known)
        for name, known in (("GM", template.gm), ("WM", template.wm))
    }
    print("tissues on the template, Dice:", {name: round(one, 3) for name, one in found.items()})


def report_real(head: RealHead, fit: AnatFit, template: Template) -> None:
    """Print what the anatomy of the real head misses."""
    print(
        "real head, tissue Dice:",
        {name: round(dice(fit.tissues[name], head.tissues[name]), 3) for name in head.tissues},
        f"brain mask {dice(fit.brain.inside, head.brain):.3f}",
    )
    report_overlap(fit, head.tissues, template)


def aligned(case: Case, fit: fmri.RunFit) -> Floats:
    """Map of shape (4, 4) from the reference's pose, which is free, to the true one."""
    return np.asarray(np.median(np.linalg.inv(case.motion) @ fit.motion, axis=0))


def report_run(case: Case, fit: fmri.RunFit, anat: AnatFit) -> None:
    """Print what the run's estimates miss."""
    for note in fit.notes:
        print("note:", note)
    points = fit.brain.points_mm()[::20]
    offset = aligned(case, fit)
    true = np.stack([apply_affine(motion @ offset, points) for motion in case.motion])
    found = np.stack([apply_affine(motion, points) for motion in fit.motion])
    away = np.linalg.norm(found - true, axis=2)
    print(
        f"motion mm: mean {away.mean():.4f} p95 {np.percentile(away, 95):.4f} max {away.max():.3f}"
    )
    brain = anat.brain.points_mm()[::500]
    place = np.linalg.norm(
        apply_affine(offset @ fit.t1w_to_reference, brain)
        - apply_affine(case.t1w_to_reference, brain),
        axis=1,
    )
    print(f"BOLD to T1w mm: mean {place.mean():.3f} max {place.max():.3f}")


def report_slice_timing() -> None:
    """Print the error of known signals below 0.2 Hz, relative to their spread, with and without correction."""
    rng = np.random.default_rng(0)
    times_s, tr_s = np.argsort(np.r_[0:32:2, 1:32:2]) / 16.0, 2.0
    frequencies, phases = rng.uniform(0.005, 0.2, (2, 200)) * [[1], [10 * np.pi]]

    def signal(when_s: Floats) -> Floats:
        waves = np.sin(2 * np.pi * frequencies * when_s[..., None] + phases)
        return np.asarray(waves.sum(axis=-1))

    volume_s = np.arange(170) * tr_s
    series = signal(volume_s + times_s[:, None]).astype(np.float32)[None, None]
    bold = BoldSeries(series, Grid((1, 1, 32), np.eye(4)), tr_s, times_s)
    middle = slice_timing.middle_s(times_s)
    truth = signal(volume_s + middle)
    moved = next(slice_timing.blocks(bold, times_s, middle, 0))[1]
    after, before = (np.sqrt(np.mean((one - truth) ** 2)) / truth.std() for one in (moved, series))
    print(f"slice timing, relative error below 0.2 Hz: {after:.3f} (uncorrected {before:.3f})")


def measure_anatomy(case: Case, template: Template, chosen: argparse.Namespace) -> AnatFit:
    """Fit and judge the anatomy, once more with one thread, and once more with a wrong header."""
    settings = fmri.AnatSettings(chosen.sloppy, chosen.threads)
    with timed("anatomy"):
        anat = fmri.fit_anatomy(case.t1w, template, settings)
    report_anatomy(case, anat, template)
    report_overlap(anat, case.tissues, template)
    _, there = template_points(case, template)
    if chosen.repeat:
        again = fmri.fit_anatomy(case.t1w, template, replace(settings, n_threads=1))
        apart = np.linalg.norm(found_points(anat, there) - found_points(again, there), axis=1)
        print(f"{chosen.threads} threads against 1: at most {apart.max():.5f} mm apart")
        wrong = turned((0, 30, 0), (0, 0, 0))
        grid = Grid(case.t1w.grid.shape, wrong @ case.t1w.grid.affine)
        tilted = fmri.fit_anatomy(Volume(case.t1w.data, grid), template, settings)
        points = apply_affine(wrong, template_points(case, template)[0])
        away = np.linalg.norm(found_points(tilted, there) - points, axis=1)
        print(f"header 30 degrees wrong, T1w to template mm: mean {away.mean():.3f}")
    return anat


def measure_run(case: Case, anat: AnatFit, template: Template, chosen: argparse.Namespace) -> None:
    """Fit, judge and resample the run."""
    grid = fmri.default_grid()
    with timed("run estimates"):
        fit = fmri.fit_run(case.bold, anat, fmri.RunSettings(chosen.sloppy, chosen.threads))
    report_run(case, fit, anat)
    with timed("resampling"):
        inside = fmri.template_brain(template, grid)
        fmri.resample_bold(case.bold, fit, anat, grid, inside, chosen.threads)
    with timed("confounds"):
        found = fmri.confounds(case.bold, fit, anat, chosen.threads).columns
    for name, planted in case.nuisance.items():
        print(f"{name}: r = {np.corrcoef(found[name], planted)[0, 1]:.3f} with what was planted")
    report_slice_timing()
    if chosen.ants:
        points, there = template_points(case, template)
        asked = {"T1w to template": (there, points), "motion": (fit.brain.points_mm()[::20], None)}
        compare(chosen, case, (anat, fit, aligned(case, fit)), template, asked)


def main() -> None:
    """Simulate, estimate, resample, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--volumes", type=int, default=170)
    parser.add_argument("--header-degrees", type=float, default=0.0, help="of the T1w, wrong")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sloppy", action="store_true")
    parser.add_argument("--repeat", action="store_true", help="also 1 thread, and a wrong header")
    parser.add_argument("--ants", metavar="PYTHON", help="a Python that has antspyx")
    parser.add_argument("--slow", action="store_true", help="also SyN with local correlation")
    chosen = parser.parse_args()
    template = load_template(1)
    head = real_head(chosen.seed)
    if head is None:
        print("real head: mricron-data is not installed, skipped")
    else:
        with timed("real head"):
            settings = fmri.AnatSettings(chosen.sloppy, chosen.threads)
            anat = fmri.fit_anatomy(head.t1w, template, settings)
        report_real(head, anat, template)
    case = make_case(template, chosen.volumes, chosen.header_degrees, chosen.seed)
    measure_run(case, measure_anatomy(case, template, chosen), template, chosen)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
