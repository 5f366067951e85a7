"""Centre and spread of each EEG channel, learned without looking where it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app.errors import DataError
from bids_app.values import Bools, Floats, Ints
from bids_app.values.samples import Samples, Split

NORMAL_QUARTILE = 0.6744897501960817
"""Third quartile of the standard normal: the spread of Gaussian EEG is its standard deviation."""


class ChannelScaler:
    """Median and robust spread of each channel of one participant.

    Robust, so that a few seconds of movement do not shrink everything else.
    """

    centre_: Floats
    spread_: Floats

    def fit(self, pieces: Sequence[Floats], where: str) -> ChannelScaler:
        """Learn from stretches of EEG.

        Parameters
        ----------
        pieces : sequence of ndarray of shape (channel, time)
            EEG that the model may see.
        where : str
            Whose EEG, for the message.

        Returns
        -------
        ChannelScaler
            Itself, with ``centre_`` and ``spread_`` of shape (channel,).

        Raises
        ------
        DataError
            When a channel never varies, or holds values that are not finite.
        """
        quartiles = np.array([
            np.percentile(np.concatenate(rows), (25, 50, 75)) for rows in zip(*pieces, strict=True)
        ])
        lower, self.centre_, upper = quartiles.T
        self.spread_ = (upper - lower) / (2 * NORMAL_QUARTILE)
        _refuse_flat(self.spread_, where)
        return self

    def apply(self, samples: Samples) -> Samples:
        """Let a run's windows be scaled when they are gathered."""
        shape = (len(samples), len(samples.eeg))
        return replace(
            samples,
            centre=np.broadcast_to(self.centre_.astype(np.float32), shape),
            spread=np.broadcast_to(self.spread_.astype(np.float32), shape),
        )


def scale_split(samples: Sequence[Samples], split: Split) -> list[Samples]:
    """Scale runs for one fold.

    A participant who is in training is scaled with the EEG of their training windows; one who is
    not, with their own EEG, run by run. No BOLD is looked at.

    Parameters
    ----------
    samples : sequence of Samples
        All runs of the fold.
    split : Split
        What is for training.

    Returns
    -------
    list of Samples
        The same runs, in the same order.
    """
    in_training: dict[str, list[Floats]] = {}
    for run in samples:
        positions = _training_positions(run, split)
        in_training.setdefault(run.participant, []).extend(stretches(run, positions))
    scalers = {
        participant: ChannelScaler().fit(pieces, f"sub-{participant}")
        for participant, pieces in in_training.items()
        if pieces
    }
    return [
        scalers[run.participant].apply(run) if run.participant in scalers else scale_alone(run)
        for run in samples
    ]


def scale_alone(samples: Samples) -> Samples:
    """Scale a run of a person never seen with its own EEG, all of it that is under windows."""
    pieces = stretches(samples, np.arange(len(samples)))
    return ChannelScaler().fit(pieces, samples.run).apply(samples)


def scale_causally(samples: Samples) -> Samples:
    """Scale each window by mean and standard deviation of the EEG up to its end."""
    first = int(samples.stops.min()) - samples.n_window
    counts = (samples.stops - first).astype(float)[:, None]
    centre, spread = (np.empty((len(samples), len(samples.eeg)), np.float32) for _ in range(2))
    for row, channel in enumerate(samples.eeg):
        stretch = np.asarray(channel[first : samples.stops.max()], float)
        # Sums of squares about a value that is already known at the first window keep their
        # digits.
        known = stretch[: samples.n_window].mean()
        sums = np.cumsum(stretch - known)[samples.stops - first - 1]
        squares = np.cumsum((stretch - known) ** 2)[samples.stops - first - 1]
        means = sums / counts[:, 0]
        centre[:, row] = means + known
        spread[:, row] = np.sqrt(np.maximum(squares / counts[:, 0] - means**2, 0))
    _refuse_flat(spread.min(axis=0), samples.run)
    return replace(samples, centre=centre, spread=spread)


def stretches(samples: Samples, positions: Ints) -> list[Floats]:
    """EEG under some windows, as views of shape (channel, time) that do not overlap."""
    if not len(positions):
        return []
    covered: Bools = np.zeros(samples.eeg.shape[1] + 2, bool)
    for stop in samples.stops[positions]:
        covered[stop - samples.n_window + 1 : stop + 1] = True
    edges = np.flatnonzero(np.diff(covered))
    return [
        samples.eeg[:, start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]


def _training_positions(run: Samples, split: Split) -> Ints:
    nothing: Ints = np.empty(0, np.int64)
    positions: Ints = np.concatenate([
        split.train.get(run.run, nothing),
        split.valid.get(run.run, nothing),
    ])
    return positions


def _refuse_flat(spread: Floats, where: str) -> None:
    unusable = np.flatnonzero(~(np.isfinite(spread) & (spread > 0)))
    if unusable.size:
        raise DataError(
            f"{where}: EEG channels {unusable.tolist()} (from 0) do not vary or are not finite",
            hint="mark them bad in channels.tsv, so that cleaning interpolates them",
        )
