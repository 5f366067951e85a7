"""What can be wrong with a raw image that can be read all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bids_app.errors import DataError
from bids_app.files.nifti import header_tr_s
from bids_app.values import Floats
from bids_app.values.bold import BoldSeries
from bids_app.values.space import apply_affine

FEWEST_SLICES = 4
SMALLEST_VOXEL_MM, LARGEST_VOXEL_MM = 0.1, 25.0
TR_TOLERANCE_S = 1e-3
ORIENTATION_TOLERANCE_MM = 1.0
LEAST_TILT_DEG = 1.0
FEWEST_ALTERNATING = 10
LEAST_ALTERNATION = 0.002  # of the mean
ALTERNATION_Z = 8.0
OF_PERFUSION = ("ArterialSpinLabelingType", "PostLabelingDelay", "LabelingDuration")


def check_image(path: Path) -> tuple[str, ...]:
    """Look at the header of a raw image.

    Returns
    -------
    tuple of str
        What a reader of the report must know.

    Raises
    ------
    DataError
        When its voxels have no size that a scanner makes, or its two orientations mirror each other.
    """
    header: Any = nib.Nifti1Image.from_filename(path).header
    zooms = [float(zoom) for zoom in header.get_zooms()[:3]]
    if not all(SMALLEST_VOXEL_MM <= zoom <= LARGEST_VOXEL_MM for zoom in zooms):
        told = " x ".join(f"{zoom:g}" for zoom in zooms)
        raise DataError(
            f"{path}: voxels of {told}; expected {SMALLEST_VOXEL_MM:g} to {LARGEST_VOXEL_MM:g} mm",
            hint=f"the header's unit is {header.get_xyzt_units()[0]}; NIfTI readers expect mm",
        )
    sform, s_code = header.get_sform(coded=True)
    qform, q_code = header.get_qform(coded=True)
    if not s_code and not q_code:
        return (f"{path.name}: the header tells no orientation; left and right are a guess",)
    tilted = _tilted(path, sform if s_code else qform)
    if not s_code or not q_code:
        return tilted
    if np.linalg.det(sform[:3, :3]) * np.linalg.det(qform[:3, :3]) < 0:
        raise DataError(
            f"{path}: sform and qform mirror each other: left and right cannot be told",
            hint="correct the header: copy the one that is right on to the other (fslorient, nibabel)",
        )
    corners = np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(header.get_data_shape()[:3]) - 1)
    apart = apply_affine(sform, corners) - apply_affine(qform, corners)
    apart_mm = float(np.linalg.norm(apart, axis=1).max())
    if apart_mm > ORIENTATION_TOLERANCE_MM:
        told = (
            f"{path.name}: sform and qform differ by up to {apart_mm:.1f} mm; the sform is taken"
        )
        return (told, *tilted)
    return tilted


def _tilted(path: Path, affine: Floats) -> tuple[str, ...]:
    """Tell of an oblique acquisition, from the affine, shape (4, 4), of its voxels."""
    tilt_deg = float(np.degrees(nib.affines.obliquity(affine)).max())
    if tilt_deg < LEAST_TILT_DEG:
        return ()
    return (
        f"{path.name}: acquired obliquely, {tilt_deg:.0f} degrees from the scanner's axes; each voxel is taken where "
        "the header puts it",
    )


def check_series(path: Path, metadata: dict[str, Any], series: BoldSeries) -> tuple[str, ...]:
    """Look at a raw series, and at what its header and its sidecar say of it.

    Parameters
    ----------
    path : Path
        NIfTI file.
    metadata : dict
        Its sidecar.
    series : BoldSeries
        What was read from both.

    Returns
    -------
    tuple of str
        What a reader of the report must know.

    Raises
    ------
    DataError
        When it is no BOLD series, or one of too few slices.
    """
    perfusion = next((name for name in OF_PERFUSION if name in metadata), None)
    if perfusion is not None:
        raise DataError(
            f"{path}: its sidecar has {perfusion}: this is arterial spin labelling, not BOLD",
            hint="BIDS keeps it in perf/, with the suffix asl",
        )
    if min(series.grid.shape) < FEWEST_SLICES:
        told = " x ".join(map(str, series.grid.shape))
        raise DataError(
            f"{path}: has {told} voxels; expected {FEWEST_SLICES} or more along each axis",
            hint="a few slices cannot be aligned with a brain",
        )
    notes = list(check_image(path))
    header_s = header_tr_s(path)
    if header_s > 0 and abs(header_s - series.tr_s) > TR_TOLERANCE_S:
        notes.append(
            f"{path.name}: RepetitionTime is {series.tr_s:g} s; the header says {header_s:g} s, and was not believed"
        )
    share = alternation(series)
    if share:
        notes.append(
            f"{path.name}: every other volume is brighter, by {share:.1%}; is this arterial spin labelling?"
        )
    return tuple(notes)


def alternation(series: BoldSeries) -> float:
    """By what share of the mean even and odd volumes differ in brightness; 0 when it may be chance."""
    means = series.volumes.mean(axis=(0, 1, 2), dtype=np.float64)
    if len(means) < FEWEST_ALTERNATING:
        return 0.0
    # Against the neighbours on both sides: a drift is on a line with them.
    beyond = means[1:-1] - (means[:-2] + means[2:]) / 2
    steps = beyond * (-1.0) ** np.arange(len(beyond))
    size = float(abs(steps.mean()))
    error = float(steps.std(ddof=1)) / np.sqrt(len(steps))
    share = size / float(abs(means.mean()))
    return share if share > LEAST_ALTERNATION and size > ALTERNATION_Z * error else 0.0
