"""A template brain."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.values import Floats
from bids_app.values.space import Grid, Mask, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A template brain and its tissues, on one grid.

    Attributes
    ----------
    name : str
        BIDS label of the space, such as ``MNI152NLin2009aSym``.
    t1 : Volume
        T1-weighted intensities inside the brain, 0 outside.
    gm, wm : ndarray of shape (x, y, z)
        Probability of grey and white matter.
    brain : Mask
        The brain.
    """

    name: str
    t1: Volume
    gm: Floats
    wm: Floats
    brain: Mask

    @property
    def grid(self) -> Grid:
        """Where the voxels are."""
        return self.t1.grid
