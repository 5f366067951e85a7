"""Nuisance time courses of a run, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bids_app.values import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Confounds:
    """What explains BOLD without being neural.

    Attributes
    ----------
    columns : dict of str to ndarray of shape (time,)
        By fMRIPrep's names, in the order of its table; NaN where a value does not exist.
    about : dict of str to dict
        What each column is, for its sidecar.
    notes : tuple of str
        What a reader of the report must know.
    masks : dict of str to ndarray of shape (x, y, z)
        Where the signals were read: ``brain``, ``CSF``, ``WM`` and ``edge`` of the raw grid.
    """

    columns: dict[str, Floats]
    about: dict[str, dict[str, Any]]
    notes: tuple[str, ...] = ()
    masks: dict[str, Bools] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse columns of several lengths."""
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"confounds have {sorted(lengths)} volumes; expected one length")
