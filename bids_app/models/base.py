"""The contract of this folder.

Each file holds one architecture: a frozen ``Settings`` dataclass and ``build(eeg, bold,
**settings)``, which gives a :class:`torch.nn.Module` whose ``forward`` takes scaled EEG of shape
(batch, channel, time) and returns fractional signal change of shape (batch, voxel), voxels in the
order of the mask. All that is learned, statistics too, is a parameter or a buffer, so that the
``state_dict`` is the whole model. A module makes its tensors on the device of its input. `eeg` and
`bold` may have any channels, rate, window and mask; `settings` are fields of ``Settings``, and
``preset``: the name of some of them in ``PRESETS``, where the file has any.

A model that is trained by gradient has no more than that: loss, data and training are elsewhere.
One with a closed form is also :class:`ClosedForm`; one that can share work between windows,
:class:`AlongRuns` or a :class:`bids_app.models._network.Network`; one that can be shown the true
volume, :class:`TeacherForced`; one that tells how far off it is, :class:`Uncertain`; one that hears any
cap, :class:`AnyCap`; one that can be fitted to one person, :class:`Calibrated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from bids_app.errors import UsageError
from bids_app.values import Floats
from bids_app.values.samples import Samples

S = TypeVar("S")


@runtime_checkable
class ClosedForm(Protocol):
    """A model that is fitted without a training loop."""

    def fit(
        self, train: Sequence[Samples], valid: Sequence[Samples], *, seed: int
    ) -> dict[str, Any]:
        """Learn from the training set.

        Parameters
        ----------
        train : sequence of Samples
            What to learn from.
        valid : sequence of Samples
            What to choose strengths by; it may then be learned from as well.
        seed : int
            Seed of whatever is drawn.

        Returns
        -------
        dict
            What was chosen, for the record.
        """
        ...


@runtime_checkable
class AlongRuns(Protocol):
    """A model that computes once what windows share."""

    def of_run(self, samples: Samples) -> Tensor:
        """Predict voxels of shape (sample, voxel) of a run, as ``forward`` does of its windows."""
        ...


@runtime_checkable
class TeacherForced(Protocol):
    """A model that predicts a volume part after part, each from those before it."""

    def forced(self, features: Tensor, targets: Tensor) -> Tensor:
        """Predict each part from the true ones before it: for training, never a prediction.

        Parameters
        ----------
        features : Tensor of shape (batch, …, feature)
            What the model's ``head`` reads.
        targets : Tensor of shape (batch, voxel)
            The true volumes.

        Returns
        -------
        Tensor of shape (batch, voxel)
            Fractional signal change.
        """
        ...


@runtime_checkable
class Uncertain(Protocol):
    """A model that knows how far off it is, from people (or runs) of the training set left out in turn."""

    def spread_of_run(self, samples: Samples) -> Tensor:
        """Predictive standard deviation of measured BOLD, shape (sample, voxel), fractional change.

        All NaN where nothing could be left out in training.
        """
        ...

    def reliable(self) -> Tensor:
        """Voxels in which it predicted those left out better than chance, shape (voxel,), boolean."""
        ...


@runtime_checkable
class Calibrated(Protocol):
    """A model that can be fitted to one person, from few of that person's runs."""

    def calibrate(self, runs: Sequence[Samples]) -> nn.Module:
        """Give a model for this person; this one stays as it is.

        Parameters
        ----------
        runs : sequence of Samples
            Scaled runs of one person, with targets.

        Raises
        ------
        DataError
            When a run has no targets, or training told nothing of how people differ.
        """
        ...


@runtime_checkable
class AnyCap(Protocol):
    """A model that hears electrodes by their places: channels may differ in number, names and order.

    Its file says so in ``ACCEPTS``.
    """

    def wear(self, channels: tuple[str, ...], positions_m: Floats | None = None) -> None:
        """Make ``forward`` expect these channels.

        Parameters
        ----------
        channels : tuple of str
            Their names.
        positions_m : ndarray of shape (channel, 3) or None
            Where those are whose names do not tell, among the standard electrodes; NaN for the others.

        Raises
        ------
        UsageError
            When none of them has a known place.
        """
        ...


def settings_of(
    kind: type[S],
    architecture: str,
    given: dict[str, Any],
    presets: dict[str, dict[str, Any]] | None = None,
) -> S:
    """Build an architecture's settings; those of a named preset, where ``preset`` is given, first.

    Raises
    ------
    UsageError
        When it has no such setting or preset.
    """
    if preset := given.get("preset"):
        if preset not in (presets or {}):
            raise UsageError(
                f"{architecture} has no preset {preset!r}",
                hint=f"known: {', '.join(presets or {}) or 'none'}",
            )
        given = (presets or {})[preset] | given
    given = {name: value for name, value in given.items() if name != "preset"}
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # S is a dataclass
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UsageError(
            f"{architecture} has no setting {unknown[0]!r}", hint=f"known: {', '.join(known)}"
        )
    return kind(**{
        name: tuple(tuple(item) if isinstance(item, list) else item for item in value)
        if isinstance(value, list)
        else value
        for name, value in given.items()
    })
