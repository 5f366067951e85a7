"""One person: size, pose, shape, haemodynamics, and where the cap sits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.space import Anatomy, about, invert, rigid
from bids_app.simulate.streams import stream
from bids_app.values import Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, apply_affine

WARP_STEP_MM = 4.0
WARP_SMOOTH_MM = 20.0
WARP_SD_MM = 2.0
WARP_ORIGIN_MM = (-110.0, -146.0, -144.0)
WARP_SHAPE = (56, 66, 67)
BRAIN_CENTRE_MM = np.array([0.0, -18.0, 14.0])
HEAD_CENTRE_MM = np.array([0.0, -16.0, -12.0])
T1W_EXTENT_MM = np.array([232.0, 246.0, 186.0])
TILT_DEG = 14.0
LEAST_HRF_PEAK_S = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One simulated person.

    Attributes
    ----------
    label : str
        Participant label, without ``sub-``.
    anatomy : Anatomy
        From template to T1w.
    t1w_grid : Grid
        Grid of the anatomy: voxel axes run to posterior, inferior and right, oblique.
    hrf_peak_s : float
        When this person's haemodynamic response peaks.
    heart_hz, breath_hz : float
        Mean rates.
    """

    label: str
    anatomy: Anatomy
    t1w_grid: Grid
    hrf_peak_s: float
    heart_hz: float
    breath_hz: float


def age_and_sex(settings: SimulationSettings, label: str) -> tuple[int, str]:
    """Draw what the table of participants says of a person: years, and ``F`` or ``M``."""
    rng = stream(settings.seed, label, "table")
    return int(rng.integers(20, 41)), str(rng.choice(["F", "M"]))


def draw_hrf_peak_s(settings: SimulationSettings, label: str) -> float:
    """Draw when a person's haemodynamic response peaks."""
    difficulty = settings.difficulty
    spread = difficulty.hrf_peak_sd_s * stream(settings.seed, label, "hrf").standard_normal()
    return max(LEAST_HRF_PEAK_S, float(difficulty.hrf_peak_s + spread))


def make_person(settings: SimulationSettings, label: str) -> Person:
    """Draw a person."""
    rng = stream(settings.seed, label, "person")
    warp = _draw_warp(rng)
    anatomy = Anatomy(warp, invert(warp), _draw_affine(rng))
    return Person(
        label=label,
        anatomy=anatomy,
        t1w_grid=_t1w_grid(anatomy, settings.size.t1w_mm, rng),
        hrf_peak_s=draw_hrf_peak_s(settings, label),
        heart_hz=float(rng.normal(1.1, 0.08)),
        breath_hz=float(rng.normal(0.27, 0.02)),
    )


def _draw_warp(rng: np.random.Generator) -> Warp:
    affine = np.diag([WARP_STEP_MM, WARP_STEP_MM, WARP_STEP_MM, 1.0])
    affine[:3, 3] = WARP_ORIGIN_MM
    parts = []
    for _ in range(3):
        part = ndimage.gaussian_filter(
            rng.standard_normal(WARP_SHAPE), WARP_SMOOTH_MM / WARP_STEP_MM, mode="wrap"
        )
        parts.append(part * WARP_SD_MM / part.std())
    # On disk the field has single precision; the people are made from what is on disk.
    field = np.stack(parts, axis=-1).astype(np.float32).astype(np.float64)
    return Warp(Grid(WARP_SHAPE, affine), field)


def _draw_affine(rng: np.random.Generator) -> Floats:
    """Size, shear and pose in the scanner, shape (4, 4)."""
    scale = np.eye(4)
    scale[np.diag_indices(3)] = rng.normal(1.0, 0.04) * rng.normal(1.0, 0.02, 3)
    scale[0, 1], scale[1, 2] = rng.normal(0, 0.015, 2)
    pose = rigid(rng.normal(0, np.deg2rad(4), 3), rng.normal(0, 5, 3))
    affine: Floats = pose @ scale
    return affine


def _t1w_grid(
    anatomy: Anatomy, voxel_mm: tuple[float, float, float], rng: np.random.Generator
) -> Grid:
    posterior_inferior_right = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    oblique = rigid(rng.normal(0, np.deg2rad(3), 3), np.zeros(3))[:3, :3]
    n_p, n_i, n_r = (int(np.ceil(n)) for n in T1W_EXTENT_MM / np.asarray(voxel_mm))
    centre = apply_affine(anatomy.template_to_t1w, HEAD_CENTRE_MM[None])[0] + rng.normal(0, 3, 3)
    return centred_grid(
        (n_p, n_i, n_r), oblique @ posterior_inferior_right * np.asarray(voxel_mm), centre
    )


def centred_grid(shape: tuple[int, int, int], axes_mm: Floats, centre_mm: Floats) -> Grid:
    """Grid around a centre.

    Parameters
    ----------
    shape : tuple of int
        Voxels.
    axes_mm : ndarray of shape (3, 3)
        One column for each voxel axis: its step in RAS millimetres.
    centre_mm : ndarray of shape (3,)
        Middle of the grid.
    """
    affine = np.eye(4)
    affine[:3, :3] = axes_mm
    affine[:3, 3] = centre_mm - axes_mm @ ((np.array(shape) - 1) / 2)
    # The header holds single precision; the grid is what the header says.
    return Grid(shape, affine.astype(np.float32).astype(np.float64))


def bold_pose(settings: SimulationSettings, person: Person, run: str) -> tuple[Grid, Floats]:
    """Grid of one BOLD run, and where the head lies in it.

    Returns
    -------
    Grid
        Voxel axes run to left, anterior and superior, tilted.
    ndarray of shape (4, 4)
        T1w millimetres to the run's reference millimetres.
    """
    rng = stream(settings.seed, person.label, run, "pose")
    brain = apply_affine(person.anatomy.template_to_t1w, BRAIN_CENTRE_MM[None])[0]
    moved = about(brain, rigid(rng.normal(0, np.deg2rad(2), 3), rng.normal(0, 3, 3)))
    tilt = rigid(np.deg2rad([TILT_DEG + rng.normal(0, 1), rng.normal(0, 1), 0.0]), np.zeros(3))[
        :3, :3
    ]
    axes = tilt @ np.diag([-1.0, 1.0, 1.0]) * np.asarray(settings.size.bold_mm)
    centre = apply_affine(moved, brain[None])[0] + rng.normal(0, 1.5, 3)
    return centred_grid(settings.size.bold_shape, axes, centre), moved
