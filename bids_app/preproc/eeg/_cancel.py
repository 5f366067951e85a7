"""Adaptive noise cancellation: what follows reference signals is taken out, with weights that change in time.

The weights are least squares in short windows, so that nothing has to converge. References and channels are first
differenced, which leaves little of the EEG's slow rhythms in the fit: they are neither fitted nor removed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bids_app.values import Floats, Ints

RIDGE = 1e-5  # of the references' mean power
SILENT_SHARE = 0.1  # of the largest power of a window: with less, weights are those of the nearest other window


@dataclass(frozen=True, slots=True)
class Window:
    """How quickly weights may change, and what they are fitted to.

    Attributes
    ----------
    n_samples : int
        Weights are fitted in windows of twice this length, and run on a cubic from one to the next.
    lag : int
        Samples between the two whose difference is taken.
    n_differences : int
        How many times.
    """

    n_samples: int
    lag: int
    n_differences: int


class Canceller:
    """Least squares on some references in short windows.

    Parameters
    ----------
    references : ndarray of shape (reference, time)
        What the noise is made of.
    window : Window
        How quickly the noise may change.
    """

    def __init__(self, references: Floats, window: Window) -> None:
        self.window = window
        self.n_time = references.shape[1]
        self._blocks = self._cut(references)
        self._fitted = self._cut(self._differenced(references))
        products = np.einsum("jbt,kbt->bjk", self._fitted, self._fitted, optimize=True)
        n_references = len(references)
        ridge = RIDGE * max(float(np.trace(products.mean(axis=0))) / n_references, 1e-30)
        summed = _over_two(products)
        self._products = summed + ridge * np.eye(n_references)
        self._heard = _nearest_heard(np.trace(summed, axis1=1, axis2=2))
        self._between = _cubic((np.arange(window.n_samples) + 0.5) / window.n_samples)

    def noise(self, trace: Floats) -> Floats:
        """What of a channel, shape (time,), follows the references; of the same shape."""
        cut = self._cut(self._differenced(trace[None]))[0]
        weights = np.linalg.solve(
            self._products,
            _over_two(np.einsum("bt,jbt->bj", cut, self._fitted, optimize=True))[..., None],
        )[self._heard, :, 0].astype(np.float32)
        total = np.zeros(self._blocks.shape[1:], dtype=np.float32)
        for reference, course in zip(self._blocks, _unsmoothed(weights).T, strict=True):
            around = np.lib.stride_tricks.sliding_window_view(np.pad(course, 1, mode="edge"), 4)
            total += (around @ self._between) * reference
        return total.reshape(-1)[: self.n_time]

    def _cut(self, signals: Floats) -> Floats:
        n_blocks = -(-self.n_time // self.window.n_samples)
        lacking = n_blocks * self.window.n_samples - self.n_time
        padded = np.pad(signals, ((0, 0), (0, lacking)))
        return padded.reshape(len(signals), n_blocks, self.window.n_samples)

    def _differenced(self, signals: Floats) -> Floats:
        lag = self.window.lag
        for _ in range(self.window.n_differences):
            later = np.zeros_like(signals)
            later[:, lag:] = signals[:, lag:] - signals[:, :-lag]
            signals = later
        return signals


def _nearest_heard(power: Floats) -> Ints:
    """For each window, shape (window,), the nearest one in which the references are not silent."""
    heard = np.flatnonzero(power >= SILENT_SHARE * power.max())
    after = np.clip(np.searchsorted(heard, np.arange(len(power))), 0, len(heard) - 1)
    before = np.maximum(after - 1, 0)
    windows = np.arange(len(power))
    closer = np.abs(heard[before] - windows) < np.abs(heard[after] - windows)
    nearest: Ints = np.where(closer, heard[before], heard[after])
    return nearest


def _unsmoothed(weights: Floats) -> Floats:
    """Undo, to second order, that a fit in a window two blocks long averages weights, shape (window, reference)."""
    padded = np.pad(weights, ((1, 1), (0, 0)), mode="edge")
    bend: Floats = padded[2:] - 2 * weights + padded[:-2]
    return weights - bend / 6  # the second moment of the window, (2 blocks)² / 12, over 2


def _cubic(place: Floats) -> Floats:
    """Catmull and Rom's cubic through four points, shape (point, place), between the second and the third."""
    t, one = place, np.ones_like(place)
    powers = np.stack([one, t, t**2, t**3])
    matrix = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    cubic: Floats = (matrix.T @ powers).astype(np.float32)
    return cubic


def _over_two(blocks: Floats) -> Floats:
    """Sum over neighbouring blocks; the first axis becomes one longer."""
    total = np.zeros((len(blocks) + 1, *blocks.shape[1:]), dtype=np.float64)
    total[:-1] += blocks
    total[1:] += blocks
    return total
