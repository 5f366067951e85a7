"""What fMRI preprocessing estimated: small values that are written, shown, and can be loaded instead.

All transforms are pull maps between RAS millimetres: they take a point of the space that is sampled *on* to the point
of the space that is sampled *from*. A template point goes to the raw voxels of volume t through
``template_to_t1w``, then ``t1w_to_reference``, then ``motion[t]``, then the inverse of the BOLD affine.
"""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.values import Floats
from bids_app.values.space import Grid, Mask, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """A smooth displacement of template points.

    Attributes
    ----------
    grid : Grid
        Template-space grid of the field.
    displacement_mm : ndarray of shape (x, y, z, 3)
        RAS millimetres added to a template point, before the affine.
    """

    grid: Grid
    displacement_mm: Floats


@dataclass(frozen=True, slots=True, eq=False)
class AnatFit:
    """Estimates from one participant's anatomy.

    Attributes
    ----------
    t1w : Volume
        Bias-corrected T1w on its own grid.
    brain : Mask
        Brain mask on the T1w grid.
    tissues : dict of str to ndarray of shape (x, y, z)
        Probability of ``GM``, ``WM`` and ``CSF`` on the T1w grid.
    template_to_t1w : ndarray of shape (4, 4)
        Affine from (warped) template millimetres to T1w millimetres.
    warp : Warp or None
        Applied to template points before the affine; None when only the affine was estimated.
    notes : tuple of str
        What a reader of the report must know (fallbacks, doubts).
    """

    t1w: Volume
    brain: Mask
    tissues: dict[str, Floats]
    template_to_t1w: Floats
    warp: Warp | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RunFit:
    """Estimates from one BOLD run.

    Attributes
    ----------
    reference : Volume
        Robust mean of the realigned volumes, on the raw grid.
    brain : Mask
        Brain mask on the raw grid.
    motion : ndarray of shape (time, 4, 4)
        Reference millimetres to the millimetres of each volume.
    t1w_to_reference : ndarray of shape (4, 4)
        T1w millimetres to reference millimetres.
    slice_times_s : ndarray of shape (slice,) or None
        Slice times that are corrected for; None when slice timing is not corrected.
    start_time_s : float
        The time within the volume that slices are shifted to (BIDS ``StartTime``); 0 without correction.
    n_dummies : int
        Non-steady-state volumes at the start.
    notes : tuple of str
        What a reader of the report must know.
    """

    reference: Volume
    brain: Mask
    motion: Floats
    t1w_to_reference: Floats
    slice_times_s: Floats | None
    start_time_s: float
    n_dummies: int = 0
    notes: tuple[str, ...] = ()
