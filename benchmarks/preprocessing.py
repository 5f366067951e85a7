"""Accuracy and cost of the built-in fMRI engine on a head whose truth is known.

Run it from the root of the repository: ``python benchmarks/preprocessing.py --volumes 170``. The head is the template
brain in a shell of CSF, skull and scalp, warped, tilted, shaded and noisy; the run moves inside the scanner. What is
printed is the distance, in millimetres, between where the engine and the truth put the same points of the brain.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bids_app.files.template import load_template
from bids_app.preproc import fmri
from bids_app.preproc.fmri.fields import affine_points, lattice, sample, tensor
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Volume, apply_affine
from bids_app.values.template import Template

# Intensities of grey matter, white matter, CSF, skull and scalp.
T1W = (62.0, 92.0, 28.0, 12.0, 105.0)
BOLD = (90.0, 74.0, 115.0, 6.0, 30.0)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A simulated participant and its truth."""

    t1w: Volume
    bold: BoldSeries
    to_template: Floats  # affine, T1w millimetres to template millimetres before the warp
    warp_mm: Floats  # (3, x, y, z) on the template's grid
    t1w_to_reference: Floats
    motion: Floats
    tissues: dict[str, Floats]


def turned(degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> Floats:
    """Build a rigid map of shape (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def random_warp(
    shape: tuple[int, int, int], rng: np.random.Generator, largest_mm: float
) -> Floats:
    """Draw a smooth displacement of shape (3, x, y, z) on a 1 mm grid."""
    small = [int(np.ceil(length / 8)) + 1 for length in shape]
    parts = ndimage.gaussian_filter(rng.standard_normal((3, *small)), (0, 2.2, 2.2, 2.2))
    parts *= largest_mm / np.sqrt((parts**2).sum(axis=0)).max()
    index = np.indices(shape, dtype=np.float32) / 8
    return np.stack([
        ndimage.map_coordinates(part, index, order=1, output=np.float32) for part in parts
    ])


def head_tissues(template: Template) -> Floats:
    """Probabilities of grey, white, CSF, skull, scalp, shape (tissue, x, y, z), with room for a scalp around."""
    pad = [(16, 16), (16, 16), (16, 20)]
    grey, white = (np.pad(part, pad) for part in (template.gm, template.wm))
    brain = np.pad(template.brain.inside, pad)
    # The template's probabilities are means over people; one person's borders are sharper.
    cubes = np.stack([grey, white, np.clip(1 - grey - white, 0, 1)]) ** 3 * brain
    grey, white = (cubes / np.maximum(cubes.sum(axis=0), 1e-6))[:2]
    distance = ndimage.distance_transform_edt(~brain)
    csf = np.where(brain, 1 - grey - white, (distance <= 2) & ~brain)
    skull, scalp = (distance > 2) & (distance <= 8), (distance > 8) & (distance <= 14)
    return np.stack([grey, white, csf, skull, scalp]).astype(np.float32)


def make_case(template: Template, n_volumes: int, header_degrees: float, seed: int) -> Case:
    """Simulate one participant; seeded."""
    rng = np.random.default_rng(seed)
    tissues = head_tissues(template)
    grid = Grid(tissues.shape[1:], template.grid.affine @ turned((0, 0, 0), (-16, -16, -16)))
    warp = random_warp(grid.shape, rng, 8.0)
    scale = np.diag([1 / 1.05, 1 / 0.94, 1 / 1.03, 1.0])
    to_template = scale @ turned((6, -5, 8), (3, -12, 9))
    oblique = turned((4, 9 + header_degrees, -6), (7, 5, -14))
    # Axes run posterior, inferior, right.
    axes = np.array([[0, 0, 1.2, -96], [-0.98, 0, 0, 117], [0, -0.98, 0, 117], [0, 0, 0, 1]])
    t1w_grid = Grid((240, 240, 160), np.linalg.inv(to_template) @ axes)

    def pull(points: torch.Tensor) -> torch.Tensor:
        voxels = affine_points(np.linalg.inv(grid.affine) @ to_template, points)
        voxels = voxels + sample(tensor(warp, "cpu"), voxels).movedim(0, -1)
        return sample(tensor(tissues, "cpu"), voxels)

    parts = pull(affine_points(t1w_grid.affine, lattice(t1w_grid.shape, "cpu"))).numpy()
    image = np.tensordot(np.array(T1W), parts, axes=1).astype(np.float32)
    index = (
        np.indices(image.shape, dtype=np.float32) / np.array(image.shape)[:, None, None, None]
        - 0.5
    )
    image *= 1 + 0.35 * (index[0] * 0.8 - index[1] + index[2] * index[0])
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * 2.5
    image = np.hypot(image + noise[0], noise[1])
    moved = Grid(t1w_grid.shape, oblique @ t1w_grid.affine)
    bold, motion, place = make_run(pull, oblique, n_volumes, rng)
    found = dict(zip(("GM", "WM", "CSF"), parts, strict=False))
    return Case(
        Volume(image, moved),
        bold,
        to_template @ np.linalg.inv(oblique),
        warp,
        place,
        motion,
        found,
    )


def make_run(
    pull: Callable[[torch.Tensor], torch.Tensor],
    oblique: Floats,
    n_volumes: int,
    rng: np.random.Generator,
) -> tuple[BoldSeries, Floats, Floats]:
    """Simulate a moving run; a BOLD voxel is the mean of 2 x 2 x 2 points."""
    axes = np.array([[-3.0, 0, 0, 96], [0, 3.0, 0, -100], [0, 0, 4.0, -62], [0, 0, 0, 1]])
    grid = Grid((64, 64, 32), turned((14, 2, -3), (0, 12, 0)) @ axes)
    place = turned((1.5, -2, 2.5), (3, -2, 3.5)) @ np.linalg.inv(oblique)
    fine = Grid(
        (128, 128, 64),
        grid.affine @ np.diag([0.5, 0.5, 0.5, 1]) @ turned((0, 0, 0), (-0.5, -0.5, -0.5)),
    )
    walk = ndimage.gaussian_filter1d(rng.standard_normal((n_volumes, 6)), 6, axis=0)
    walk += 0.03 * rng.standard_normal((n_volumes, 6))
    walk *= 2 / np.abs(walk).max()
    motion = np.stack([turned(tuple(row[3:]), tuple(row[:3])) for row in walk])
    # The still head once on a finer grid, which is then read along the moving points.
    still = Grid((180, 220, 190), turned((0, 0, 0), (-90.0, -125.0, -90.0)))
    back = np.linalg.inv(oblique) @ np.linalg.inv(place)
    parts = pull(affine_points(back @ still.affine, lattice(still.shape, "cpu")))
    image = torch.einsum("t,txyz->xyz", torch.tensor(BOLD), parts)[None]
    fine_points = lattice(fine.shape, "cpu")
    volumes = np.empty((n_volumes, *grid.shape), dtype=np.float32)
    bias = 1 + 0.2 * np.linspace(-1, 1, 64, dtype=np.float32)[:, None, None]
    for index in range(n_volumes):
        chain = np.linalg.inv(still.affine) @ np.linalg.inv(motion[index]) @ fine.affine
        found = sample(image, affine_points(chain, fine_points))[0].numpy()
        volumes[index] = found.reshape(64, 2, 64, 2, 32, 2).mean(axis=(1, 3, 5)) * bias
    volumes += rng.standard_normal(volumes.shape, dtype=np.float32) * 1.2
    return BoldSeries(np.moveaxis(volumes, 0, -1), grid, 2.0), motion, place


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print wall and CPU seconds of a block."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(
        f"{what:28s} {time.perf_counter() - wall:7.1f} s wall {time.process_time() - cpu:7.1f} s CPU",
        flush=True,
    )


def distances(case: Case, fit: AnatFit, template: Template) -> Floats:
    """Distance, shape (point,), between brain points and where the fit puts them."""
    inside = case.tissues["GM"] + case.tissues["WM"] > 0.5
    points = case.t1w.grid.points_mm(np.argwhere(inside)[::37].astype(float))
    straight = apply_affine(case.to_template, points)
    pad = Grid(case.warp_mm.shape[1:], template.grid.affine @ turned((0, 0, 0), (-16, -16, -16)))
    step = sample(tensor(case.warp_mm, "cpu"), tensor(pad.voxels(straight), "cpu")).T.numpy()
    back = apply_affine(fit.template_to_t1w, fmri.displaced(straight + step, fit.warp))
    return np.asarray(np.linalg.norm(back - points, axis=1))


def dice(first: Floats | Bools, second: Floats | Bools) -> float:
    """Overlap of two probabilities of any shape, above one half."""
    a, b = np.asarray(first > 0.5), np.asarray(second > 0.5)
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def report_anatomy(case: Case, fit: AnatFit, template: Template) -> None:
    """Print what the anatomy misses."""
    for note in fit.notes:
        print("note:", note)
    away = distances(case, fit, template)
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


def report_run(case: Case, fit: fmri.RunFit, anat: AnatFit) -> None:
    """Print what the run's estimates miss."""
    for note in fit.notes:
        print("note:", note)
    points = fit.brain.points_mm()[::20]
    # The reference's own place is free: it is a volume's, so compare relative to the mean displacement.
    true = np.stack([apply_affine(motion, points) for motion in case.motion])
    to_true = np.linalg.inv(case.motion) @ fit.motion
    offset = np.median(to_true, axis=0)
    found = np.stack([
        apply_affine(motion @ np.linalg.inv(offset), points) for motion in fit.motion
    ])
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


def main() -> None:
    """Simulate, estimate, resample, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--volumes", type=int, default=170)
    parser.add_argument(
        "--header-degrees", type=float, default=0.0, help="how wrong the T1w header is"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sloppy", action="store_true")
    chosen = parser.parse_args()
    template = load_template(1)
    case = make_case(template, chosen.volumes, chosen.header_degrees, chosen.seed)
    grid = fmri.default_grid()
    with timed("anatomy"):
        anat = fmri.fit_anatomy(
            case.t1w, template, fmri.AnatSettings(chosen.sloppy, chosen.threads)
        )
    report_anatomy(case, anat, template)
    with timed("run estimates"):
        fit = fmri.fit_run(case.bold, anat, fmri.RunSettings(chosen.sloppy, chosen.threads))
    report_run(case, fit, anat)
    with timed("resampling"):
        fmri.resample_bold(
            case.bold, fit, anat, grid, fmri.template_brain(template, grid), chosen.threads
        )
    with timed("confounds"):
        fmri.confounds(case.bold, fit, anat, chosen.threads)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
