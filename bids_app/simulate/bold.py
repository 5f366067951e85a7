"""BOLD of one run in native space: contrast, network activity, motion, slice timing, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from bids_app.simulate.activity import Activity
from bids_app.simulate.head import EPI
from bids_app.simulate.noise import make_noise_model
from bids_app.simulate.person import Person
from bids_app.simulate.physiology import Physiology
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.shading import shading
from bids_app.simulate.space import render
from bids_app.values import Bools, Floats, Ints
from bids_app.values.space import Grid, Volume

FINER = 2
MARGIN_VOXELS = 3
COUPLED_WEIGHT = 0.5
FAINTEST = 0.02
COIL_FRACTION = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What lies in the scanner, before it moves: images finer than the voxels, averaged over a voxel each.

    Attributes
    ----------
    grid : Grid
        Grid of the BOLD run.
    finer : Grid
        Grid of the images: twice as fine, with a margin.
    base : ndarray of shape (x, y, z)
        Intensity without activity, on the finer grid.
    active : ndarray of shape (network, x, y, z)
        Change of intensity for a fractional change of 1 in each network.
    """

    grid: Grid
    finer: Grid
    base: Floats
    active: Floats

    @property
    def static_base(self) -> Floats:
        """Intensity on the run's own grid, shape (x, y, z), as if nobody moved."""
        return self._static(self.base)

    @property
    def static_weights(self) -> Floats:
        """Fractional change for a change of 1 in each network, shape (network, x, y, z), on the run's own grid."""
        base = np.maximum(self.static_base, FAINTEST * EPI.gm)
        return np.stack([self._static(image) / base for image in self.active])

    def _static(self, image: Floats) -> Floats:
        start = FINER * MARGIN_VOXELS
        kept: Floats = image[
            tuple(slice(start, start + FINER * n, FINER) for n in self.grid.shape)
        ]
        return kept


def make_scene(
    images: tuple[Volume, ...],
    person: Person,
    grid: Grid,
    t1w_to_reference: Floats,
    rng: np.random.Generator,
) -> Scene:
    """Put the person into the scanner.

    Parameters
    ----------
    images : tuple of Volume
        In template space: the BOLD contrast, grey matter, then one region per network.
    person : Person
        Whose anatomy.
    grid : Grid
        Grid of the BOLD run.
    t1w_to_reference : ndarray of shape (4, 4)
        Where the head lies.
    rng : numpy.random.Generator
        For the sensitivity of the coil.
    """
    finer = _finer(grid)
    shown = render(images, person.anatomy, finer, np.linalg.inv(t1w_to_reference))
    shown[2:] *= EPI.gm * shown[1]
    shown *= shading(finer.shape, COIL_FRACTION, rng)
    active = np.stack([_voxel_mean(image) for image in shown[2:]])
    return Scene(grid, finer, _voxel_mean(shown[0]), active)


def _finer(grid: Grid) -> Grid:
    inner = np.eye(4)
    inner[:3, :3] /= FINER
    inner[:3, 3] = -MARGIN_VOXELS
    n_x, n_y, n_z = (FINER * (n + 2 * MARGIN_VOXELS) for n in grid.shape)
    return Grid((n_x, n_y, n_z), grid.affine @ inner)


def _voxel_mean(image: Floats) -> Floats:
    for axis in range(3):
        image = ndimage.convolve1d(image, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    return image


def amplitude(weights: Floats, noise_variance: Floats, share: float) -> float:
    """Fractional change of a network that gives its voxels the wanted share of variance, on average.

    Parameters
    ----------
    weights : ndarray of shape (voxel,)
        Fractional change of each coupled voxel for a change of 1 in its network.
    noise_variance : ndarray of shape (voxel,)
        Variance of everything else, as a fraction of the voxel's own intensity.
    share : float
        Wanted mean of signal variance over all variance.
    """
    if share == 0 or not weights.any():
        return 0.0

    def excess(log_size: float) -> float:
        part = (np.exp(log_size) * weights) ** 2
        return float((part / (part + noise_variance)).mean()) - share

    return float(np.exp(optimize.brentq(excess, np.log(1e-6), np.log(1e3))))


@dataclass(frozen=True, slots=True, eq=False)
class BoldRun:
    """One simulated run.

    Attributes
    ----------
    measured, noise_free : ndarray of shape (x, y, z, time)
        Intensities with and without noise; both with motion and slice timing.
    network_size : float
        Standard deviation of network BOLD, fractional change.
    """

    measured: Floats
    noise_free: Floats
    network_size: float


def acquire(
    settings: SimulationSettings,
    scene: Scene,
    motion: Floats,
    activity: Activity,
    physiology: Physiology,
    rng: np.random.Generator,
) -> BoldRun:
    """Acquire a run.

    Parameters
    ----------
    settings : SimulationSettings
        Times and difficulty.
    scene : Scene
        What lies in the scanner.
    motion : ndarray of shape (time, 4, 4)
        Reference to volume millimetres.
    activity : Activity
        Network BOLD.
    physiology : Physiology
        Heart and breathing.
    rng : numpy.random.Generator
        For the noise.
    """
    slice_s = np.asarray(settings.slice_times_s)
    starts_s = np.arange(settings.size.n_volumes) * settings.tr_s
    noise = make_noise_model(scene.grid, scene.static_base, settings.difficulty.tsnr, rng)
    weights = scene.static_weights.sum(axis=0)
    coupled = weights > COUPLED_WEIGHT * min(1.0, float(weights.max()))
    size = amplitude(weights[coupled], noise.variance[coupled], settings.difficulty.coupled_share)
    times_s = starts_s[:, None] + slice_s
    bold = activity.bold.at(times_s.ravel()).reshape(-1, *times_s.shape)
    noise_free = _moving(scene, motion, size * bold)
    measured = noise.add(noise_free, times_s, physiology, rng)
    return BoldRun(measured, noise_free, size)


def _moving(scene: Scene, motion: Floats, change: Floats) -> Floats:
    """Noise-free volumes of shape (x, y, z, time), given network changes of shape (network, time, slice)."""
    voxels = _inside(scene)
    points = np.column_stack([voxels, np.ones(len(voxels))]).T
    reached = [_reached(image, voxels) for image in scene.active]
    volumes = np.zeros((*scene.grid.shape, len(motion)), dtype=np.float32)
    to_finer = np.linalg.inv(scene.finer.affine)
    for time, pose in enumerate(motion):
        places = (to_finer @ np.linalg.inv(pose) @ scene.grid.affine @ points)[:3]
        values = _linear(scene.base, places)
        for network, rows in enumerate(reached):
            values[rows] += (
                _linear(scene.active[network], places[:, rows])
                * change[network, time, voxels[rows, 2]]
            )
        volumes[voxels[:, 0], voxels[:, 1], voxels[:, 2], time] = values
    return volumes


def _linear(image: Floats, places: Floats) -> Floats:
    values: Floats = ndimage.map_coordinates(
        image, places, order=1, output=np.float32, mode="constant"
    )
    return values


def _inside(scene: Scene) -> Ints:
    inside: Bools = ndimage.binary_dilation(scene.static_base > FAINTEST * EPI.gm, iterations=2)
    return np.argwhere(inside)


def _reached(image: Floats, voxels: Ints) -> Ints:
    # What motion may carry into a voxel: everything within the margin.
    near = ndimage.maximum_filter(image, 2 * FINER * 2 + 1)
    start = FINER * MARGIN_VOXELS
    found = near[tuple((start + FINER * voxels).T)] > 0
    return np.flatnonzero(found)
