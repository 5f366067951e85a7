"""The phantom as fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import ndimage

from bids_app.files.template import load_template
from bids_app.preproc.fmri.fields import threads
from bids_app.values import Bools, Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.estimates import AnatFit
from bids_app.values.space import Grid, Mask, Volume
from bids_app.values.template import Template
from tests.preproc.fmri.phantom import PLACE, Head, motions, turned


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    # Threads that wait for each other cost more than such small images take.
    with threads(1):
        yield


@pytest.fixture(scope="session")
def template() -> Template:
    """The template at 3 mm."""
    fine = load_template(1)

    def thinned(data: Floats) -> Floats:
        return np.asarray(ndimage.uniform_filter(data, 3, output=np.float32)[1::3, 1::3, 1::3])

    brain = thinned(fine.brain.inside.astype(np.float32)) > 0.5
    affine = fine.grid.affine @ np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = fine.grid.affine[:3] @ [1, 1, 1, 1]
    grid = Grid(brain.shape, affine)
    t1 = thinned(fine.t1.data) * brain
    return Template(
        fine.name, Volume(t1, grid), thinned(fine.gm), thinned(fine.wm), Mask(grid, brain)
    )


@pytest.fixture(scope="session")
def head(template: Template) -> Head:
    pad = [(6, 6), (7, 6), (6, 7)]
    grey, white = np.pad(template.gm, pad), np.pad(template.wm, pad)
    brain = np.pad(template.brain.inside, pad)
    cubes = np.stack([grey, white, np.clip(1 - grey - white, 0, 1)]) ** 3 * brain
    inner = cubes / np.maximum(cubes.sum(axis=0), 1e-6)
    distance = ndimage.distance_transform_edt(~brain) * 3
    inner[2] += (distance <= 3) & ~brain
    outer = np.stack([(distance > 3) & (distance <= 9), (distance > 9) & (distance <= 15)])
    affine = template.grid.affine.copy()
    affine[:3, 3] -= 3 * np.array([6, 7, 6])
    tissues = np.concatenate([inner, outer]).astype(np.float32)
    return Head(tissues, Grid(grey.shape, affine))


@pytest.fixture(scope="session")
def anat(head: Head, template: Template) -> AnatFit:
    """The truth of an anatomy whose space is the template's, tilted."""
    tilt = turned((5, -4, 6), (4, -3, 8))
    grid = Grid((58, 70, 60), tilt @ template.grid.affine @ np.diag([1.12, 1.1, 1.05, 1]))
    parts = head.on(grid, np.linalg.inv(tilt))
    image = np.tensordot(np.array([62.0, 92, 28, 12, 105]), parts, axes=1).astype(np.float32)
    inside: Bools = parts[:3].sum(axis=0) > 0.5
    tissues = {name: part * inside for name, part in zip(("GM", "WM", "CSF"), parts, strict=False)}
    return AnatFit(Volume(image, grid), Mask(grid, inside), tissues, tilt, None)


@pytest.fixture(scope="session")
def bold(head: Head, anat: AnatFit) -> BoldSeries:
    """A moving run of the tilted head, in its own place."""
    affine = turned((9, 0, -3), (0, 8, 6)) @ np.diag([-5.0, 5.0, 5.5, 1])
    affine[:3, 3] += affine[:3, :3] @ np.array([-17.5, -21, -12])
    grid = Grid((36, 43, 26), affine)
    volumes = []
    rng = np.random.default_rng(3)
    for motion in motions(14):
        back = np.linalg.inv(anat.template_to_t1w) @ np.linalg.inv(motion @ PLACE)
        fine = Grid(
            (72, 86, 52),
            grid.affine @ np.diag([0.5, 0.5, 0.5, 1]) @ turned((0, 0, 0), (-0.5, -0.5, -0.5)),
        )
        image = np.tensordot(np.array([90.0, 72, 120, 6, 25]), head.on(fine, back), axes=1)
        image = image.reshape(36, 2, 43, 2, 26, 2).mean(axis=(1, 3, 5))
        volumes.append(image + rng.standard_normal(image.shape))
    times = np.linspace(0, 1.9, 26)
    return BoldSeries(np.stack(volumes, axis=3).astype(np.float32), grid, 2.0, times)
