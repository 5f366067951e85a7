"""T1w image of one person, and the tissues behind it."""

from __future__ import annotations

import numpy as np

from bids_app.simulate.head import T1W, Head
from bids_app.simulate.person import Person
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.shading import shading
from bids_app.simulate.space import render
from bids_app.simulate.streams import stream
from bids_app.values import Floats
from bids_app.values.space import Volume


def acquire_t1w(
    settings: SimulationSettings, head: Head, person: Person
) -> tuple[Volume, dict[str, Floats]]:
    """Acquire the anatomy.

    Returns
    -------
    Volume
        T1w image with bias field and noise.
    dict of str to ndarray of shape (x, y, z)
        True share of ``GM``, ``WM`` and ``CSF`` in each voxel.
    """
    grid = person.t1w_grid
    images = [
        head.image(T1W),
        *(Volume(tissue, head.grid) for tissue in (head.gm, head.wm, head.csf)),
    ]
    shown = render(images, person.anatomy, grid, np.eye(4))
    rng = stream(settings.seed, person.label, "t1w")
    clean = shown[0] * shading(grid.shape, settings.difficulty.t1w_bias_fraction, rng)
    spread = np.float32(settings.difficulty.t1w_noise_fraction * T1W.wm)
    noisy = np.hypot(
        clean + spread * rng.standard_normal(grid.shape, dtype=np.float32),
        spread * rng.standard_normal(grid.shape, dtype=np.float32),
    )
    if settings.head != "whole":
        noisy *= clean > 0  # defacing and stripping leave zeros behind
    tissues = {name: shown[index] for index, name in enumerate(("GM", "WM", "CSF"), start=1)}
    return Volume(np.round(noisy), grid), tissues
