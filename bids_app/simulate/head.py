"""A head around the template brain, which comes without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bids_app.simulate.settings import HeadKind
from bids_app.values import Bools, Floats, Ints
from bids_app.values.space import Grid, Volume
from bids_app.values.template import Template

LOWEST_Z_MM = -132.0
COARSE_MM = 2.0
SHARPNESS = 3.0
AIR, CSF, SKULL, MARROW, FAT, MUSCLE, EYE = range(7)
# outer border of each shell, millimetres from the brain
SHELLS_MM = ((2.5, CSF), (4.5, SKULL), (6.5, MARROW), (8.5, SKULL), (12.5, FAT), (14.0, MUSCLE))
EYES_MM = ((-33.0, 58.0, -38.0), (33.0, 58.0, -38.0))
EYE_RADIUS_MM, ORBIT_RADIUS_MM = 12.0, 17.0


@dataclass(frozen=True, slots=True)
class Contrast:
    """Intensity of each tissue in one kind of image."""

    gm: float
    wm: float
    csf: float
    skull: float
    marrow: float
    fat: float
    muscle: float
    eye: float


T1W = Contrast(gm=680, wm=1000, csf=250, skull=90, marrow=430, fat=900, muscle=480, eye=230)
EPI = Contrast(gm=4000, wm=3200, csf=5200, skull=250, marrow=500, fat=700, muscle=1400, eye=4800)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head in template space.

    Attributes
    ----------
    grid : Grid
        Covers brain, face and neck.
    gm, wm, csf : ndarray of shape (x, y, z)
        Share of each voxel's volume, inside the brain.
    coarse : ndarray of shape (x, y, z)
        Tissue outside the brain, as numbers, on the coarse grid.
    coarse_grid : Grid
        Grid of those.
    """

    grid: Grid
    gm: Floats
    wm: Floats
    csf: Floats
    coarse: Ints
    coarse_grid: Grid

    def image(self, contrast: Contrast) -> Volume:
        """Image of one contrast, without noise."""
        table = np.array(
            [
                0,
                contrast.csf,
                contrast.skull,
                contrast.marrow,
                contrast.fat,
                contrast.muscle,
                contrast.eye,
            ],
            dtype=np.float32,
        )
        outside = ndimage.gaussian_filter(table[self.coarse], 0.6)
        brain = self.gm + self.wm + self.csf
        data = _refined(outside, self.coarse_grid, self.grid) * (1 - brain)
        data += contrast.gm * self.gm + contrast.wm * self.wm + contrast.csf * self.csf
        return Volume(data, self.grid)


def make_head(template: Template, kind: HeadKind) -> Head:
    """Add cerebrospinal fluid, skull, scalp, eyes and neck to a template brain.

    Parameters
    ----------
    template : Template
        Tissue maps of the brain.
    kind : {'whole', 'defaced', 'stripped'}
        Defaced lacks face and eyes; stripped is the brain alone.
    """
    grid, n_below = _deeper(template.grid)
    gm, wm, csf = (
        np.pad(tissue, ((0, 0), (0, 0), (n_below, 0))) for tissue in _sharp_tissues(template)
    )
    coarse_grid = _coarse(grid)
    inside = gm + wm + csf > 0.5  # noqa: PLR2004 (half)
    coarse = _tissues_outside(_sampled(inside, grid, coarse_grid), coarse_grid, kind)
    return Head(grid, gm, wm, csf, coarse, coarse_grid)


def _deeper(grid: Grid) -> tuple[Grid, int]:
    """Lengthen a grid downwards, to hold the neck."""
    step_mm = float(grid.affine[2, 2])
    n_below = int(np.ceil((grid.affine[2, 3] - LOWEST_Z_MM) / step_mm))
    affine = grid.affine.copy()
    affine[2, 3] -= n_below * step_mm
    return Grid((grid.shape[0], grid.shape[1], grid.shape[2] + n_below), affine), n_below


def _sharp_tissues(template: Template) -> tuple[Floats, Floats, Floats]:
    # Group-average probabilities are blurred; one person's borders are not.
    brain = template.brain.inside
    raw = np.stack([template.gm, template.wm, np.clip(1 - template.gm - template.wm, 0, 1)])
    sharp = raw.astype(np.float32) ** SHARPNESS
    sharp *= brain / np.maximum(sharp.sum(axis=0), 1e-6)
    return sharp[0], sharp[1], sharp[2]


def _coarse(grid: Grid) -> Grid:
    step_mm = max(COARSE_MM, float(grid.zooms_mm[0]))
    extent_mm = (np.array(grid.shape) - 1) * grid.zooms_mm
    n_x, n_y, n_z = (int(np.ceil(length / step_mm)) + 1 for length in extent_mm)
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, 3] = grid.affine[:3, 3]
    return Grid((n_x, n_y, n_z), affine)


def _sampled(inside: Bools, grid: Grid, coarse_grid: Grid) -> Bools:
    step = coarse_grid.zooms_mm / grid.zooms_mm
    index = [
        np.minimum(np.round(np.arange(n) * factor).astype(int), limit - 1)
        for n, factor, limit in zip(coarse_grid.shape, step, grid.shape, strict=True)
    ]
    taken: Bools = inside[np.ix_(*index)]
    return taken


def _refined(coarse: Floats, coarse_grid: Grid, grid: Grid) -> Floats:
    step = grid.zooms_mm / coarse_grid.zooms_mm
    fine: Floats = ndimage.affine_transform(
        coarse, step, output_shape=grid.shape, order=1, mode="nearest"
    )
    return fine


def _tissues_outside(brain: Bools, grid: Grid, kind: HeadKind) -> Ints:
    """Number the tissue of each coarse voxel outside the brain."""
    tissue: Ints = np.full(grid.shape, AIR, dtype=np.uint8)
    brain = ndimage.binary_closing(np.pad(brain, 8), iterations=6)[8:-8, 8:-8, 8:-8]
    distance = ndimage.distance_transform_edt(~brain) * grid.zooms_mm[0]
    if kind == "stripped":
        tissue[distance <= SHELLS_MM[0][0]] = CSF
        return tissue
    x, y, z = _coordinates(grid)
    _add_neck_and_face(tissue, x, y, z)
    inner = 0.0
    for outer, number in SHELLS_MM:
        tissue[(distance > inner) & (distance <= outer)] = number
        inner = outer
    for centre in EYES_MM:
        from_centre = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
        tissue[(from_centre <= ORBIT_RADIUS_MM) & (distance > SHELLS_MM[3][0])] = FAT
        tissue[(from_centre <= EYE_RADIUS_MM) & (distance > SHELLS_MM[3][0])] = EYE
    tissue[distance <= SHELLS_MM[0][0]] = CSF
    if kind == "defaced":
        tissue[(y + 0.6 * z > 25.0) & (z < -22.0) & (distance > SHELLS_MM[0][0])] = AIR  # noqa: PLR2004 (mm)
    return tissue


def _coordinates(grid: Grid) -> tuple[Floats, Floats, Floats]:
    steps = [
        np.arange(n) * grid.affine[axis, axis] + grid.affine[axis, 3]
        for axis, n in enumerate(grid.shape)
    ]
    x, y, z = np.meshgrid(*steps, indexing="ij", sparse=True)
    return x, y, z


def _add_neck_and_face(tissue: Ints, x: Floats, y: Floats, z: Floats) -> None:
    """Fill in neck, spine, face and airway, each a simple body; the shells around the brain come on top."""
    neck = (x / 56) ** 2 + ((y + 38) / 60) ** 2
    face = (x / 62) ** 2 + ((y - 28) / 62) ** 2 + ((z + 62) / 58) ** 2
    nose = (x / 14) ** 2 + ((y - 88) / 14) ** 2 + ((z + 55) / 22) ** 2
    low = z < -30  # noqa: PLR2004 (mm)
    for skin, number in ((1.0, FAT), (0.86, MUSCLE)):
        tissue[((neck < skin) & low) | (face < skin) | (nose < skin)] = number
    spine = (x / 17) ** 2 + ((y + 50) / 17) ** 2
    cord = (x / 7) ** 2 + ((y + 50) / 7) ** 2
    tissue[(spine < 1) & (z < -75)] = MARROW  # noqa: PLR2004 (mm)
    tissue[(cord < 1) & (z < -70)] = CSF  # noqa: PLR2004 (mm)
    airway = (x / 13) ** 2 + ((y - 45) / 34) ** 2 + ((z + 62) / 24) ** 2
    throat = (x / 9) ** 2 + ((y + 8) / 9) ** 2
    tissue[(airway < 1) | ((throat < 1) & (z < -70))] = AIR  # noqa: PLR2004 (mm)
