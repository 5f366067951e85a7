"""EEG of many runs, averaged once and laid side by side; batches are gathered from it by index."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bids_app.learn.batches import targets_of
from bids_app.values import Bools, Floats, Ints
from bids_app.values.samples import Samples

IN_MEMORY_BYTES = 2**28
"""Larger stores lie in a file that the system may page out."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What a model wants of the EEG; see :class:`bids_app.models._network.Network`.

    Attributes
    ----------
    pool : int
        Samples in an average.
    n_pooled : int
        Averages in a window.
    stride : int
        Averages that the way from window to window must be a multiple of, for windows to be
        gathered in stretches; 0 when that is no use.
    """

    pool: int
    n_pooled: int
    stride: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Stretches of neighbouring windows, all of one length.

    Attributes
    ----------
    first : ndarray of shape (stretch,)
        First sample of each.
    count : int
        Windows in each.
    hop : int
        Averages from window to window.
    """

    first: Ints
    count: int
    hop: int

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.first) * self.count

    @property
    def samples(self) -> Ints:
        """All samples, shape (stretch * count,), as a model's ``windows`` orders them."""
        samples: Ints = (self.first[:, None] + np.arange(self.count)).ravel()
        return samples


class Store:
    """Scaled averages of all runs in one array, which windows are views of.

    Parameters
    ----------
    runs : sequence of Samples
        Runs of one cap and rate.
    geometry : Geometry
        What the model wants.
    folder : Path, optional
        Where a store that is too large for memory keeps its file; it has no name there, and is
        gone with the store.
    """

    def __init__(
        self, runs: Sequence[Samples], geometry: Geometry, folder: Path | None = None
    ) -> None:
        self.runs = runs
        self.geometry = geometry
        self.run_of: Ints = np.repeat(np.arange(len(runs)), [len(run) for run in runs])
        self.row_of: Ints = np.concatenate([np.arange(len(run)) for run in runs])
        self.at_gathering = any(_changes(run) for run in runs)
        parts = [part for index, run in enumerate(runs) for part in _parts(index, run, geometry)]
        ends = np.cumsum([part.length for part in parts])
        self.values = _room((len(runs[0].eeg), int(ends[-1])), folder)
        self.starts: Ints = np.empty(len(self.run_of), np.int64)
        first_sample = np.cumsum([0, *(len(run) for run in runs)])
        for part, end in zip(parts, ends, strict=True):
            run = runs[part.run]
            room = self.values[:, end - part.length : end]
            _average(run.eeg, part, geometry.pool, room)
            if not self.at_gathering and run.spread is not None and run.centre is not None:
                room -= run.centre[0][:, None]
                room /= run.spread[0][:, None]
            self.starts[first_sample[part.run] + part.rows] = end - part.length + part.starts
        self._joined = self._joins()
        self._placed: Tensor | None = None

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.starts)

    def stretches(self, longest: int, rng: np.random.Generator | None = None) -> tuple[Ints, Ints]:
        """Cut all windows into stretches of neighbours.

        Parameters
        ----------
        longest : int
            Most windows in a stretch.
        rng : numpy.random.Generator, optional
            Draws where the cuts are, and the order; without it, both are as they come.

        Returns
        -------
        first, count : ndarray of shape (stretch,)
            First sample of each stretch, and its length.
        """
        chain = np.cumsum(~self._joined) - 1
        begin = np.flatnonzero(~self._joined)
        place = np.arange(len(self)) - begin[chain]
        if rng is not None:
            place += rng.integers(longest, size=len(begin))[chain]
        cut = (np.diff(chain, prepend=-1) != 0) | (np.diff(place // longest, prepend=-1) != 0)
        first: Ints = np.flatnonzero(cut)
        count: Ints = np.diff(first, append=len(self))
        if rng is not None:
            order = rng.permutation(len(first))
            first, count = first[order], count[order]
        return first, count

    def batches(
        self, size: int, longest: int, rng: np.random.Generator | None = None
    ) -> list[tuple[Ints, Ints]]:
        """Deal stretches out to batches of about `size` windows; see :meth:`stretches`."""
        first, count = self.stretches(min(longest, size), rng)
        batch = (np.cumsum(count) - 1) // size
        edges = np.flatnonzero(np.diff(batch)) + 1
        return list(zip(np.split(first, edges), np.split(count, edges), strict=True))

    def pieces(self, first: Ints, count: Ints, most: int) -> Iterator[Piece]:
        """Put stretches, shape (stretch,), of one length and hop together, at most `most` windows at a time."""
        hop = np.where(
            count > 1, self.starts[np.minimum(first + 1, len(self) - 1)] - self.starts[first], 0
        )
        for length, step in np.unique(np.stack((count, hop), 1), axis=0):
            same = first[(count == length) & (hop == step)]
            n_parts = -(-len(same) * int(length) // max(most, int(length)))
            for some in np.array_split(same, n_parts):
                yield Piece(some, int(length), int(step))

    def place(self, device: torch.device) -> None:
        """Keep all averages on the device from now on, so that they are not copied there again and again."""
        if not self.at_gathering:
            self._placed = torch.from_numpy(np.asarray(self.values)).to(device)

    @property
    def is_placed(self) -> bool:
        """Tell whether the averages are on a device."""
        return self._placed is not None

    def gather_placed(self, piece: Piece) -> Tensor:
        """What :meth:`gather` gives, shape (stretch, channel, pooled), on the device."""
        assert self._placed is not None
        views = self._placed.unfold(1, self._length(piece), 1)
        starts = torch.from_numpy(self.starts[piece.first]).to(self._placed.device)
        return views[:, starts].transpose(0, 1)

    def _length(self, piece: Piece) -> int:
        return self.geometry.n_pooled + (piece.count - 1) * piece.hop

    def gather(self, piece: Piece) -> Floats:
        """Averages under each stretch of a piece, shape (stretch, channel, pooled)."""
        length = self._length(piece)
        views = np.lib.stride_tricks.sliding_window_view(self.values, length, axis=1)
        eeg: Floats = views[:, self.starts[piece.first]].swapaxes(0, 1)
        if self.at_gathering:
            for row, sample in enumerate(piece.first):
                run, where = self.runs[self.run_of[sample]], self.row_of[sample]
                if run.centre is not None and run.spread is not None:
                    eeg[row] = (eeg[row] - run.centre[where][:, None]) / run.spread[where][:, None]
        return eeg

    def targets(self, samples: Ints) -> Floats:
        """Targets of shape (sample, voxel) of samples of shape (sample,)."""
        runs = self.run_of[samples]
        rows = np.empty((len(samples), targets_of(self.runs[0]).shape[1]), np.float32)
        for run in np.unique(runs):
            here = np.flatnonzero(runs == run)
            rows[here] = targets_of(self.runs[run])[self.row_of[samples[here]]]
        return rows

    def _joins(self) -> Bools:
        """Tell of each sample, shape (sample,), whether it may be gathered with the one before it."""
        hop = np.diff(self.starts, prepend=0)
        joined: Bools = np.diff(self.run_of, prepend=-1) == 0
        if not self.geometry.stride or self.at_gathering:
            return np.zeros(len(self), bool)
        joined &= (hop > 0) & (hop <= self.geometry.n_pooled) & (hop % self.geometry.stride == 0)
        # A stretch has one hop: where the clock's drift makes one longer, a new one begins.
        usual = {run: _mode(hop[joined & (self.run_of == run)]) for run in range(len(self.runs))}
        joined &= hop == np.array([usual[run] for run in range(len(self.runs))])[self.run_of]
        return joined


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Windows of a run that begin at one phase of the averages."""

    run: int
    rows: Ints
    begin: int
    starts: Ints
    length: int


def _parts(index: int, run: Samples, geometry: Geometry) -> Iterator[_Part]:
    begins = run.stops - geometry.n_pooled * geometry.pool
    phases = begins % geometry.pool
    for phase in np.unique(phases):
        rows = np.flatnonzero(phases == phase)
        begin = int(begins[rows].min())
        starts = (begins[rows] - begin) // geometry.pool
        yield _Part(index, rows, begin, starts, int(starts.max()) + geometry.n_pooled)


def _average(eeg: Floats, part: _Part, pool: int, room: Floats) -> None:
    stretch = eeg[:, part.begin : part.begin + part.length * pool]
    if pool == 1:
        room[...] = stretch
        return
    for channel, row in zip(stretch, room, strict=True):
        whole = torch.from_numpy(np.array(channel, np.float32))
        row[...] = torch.nn.functional.avg_pool1d(whole[None], pool)[0].numpy()


def _room(shape: tuple[int, int], folder: Path | None) -> Floats:
    n_bytes = 4 * shape[0] * shape[1]
    if folder is None or n_bytes <= IN_MEMORY_BYTES:
        return np.empty(shape, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(n_bytes)
        room: Floats = np.memmap(file, np.float32, "r+", shape=shape)
    return room


def _changes(run: Samples) -> bool:
    """Tell whether a run's scaling differs from window to window."""
    return any(rows is not None and (rows != rows[0]).any() for rows in (run.centre, run.spread))


def _mode(values: Ints) -> int:
    if not len(values):
        return 0
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])
