"""The figures of fMRI preprocessing: what is drawn, and what is said of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bids_app.derivatives.anatomical import InTemplate
from bids_app.derivatives.write import BoldInTemplate
from bids_app.pipeline.place import HALF, PHOTO, Figures
from bids_app.preproc import fmri
from bids_app.report import figures
from bids_app.values import Bools, Floats
from bids_app.values.confounds import Confounds
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Volume
from bids_app.values.template import Template

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
NEEDED = (*MOTION, "framewise_displacement", "std_dvars")
T1W_STEP_MM = 1.3
COREGISTRATION_STEP_MM = 2.0
CARPET_VOXELS = 6000
WORDS = {
    "bias": (
        "Bias field and brain mask",
        "The T1w image as acquired and with its bias field corrected, and the outline of the brain mask. Each tissue "
        "should be equally bright all over the corrected image; the outline should follow the brain.",
    ),
    "tissues": (
        "Tissues of the participant",
        "Grey and white matter as estimated for this participant, over the bias-corrected T1w image; what is neither, "
        "within the brain, is CSF.",
    ),
    "normalisation": (
        "The anatomy on the template",
        "The participant's T1w image in template space, and the template, with the template's grey and white matter "
        "drawn over both. Folds and ventricles should stay where they are.",
    ),
    "masks": (
        "Masks on the mean BOLD image",
        "Mean BOLD image in its own space with the outlines of its brain mask, of the voxels that the confounds of "
        "CSF and white matter are read from, and of the shell around the brain.",
    ),
    "coregistration": (
        "BOLD on T1w",
        "The mean BOLD image moved to the T1w image, and the T1w image, with the outlines of the T1w's brain and "
        "white matter. Edges should stay where they are, but above the nose and the ears, where BOLD is distorted "
        "and fades.",
    ),
    "motion": (
        "Head motion",
        "Translation, rotation, framewise displacement (FD) and standardised DVARS of each volume. Dashed: where "
        "outliers begin. Bands: outliers (orange), volumes before the steady state (grey).",
    ),
    "carpet": (
        "Carpet of the measured BOLD",
        "Voxels as rows over time, sorted by tissue; each detrended and in units of its own standard deviation. "
        "Vertical stripes are changes all over the brain, such as those of head motion. Above: their mean.",
    ),
    "tsnr": (
        "Temporal signal-to-noise ratio",
        "Mean over time divided by the standard deviation, of the preprocessed, unsmoothed run.",
    ),
}


def anatomy(
    told: Figures,
    raw: Volume,
    fit: AnatFit,
    there: InTemplate,
    template: Template,
    image: str = "T1w image",
) -> None:
    """Draw bias correction and brain mask, tissues, and the way to the template.

    Parameters
    ----------
    told : Figures
        Takes the figures.
    raw : Volume
        The T1w image as acquired, on the grid of the estimates.
    fit : AnatFit
        Estimates.
    there : InTemplate
        The anatomy on the output grid.
    template : Template
        What it was brought to.
    image : str, default="T1w image"
        What is shown.
    """
    words = {
        name: (title, text.replace("T1w image", image)) for name, (title, text) in WORDS.items()
    }
    kept, thin = figures.thinned(fit.t1w.grid, fit.brain.inside, T1W_STEP_MM)
    brain = {"brain": fit.brain.inside[kept]}
    corrected = fit.t1w.data[kept]
    figures.flicker(
        told.pair("bias", *words["bias"]),
        (np.asarray(raw.data[kept], dtype=np.float32), corrected),
        brain,
        thin,
        ("as acquired", "bias-corrected"),
    )
    tissues = {name: fit.tissues[name][kept] > HALF for name in ("GM", "WM")}
    path = told.add("tissues", *words["tissues"], ending=PHOTO)
    figures.mask_over_mean(path, corrected, brain | tissues, thin)
    grid = there.grid
    borders = {
        name: fmri.onto_grid(tissue, template.grid, grid) > HALF
        for name, tissue in (("GM", template.gm), ("WM", template.wm))
    }
    figures.flicker(
        told.pair("normalisation", *words["normalisation"]),
        (there.images["T1w"], fmri.onto_grid(template.t1.data, template.grid, grid)),
        borders,
        grid,
        (image.split(" ", maxsplit=1)[0], "template"),
    )


def run(
    told: Figures, fits: tuple[RunFit, AnatFit], bold: BoldInTemplate, found: Confounds
) -> None:
    """Draw where nuisance was read, coregistration and motion.

    Parameters
    ----------
    told : Figures
        Takes the figures.
    fits : tuple of (RunFit, AnatFit)
        Estimates of the run and of the anatomy.
    bold : BoldInTemplate
        The preprocessed run.
    found : Confounds
        Its confounds.
    """
    fit, anat = fits
    path = told.add("masks", *WORDS["masks"], ending=PHOTO)
    figures.mask_over_mean(path, fit.reference.data, found.masks, fit.reference.grid)
    kept, thin = figures.thinned(anat.t1w.grid, anat.brain.inside, COREGISTRATION_STEP_MM)
    borders = {"brain": anat.brain.inside[kept], "WM": anat.tissues["WM"][kept] > HALF}
    figures.flicker(
        told.pair("coregistration", *WORDS["coregistration"]),
        (fmri.reference_on_t1w(fit, thin).data, anat.t1w.data[kept]),
        borders,
        thin,
        ("BOLD", "T1w"),
    )
    motion(told, found.columns, bold.tr_s)


def motion(told: Figures, columns: dict[str, Floats], tr_s: float) -> None:
    """Draw head motion from confounds of shape (time,), which must have :data:`NEEDED`."""
    course = figures.Course(
        np.stack([columns[name] for name in MOTION], axis=1),
        columns["framewise_displacement"],
        columns["std_dvars"],
        _flagged(columns, "motion_outlier"),
        _flagged(columns, "non_steady_state_outlier"),
    )
    figures.motion(told.add("motion", *WORDS["motion"]), course, tr_s)


def _flagged(columns: dict[str, Floats], start: str) -> Bools:
    """Volumes that any of the columns whose names start so marks, shape (time,)."""
    marks = [column for name, column in columns.items() if name.startswith(start)]
    return np.asarray(sum(marks, np.zeros(len(columns["std_dvars"]))) > 0)


def series(told: Figures, bold: BoldInTemplate, tissues: dict[str, Floats]) -> None:
    """Draw the carpet and the signal-to-noise ratio of a preprocessed run.

    Parameters
    ----------
    told : Figures
        Takes the figures.
    bold : BoldInTemplate
        The run.
    tissues : dict of str to ndarray of shape (x, y, z)
        Probabilities in the same space.
    """
    inside, grid = bold.mask.inside, bold.mask.grid
    rows, names = _carpet_rows(bold.volumes, inside, tissues)
    path = told.add("carpet", *WORDS["carpet"])
    figures.carpet(path, rows, None, names, bold.tr_s, np.empty(0, dtype=np.int64))
    path = told.add("tsnr", *WORDS["tsnr"], ending=PHOTO)
    figures.tsnr_map(path, signal_to_noise(bold.volumes), grid, inside)


def signal_to_noise(volumes: Floats) -> Floats:
    """Divide the mean over time by the standard deviation.

    Parameters
    ----------
    volumes : ndarray of shape (x, y, z, time)
        A run.

    Returns
    -------
    ndarray of shape (x, y, z)
        NaN where nothing changes.
    """
    # Volume by volume: a long run must not be copied.
    first = volumes[..., 0].astype(np.float64)
    total, squares = np.zeros_like(first), np.zeros_like(first)
    n_volumes = volumes.shape[3]
    for index in range(1, n_volumes):
        change = volumes[..., index] - first
        total += change
        squares += change**2
    variance = squares / n_volumes - (total / n_volumes) ** 2
    spread = np.sqrt(np.maximum(variance, 0))
    mean = first + total / n_volumes
    return np.asarray(np.divide(mean, spread, out=np.full_like(mean, np.nan), where=spread > 0))


def _carpet_rows(
    volumes: Floats, inside: Bools, tissues: dict[str, Floats]
) -> tuple[Floats, npt.NDArray[np.str_]]:
    names = [*tissues]
    share = np.stack([np.where(inside, tissues[name], 0) for name in names])
    sure = np.flatnonzero(share.max(axis=0) > HALF)
    chosen = sure[:: max(1, len(sure) // CARPET_VOXELS)]
    rows = volumes.reshape(-1, volumes.shape[3])[chosen].T
    level = np.median(rows, axis=0)
    change = np.divide(rows, level, out=np.ones_like(rows), where=level > 0) - 1
    return change, np.array(names)[share.reshape(len(names), -1)[:, chosen].argmax(axis=0)]
