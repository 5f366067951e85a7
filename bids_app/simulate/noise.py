"""Noise of the BOLD signal: thermal, autocorrelated, drift, heart and breathing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from bids_app.simulate.head import EPI
from bids_app.simulate.physiology import Physiology
from bids_app.values import Floats
from bids_app.values.space import Grid

LOCAL_SD, LOCAL_KEEP = 0.005, 0.45
SHARED_SD, SHARED_KEEP, N_SHARED = 0.006, 0.8, 24
DRIFT_SD, N_DRIFT = 0.005, 3
HEART_SD, BREATH_SD = 0.005, 0.004
SHARED_SMOOTH_MM, SLOW_SMOOTH_MM = 12.0, 30.0


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """Where which noise is how strong.

    Attributes
    ----------
    base : ndarray of shape (x, y, z)
        Intensity.
    thermal : float
        Standard deviation, in units of intensity.
    shared : ndarray of shape (component, x, y, z)
        Fractional maps of autocorrelated noise that neighbours share.
    drift : ndarray of shape (component, x, y, z)
        Fractional maps of slow drift.
    heart, breath : ndarray of shape (2, x, y, z)
        Fractional maps of the cosine and the sine of each phase.
    """

    base: Floats
    thermal: float
    shared: Floats
    drift: Floats
    heart: Floats
    breath: Floats

    @property
    def variance(self) -> Floats:
        """Expected variance over time, shape (x, y, z), as a fraction of the squared intensity."""
        base = np.maximum(self.base, 1e-3 * EPI.gm)
        variance = (self.thermal / base) ** 2 + LOCAL_SD**2
        variance += (self.shared**2).sum(axis=0) + (self.drift**2).sum(axis=0)
        variance += ((self.heart**2).sum(axis=0) + (self.breath**2).sum(axis=0)) / 2
        return np.asarray(variance)

    def add(
        self, noise_free: Floats, times_s: Floats, physiology: Physiology, rng: np.random.Generator
    ) -> Floats:
        """Add noise to a run; the result is a magnitude image.

        Parameters
        ----------
        noise_free : ndarray of shape (x, y, z, time)
            Intensities.
        times_s : ndarray of shape (time, slice)
            When each slice was acquired.
        physiology : Physiology
            Heart and breathing.
        rng : numpy.random.Generator
            Where the numbers come from.

        Returns
        -------
        ndarray of shape (x, y, z, time)
            Intensities, float32.
        """
        n_times = noise_free.shape[3]
        courses = np.concatenate([_shared_courses(n_times, rng), _drift_courses(n_times, rng)])
        maps = np.concatenate([self.shared, self.drift])
        heart, breath = physiology.heart_phase(times_s), physiology.breathing(times_s)
        measured = np.empty(noise_free.shape, dtype=np.float32)
        for index in range(noise_free.shape[2]):
            change = np.tensordot(maps[:, :, :, index], courses, axes=(0, 0))
            for phase, (cosine, sine) in (
                (heart, self.heart[..., index]),
                (breath, self.breath[..., index]),
            ):
                change += cosine[..., None] * np.cos(phase[:, index]) + sine[..., None] * np.sin(
                    phase[:, index]
                )
            change += LOCAL_SD * _autoregressive(change.shape, LOCAL_KEEP, rng)
            real = noise_free[:, :, index] * (1 + change)
            real += self.thermal * rng.standard_normal(real.shape, dtype=np.float32)
            imaginary = self.thermal * rng.standard_normal(real.shape, dtype=np.float32)
            measured[:, :, index] = np.hypot(real, imaginary)
        return measured


def voxel_noise(n_times: int, n_voxels: int, tsnr: float, rng: np.random.Generator) -> Floats:
    """Noise of voxels that lie nowhere, for simulations without images.

    Returns
    -------
    ndarray of shape (time, voxel)
        Fractional change: thermal, autocorrelated, shared and drifting as in a scanned run.
    """
    shared = SHARED_SD / np.sqrt(N_SHARED) * rng.standard_normal((n_voxels, N_SHARED))
    drift = DRIFT_SD / np.sqrt(N_DRIFT) * rng.standard_normal((n_voxels, N_DRIFT))
    noise = shared @ _shared_courses(n_times, rng) + drift @ _drift_courses(n_times, rng)
    noise += LOCAL_SD * _autoregressive((n_voxels, n_times), LOCAL_KEEP, rng)
    noise += rng.standard_normal((n_voxels, n_times)) / tsnr
    rows: Floats = noise.T
    return rows


def voxel_noise_variance(tsnr: float) -> float:
    """Expected variance of :func:`voxel_noise`."""
    return float(1 / tsnr**2 + LOCAL_SD**2 + SHARED_SD**2 + DRIFT_SD**2)


def make_noise_model(
    grid: Grid, base: Floats, tsnr: float, rng: np.random.Generator
) -> NoiseModel:
    """Draw where which noise is how strong.

    Parameters
    ----------
    grid : Grid
        Grid of the run.
    base : ndarray of shape (x, y, z)
        Intensity.
    tsnr : float
        Mean grey-matter signal over the thermal noise.
    rng : numpy.random.Generator
        Where the numbers come from.
    """

    def maps(n_maps: int, smooth_mm: float, spread: float) -> Floats:
        fields = [_field(grid, smooth_mm, rng) for _ in range(n_maps)]
        return (spread * np.stack(fields)).astype(np.float32)

    return NoiseModel(
        base=base,
        thermal=EPI.gm / tsnr,
        shared=maps(N_SHARED, SHARED_SMOOTH_MM, SHARED_SD / np.sqrt(N_SHARED)),
        drift=maps(N_DRIFT, SLOW_SMOOTH_MM, DRIFT_SD / np.sqrt(N_DRIFT)),
        heart=maps(2, SHARED_SMOOTH_MM, HEART_SD),
        breath=maps(2, SLOW_SMOOTH_MM, BREATH_SD),
    )


def _field(grid: Grid, smooth_mm: float, rng: np.random.Generator) -> Floats:
    field = ndimage.gaussian_filter(
        rng.standard_normal(grid.shape, dtype=np.float32),
        smooth_mm / grid.zooms_mm,
        mode="wrap",
        truncate=2.5,
    )
    scaled: Floats = (field - field.mean()) / field.std()
    return scaled


def _autoregressive(shape: tuple[int, ...], keep: float, rng: np.random.Generator) -> Floats:
    """First-order autoregressive noise of unit variance along the last axis, shape as given."""
    innovations = np.sqrt(1 - keep**2) * rng.standard_normal(shape, dtype=np.float32)
    innovations[..., 0] /= np.sqrt(1 - keep**2)
    filtered: Floats = signal.lfilter(
        np.ones(1, np.float32), np.array([1, -keep], np.float32), innovations, axis=-1
    )
    return filtered


def _shared_courses(n_times: int, rng: np.random.Generator) -> Floats:
    return _autoregressive((N_SHARED, n_times), SHARED_KEEP, rng)


def _drift_courses(n_times: int, rng: np.random.Generator) -> Floats:
    """Slow courses of shape (component, time), each of zero mean and unit variance over the run."""
    place = (np.arange(n_times) + 0.5) / n_times
    shapes = np.stack([place - 0.5, np.cos(np.pi * place), np.cos(2 * np.pi * place)])
    courses = rng.standard_normal((N_DRIFT, len(shapes))) @ (
        shapes / shapes.std(axis=1, keepdims=True)
    )
    scaled: Floats = (courses - courses.mean(axis=1, keepdims=True)) / courses.std(
        axis=1, keepdims=True
    )
    return scaled.astype(np.float32)
