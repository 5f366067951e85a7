"""What came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.values import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A model's output for one run.

    Attributes
    ----------
    run : str
        Name of the run.
    participant : str
        Label without ``sub-``.
    change : ndarray of shape (sample, voxel)
        Predicted fractional signal change.
    volumes : ndarray of shape (sample,)
        Volume of each row.
    n_volumes : int
        Volumes of the whole run.
    model : str
        Architecture that made it.
    split : str
        Which training data it saw: ``participant``, ``run``, ``block``, ``calibrated`` or ``insample``.
    spread : ndarray of shape (sample, voxel) or None
        Predictive standard deviation of measured change; None of a model that does not tell it.
    reliable : ndarray of shape (voxel,) or None
        Where the model predicted people (or runs) left out of its training better than chance.
    """

    run: str
    participant: str
    change: Floats
    volumes: Ints
    n_volumes: int
    model: str
    split: str
    spread: Floats | None = None
    reliable: Bools | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One figure.

    Attributes
    ----------
    name : str
        Metric, such as ``r_median``.
    value : float
        NaN where it is not defined.
    unit : str
        Empty for a number without unit.
    row : str
        Model or reference row, such as ``ridge`` or ``zero``.
    on : str
        Run or participants that it was computed on.
    split : str
        See :class:`Prediction`.
    """

    name: str
    value: float
    unit: str
    row: str
    on: str
    split: str


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, and what it was made from."""

    path: Path
    sources: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not done, and why.

    Attributes
    ----------
    what : str
        File, run or participant.
    why : str
        The reason, for the report.
    failure : bool
        False for files that the dataset itself leaves unpaired.
    """

    what: str
    why: str
    failure: bool = True
