"""Head motion of one run."""

from __future__ import annotations

import numpy as np

from bids_app.simulate.physiology import Physiology
from bids_app.simulate.space import about, rigid
from bids_app.values import Floats

WANDER_MM, WANDER_DEG = 0.35, 0.3
JITTER_MM, JITTER_DEG = 0.015, 0.012
JUMP_CHANCE = 0.02
JUMP_MM, JUMP_DEG = 0.3, 0.25
BREATH_MM = 0.03
TIME_CONSTANT_S = 60.0


def draw_motion(
    times_s: Floats, centre_mm: Floats, physiology: Physiology, rng: np.random.Generator
) -> Floats:
    """Draw head motion: a slow wander, small jumps, jitter, and nodding with the breath.

    Parameters
    ----------
    times_s : ndarray of shape (time,)
        Middle of each volume.
    centre_mm : ndarray of shape (3,)
        What the head turns about.
    physiology : Physiology
        Breathing.
    rng : numpy.random.Generator
        Where the numbers come from.

    Returns
    -------
    ndarray of shape (time, 4, 4)
        Reference millimetres to the millimetres of each volume.
    """
    turns = _wander(times_s, np.deg2rad([WANDER_DEG, JUMP_DEG, JITTER_DEG]), rng)
    shifts = _wander(times_s, np.array([WANDER_MM, JUMP_MM, JITTER_MM]), rng)
    breath = BREATH_MM * np.sin(physiology.breathing(times_s))
    shifts[:, 1] += breath
    shifts[:, 2] += 2 * breath
    return np.stack([
        about(centre_mm, rigid(turn, shift)) for turn, shift in zip(turns, shifts, strict=True)
    ])


def _wander(times_s: Floats, spreads: Floats, rng: np.random.Generator) -> Floats:
    """Six-parameter motion of shape (time, 3), its median 0."""
    wander, jump, jitter = spreads
    n_times = len(times_s)
    step_s = float(times_s[1] - times_s[0])
    keep = np.exp(-step_s / TIME_CONSTANT_S)
    steps = wander * np.sqrt(1 - keep**2) * rng.standard_normal((n_times, 3))
    steps += jump * rng.standard_normal((n_times, 3)) * (rng.random((n_times, 1)) < JUMP_CHANCE)
    path = np.empty_like(steps)
    state = wander * rng.standard_normal(3)
    for index, step in enumerate(steps):
        state = keep * state + step
        path[index] = state
    path += jitter * rng.standard_normal(path.shape)
    centred: Floats = path - np.median(path, axis=0)
    return centred
