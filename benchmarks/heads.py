"""Heads whose truth is known: a simulated one, and a real one with thresholds for tissues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bids_app.files import nifti
from bids_app.preproc.fmri.fields import affine_points, lattice, sample, tensor
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import Grid, Volume
from bids_app.values.template import Template

# Where Debian's package mricron-data puts a real head (Colin27) and its stripped brain.
COLIN = Path("/usr/share/mricron/templates")
TR_S = 2.0
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
    nuisance: dict[str, Floats]  # planted courses, (time,) each, at the middle of a volume


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
    bold, motion, place, nuisance = make_run(pull, oblique, n_volumes, rng)
    found = dict(zip(("GM", "WM", "CSF"), parts, strict=False))
    return Case(
        Volume(image, moved),
        bold,
        to_template @ np.linalg.inv(oblique),
        warp,
        place,
        motion,
        found,
        nuisance,
    )


def make_run(
    pull: Callable[[torch.Tensor], torch.Tensor],
    oblique: Floats,
    n_volumes: int,
    rng: np.random.Generator,
) -> tuple[BoldSeries, Floats, Floats, dict[str, Floats]]:
    """Simulate a moving run with nuisance in CSF and white matter, slice after slice.

    A BOLD voxel is the mean of 2 x 2 x 2 points.
    """
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
    parts = parts * torch.tensor(BOLD)[:, None, None, None]
    images = torch.stack([parts.sum(dim=0), parts[2] * 0.03, parts[1] * 0.01])
    still_s, courses = nuisance_courses(n_volumes, rng)
    slice_times_s = np.argsort(np.r_[0:32:2, 1:32:2]) * TR_S / 32
    fine_points = lattice(fine.shape, "cpu")
    volumes = np.empty((n_volumes, *grid.shape), dtype=np.float32)
    bias = 1 + 0.2 * np.linspace(-1, 1, 64, dtype=np.float32)[:, None, None]
    for index in range(n_volumes):
        chain = np.linalg.inv(still.affine) @ np.linalg.inv(motion[index]) @ fine.affine
        found = sample(images, affine_points(chain, fine_points)).numpy()
        found = found.reshape(3, 64, 2, 64, 2, 32, 2).mean(axis=(2, 4, 6))
        when_s = index * TR_S + slice_times_s
        waves = [np.interp(when_s, still_s, course).astype(np.float32) for course in courses]
        volumes[index] = (found[0] + found[1] * waves[0] + found[2] * waves[1]) * bias
    volumes += rng.standard_normal(volumes.shape, dtype=np.float32) * 1.2
    middle_s = np.arange(n_volumes) * TR_S + round(slice_times_s.max() / 2, 3)
    truth = {
        name: np.interp(middle_s, still_s, course)
        for name, course in zip(("csf", "white_matter"), courses, strict=True)
    }
    bold = BoldSeries(np.moveaxis(volumes, 0, -1), grid, TR_S, slice_times_s)
    return bold, motion, place, truth


def nuisance_courses(n_volumes: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw two slow courses of unit spread, shape (2, time), and their times in seconds, ten a volume."""
    times_s = np.arange(-10, 10 * n_volumes + 10) * TR_S / 10
    noise = ndimage.gaussian_filter1d(rng.standard_normal((2, len(times_s))), 25, axis=1)
    return times_s, noise / noise.std(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False)
class RealHead:
    """A real T1w image in a planted pose, shaded and noisy, with tissues by thresholds (a silver standard)."""

    t1w: Volume
    brain: Bools
    tissues: dict[str, Bools]


def real_head(seed: int) -> RealHead | None:
    """Read the real head; None where it is not installed.

    Its classes are parted halfway between the peaks of CSF and grey matter in the histogram of the stripped brain, and
    at the valley between the peaks of grey and white matter.
    """
    if not (COLIN / "ch2bet.nii.gz").is_file():
        return None
    head = nifti.read_volume(COLIN / "ch2.nii.gz")
    stripped = nifti.read_volume(COLIN / "ch2bet.nii.gz").data
    counts = np.bincount(stripped[stripped > 0].astype(int), minlength=256).astype(float)
    smooth = ndimage.gaussian_filter1d(counts, 2.5)
    highest = ndimage.maximum_filter1d(smooth, 9)
    peaks = [k for k in range(5, 250) if smooth[k] == highest[k] > 0.02 * smooth.max()]
    csf, grey, white = peaks[0], peaks[-2], peaks[-1]
    low, high = (csf + grey) / 2, grey + np.argmin(smooth[grey:white])
    brain = ndimage.binary_fill_holes(stripped > 0)
    tissues = {
        "GM": brain & (stripped > low) & (stripped <= high),
        "WM": stripped > high,
        "CSF": brain & (stripped <= low),
    }
    rng = np.random.default_rng(seed)
    n_x, n_y, n_z = head.grid.shape
    x, y, z = np.indices(head.grid.shape, dtype=np.float32) / np.array(
        head.grid.shape, dtype=np.float32
    ).reshape(3, 1, 1, 1) - np.float32(0.5)
    noise = rng.standard_normal((2, *head.grid.shape), dtype=np.float32) * 2.5
    image = np.hypot(head.data * (1 + 0.35 * (0.8 * x - y + z * x)) + noise[0], noise[1])
    # Axes run posterior, inferior, right; the data are not interpolated.
    back = np.array([[0, 0, 1, 0], [-1, 0, 0, n_y - 1], [0, -1, 0, n_z - 1], [0, 0, 0, 1.0]])
    pose = turned((4, 9, -6), (7, 5, -14))
    grid = Grid((n_y, n_z, n_x), pose @ head.grid.affine @ back)
    return RealHead(
        Volume(turn(image), grid),
        turn(brain),
        {name: turn(part) for name, part in tissues.items()},
    )


def turn(data: Floats | Bools) -> Floats | Bools:
    """Let axes that run right, anterior, superior run posterior, inferior, right."""
    return np.ascontiguousarray(data.transpose(1, 2, 0)[::-1, ::-1])
