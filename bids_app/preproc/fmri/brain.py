"""Brain masks of T1w and BOLD images."""

from __future__ import annotations

import warnings

import cc3d
import numpy as np
from scipy import ndimage

from bids_app.errors import DataError
from bids_app.preproc.fmri.fields import threads
from bids_app.preproc.fmri.grids import box_around, turn_to_ras
from bids_app.preproc.fmri.splines import HALF
from bids_app.values import Bools, Floats
from bids_app.values.space import Grid, Volume

# A whole head is above 3 litres; the largest adult brains are below 2.
LARGEST_BRAIN_ML = 2200.0
SMALLEST_BRAIN_ML = 500.0
BACKGROUND_FRACTION = 0.3
STRIPPED = "T1w: the input is already skull-stripped"
# How much CSF around grey and white matter belongs to the brain; how far a gap between them is closed, from each side.
RIM_MM = 2.0
GAP_MM = 5.0
# Tissue that hangs together counts from this share of the rest on: a cerebellum may be cut off, the dura is smaller.
LEAST_PART = 0.01


def voxel_ml(volume: Volume) -> float:
    """Volume of one voxel in millilitres."""
    return float(abs(np.linalg.det(volume.grid.affine[:3, :3]))) / 1000


def is_stripped(t1w: Volume) -> bool:
    """Tell whether everything but the brain was set to one value before."""
    data = t1w.data
    background = data == data.min()
    if background.mean() < BACKGROUND_FRACTION:
        return False
    head_ml = ndimage.binary_fill_holes(~background).sum() * voxel_ml(t1w)
    return bool(SMALLEST_BRAIN_ML <= head_ml <= LARGEST_BRAIN_ML)


def t1w_brain(t1w: Volume, n_threads: int, device: str) -> tuple[Bools, tuple[str, ...]]:
    """Find the brain in a T1-weighted image of any orientation.

    Parameters
    ----------
    t1w : Volume
        Raw intensities, of a head or of a stripped brain.
    n_threads : int
        Most threads to use.
    device : str
        Where the network runs.

    Returns
    -------
    ndarray of shape (x, y, z)
        True in the brain.
    tuple of str
        Notes for the report.

    Raises
    ------
    DataError
        When there is no brain.
    """
    if is_stripped(t1w):
        inside = largest(np.asarray(t1w.data != t1w.data.min()))
        return ndimage.binary_fill_holes(inside), (STRIPPED,)
    turn = turn_to_ras(t1w.grid)
    with warnings.catch_warnings(), threads(n_threads):
        warnings.simplefilter("ignore")
        found = _network_mask(np.ascontiguousarray(turn.apply(t1w.data), dtype=np.float32), device)
    inside = np.ascontiguousarray(turn.undo(found))
    brain_ml = float(inside.sum() * voxel_ml(t1w))
    if brain_ml < SMALLEST_BRAIN_ML / 5:
        raise DataError(
            f"T1w: the brain mask holds {brain_ml:.0f} ml; expected 1000 to 2000",
            hint="check that the image is a T1-weighted whole head with the right voxel size",
        )
    if not SMALLEST_BRAIN_ML <= brain_ml <= LARGEST_BRAIN_ML:
        return inside, (f"T1w: the brain mask holds {brain_ml:.0f} ml; expected 1000 to 2000",)
    return inside, ()


def _network_mask(ras: Floats, device: str) -> Bools:
    with warnings.catch_warnings():
        # It says at import which parts of torch are to be replaced.
        warnings.simplefilter("ignore")
        from deepbet import BrainExtraction  # noqa: PLC0415 (slow to load; what is refused or done needs none)

    network = BrainExtraction(no_gpu=device == "cpu")
    try:
        probability: Floats = network.run_model(ras.copy())
    except (AssertionError, ValueError, RuntimeError) as error:
        raise DataError(
            f"T1w: no brain found in an image of {ras.shape} voxels ({error})",
            hint="check that the image is a T1-weighted whole head with the right voxel size",
        ) from error
    inside = np.asarray(probability.round() > 0)
    return np.asarray(ndimage.binary_fill_holes(largest(inside)))


def trimmed(inside: Bools, matter: Floats, grid: Grid) -> Bools:
    """Leave out what lies farther from grey and white matter than a thin rim of CSF.

    Networks that strip skulls keep CSF up to the dura. As in fMRIPrep, where the segmentation has the last word, the
    mask follows the tissue; sulci and ventricles stay inside.

    Parameters
    ----------
    inside : ndarray of shape (x, y, z)
        Brain and the CSF around it.
    matter : ndarray of shape (x, y, z)
        Probability of grey or white matter.
    grid : Grid
        Of both.

    Returns
    -------
    ndarray of shape (x, y, z)
        Part of ``inside``.
    """
    zooms_mm = grid.zooms_mm
    reach = tuple(int(np.ceil((RIM_MM + GAP_MM) / zoom)) + 1 for zoom in zooms_mm)
    box = box_around(inside, (0, 0, 0))
    core = np.pad(largest(matter[box] > HALF, LEAST_PART), [(size, size) for size in reach])
    if not core.any():
        return inside
    grown = ndimage.distance_transform_edt(~core, sampling=zooms_mm) <= RIM_MM + GAP_MM
    closed = ndimage.distance_transform_edt(grown, sampling=zooms_mm) > GAP_MM
    inner = tuple(slice(size, -size) for size in reach)
    found = np.zeros_like(inside)
    found[box] = ndimage.binary_fill_holes(closed)[inner] & inside[box]
    return found


def largest(inside: Bools, least: float = 1.0) -> Bools:
    """Keep the largest connected part of a mask of shape (x, y, z), and others of at least a share of its size."""
    labels = cc3d.connected_components(inside.astype(np.uint8), connectivity=6)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= least * sizes.max())[labels] & inside)


def bold_brain(reference: Volume) -> Bools:
    """Find the brain in a BOLD reference by its intensity alone.

    Parameters
    ----------
    reference : Volume
        Mean or median of a run.

    Returns
    -------
    ndarray of shape (x, y, z)
        True in the brain; scalp and eyes may touch it.

    Raises
    ------
    DataError
        When the image has no bright region.
    """
    data = np.asarray(reference.data, dtype=np.float32)
    ceiling = np.percentile(data, 99.5)
    if not ceiling > 0:
        raise DataError(
            f"BOLD: the reference image has no signal (99.5th percentile {ceiling:g})",
            hint="check that the file holds a BOLD series and is not empty",
        )
    bright = np.minimum(data, ceiling) > otsu(np.minimum(data, ceiling)) * 0.8
    ball = _ball(5.0, reference)
    # The frame of zeros keeps a brain that the field of view cuts from being eroded at the cut.
    padded = np.pad(bright, [(size // 2,) * 2 for size in ball.shape], mode="edge")
    opened = largest(ndimage.binary_erosion(padded, ball))
    grown = ndimage.binary_dilation(opened, ball) & padded
    closed = ndimage.binary_closing(grown, ball)
    filled = np.asarray(ndimage.binary_fill_holes(closed | grown))
    inner = tuple(
        slice(size // 2, size // 2 + n) for size, n in zip(ball.shape, data.shape, strict=True)
    )
    found = filled[inner]
    return found if found.any() else bright


def otsu(values: Floats) -> float:
    """Threshold that parts values, of any shape, into two groups with least variance within."""
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    total = np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (total / below - (total[-1] - total) / above) ** 2
    return float(centres[np.nanargmax(between)])


def _ball(radius_mm: float, volume: Volume) -> Bools:
    zooms = volume.grid.zooms_mm
    reach = [int(radius_mm // zoom) for zoom in zooms]
    axes = np.ogrid[tuple(slice(-size, size + 1) for size in reach)]
    distance = sum((axis * zoom) ** 2 for axis, zoom in zip(axes, zooms, strict=True))
    return np.asarray(distance <= radius_mm**2)
