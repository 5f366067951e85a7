"""Where electrodes are: digitised, or of the 10-05 system."""

from __future__ import annotations

import logging
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

import mne
import mne_bids
import numpy as np
from scipy.spatial.transform import Rotation

from bids_app.values import Floats

log = logging.getLogger(__name__)

COMMON = (
    *("Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8"),
    *("P7", "P3", "Pz", "P4", "P8", "O1", "Oz", "O2"),
)
FEWEST_NAMED = 6
FEWEST_PLACED = 16
FARTHEST_RMS_M = 0.025
"""Of digitised electrodes from where their names put them, after both heads are laid on each other."""
HEAD_RADII_M = (0.05, 0.15)
UNEVEN = 0.2
"""Largest spread of the electrodes' distances from the middle of the sphere through them, of its radius."""


def electrode_positions_m(path: Path, scratch: Path) -> dict[str, Floats]:
    """Read the digitised electrodes of a recording in a BIDS dataset, through MNE-BIDS.

    MNE-BIDS leaves lock files beside what it reads; it is given links to the files, so that the dataset is not touched.

    Parameters
    ----------
    path : Path
        The recording, in a folder ``eeg``.
    scratch : Path
        Folder that may be written to.

    Returns
    -------
    dict of str to ndarray of shape (3,)
        Position in metres, RAS head coordinates, by channel name; empty without a usable ``electrodes.tsv``.
    """
    if not any(path.parent.glob("*_electrodes.tsv")):
        return {}
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".links-") as folder:
        top = [part for part in path.name.split("_") if part.startswith(("sub-", "ses-"))]
        linked = Path(folder, *top, "eeg")
        linked.mkdir(parents=True)
        for file in path.parent.iterdir():
            (linked / file.name).symlink_to(file.resolve())
        return _digitised(linked / path.name, Path(folder), path)


def _digitised(linked: Path, root: Path, path: Path) -> dict[str, Floats]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = mne_bids.get_bids_path_from_fname(linked)
            raw = mne_bids.read_raw_bids(found.update(root=root), verbose="error")
            montage = raw.get_montage()
    except Exception as error:  # noqa: BLE001 (mne-bids raises whatever a malformed table leads to)
        log.warning("%s: electrodes.tsv cannot be used: %s", path, error)
        return {}
    placed = montage.get_positions()["ch_pos"] if montage else {}
    return {
        str(name): np.asarray(place) for name, place in placed.items() if np.isfinite(place).all()
    }


def in_standard_frame(placed: dict[str, Floats], where: str) -> dict[str, Floats]:
    """Bring digitised electrodes to where the electrodes of the 10-05 system are.

    By a similarity through those whose names the system has; without such names, by the sphere through all of them,
    whose axes are taken to run right, anterior, superior.

    Parameters
    ----------
    placed : dict of str to ndarray of shape (3,)
        Digitised, in metres, in any frame where names tell; else RAS.
    where : str
        Name of the recording, for the log.

    Returns
    -------
    dict of str to ndarray of shape (3,)
        In metres, among those of :func:`standard_position_m`; empty when they do not fit a head.
    """
    if not placed:
        return {}
    points = np.array([*placed.values()])
    standard = {
        row: place
        for row, name in enumerate(placed)
        if (place := standard_position_m(name)) is not None
    }
    moved, wrong = (
        _laid(points, [*standard], np.array([*standard.values()]))
        if len(standard) >= FEWEST_NAMED
        else _on_standard_sphere(points)
    )
    if wrong:
        log.warning("%s: electrodes.tsv is not used: its positions are %s", where, wrong)
        return {}
    return dict(zip(placed, moved, strict=True))


def _laid(points: Floats, rows: list[int], targets: Floats) -> tuple[Floats, str]:
    """Move points by the similarity that brings some rows nearest to targets; what is wrong with that, if anything."""
    middle, there = points[rows].mean(axis=0), targets.mean(axis=0)
    own, wanted = points[rows] - middle, targets - there
    turned = Rotation.align_vectors(wanted, own)[0].apply(points - middle)
    scale = (turned[rows] * wanted).sum() / (own**2).sum()
    moved: Floats = scale * turned + there
    apart_m = float(np.sqrt(((moved[rows] - targets) ** 2).sum(axis=1).mean()))
    fits = apart_m < FARTHEST_RMS_M
    return moved, "" if fits else f"{1e3 * apart_m:.0f} mm from where their names put them"


def _on_standard_sphere(points: Floats) -> tuple[Floats, str]:
    """Project points on the sphere of the standard electrodes; what is wrong with them, if anything."""
    if len(points) < FEWEST_PLACED:
        return points, f"{len(points)}; expected {FEWEST_PLACED} or more without standard names"
    centre, radius_m = sphere(points)
    rays = points - centre
    lengths_m = np.linalg.norm(rays, axis=1)
    unit = rays / lengths_m[:, None]
    is_head = HEAD_RADII_M[0] < radius_m < HEAD_RADII_M[1] and lengths_m.std() < UNEVEN * radius_m
    upright = unit[:, 2].mean() > 0 and _asymmetry(unit, 0) <= _asymmetry(unit, 1)
    middle, size_m = standard_sphere()
    fits = is_head and upright
    wrong = "" if fits else "not those of a cap whose axes run right, anterior, superior"
    return middle + size_m * unit, wrong


def _asymmetry(unit: Floats, axis: int) -> float:
    """How far mirrored electrodes lie from others, on average."""
    mirrored = unit * np.where(np.arange(3) == axis, -1, 1)
    return float(np.linalg.norm(unit[:, None] - mirrored, axis=2).min(axis=1).mean())


def sphere(points: Floats) -> tuple[Floats, float]:
    """Fit a sphere to points of shape (point, 3); gives its centre, shape (3,), and its radius."""
    columns = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(columns, (points**2).sum(axis=1), rcond=None)[0]
    centre: Floats = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


@lru_cache(maxsize=1)
def standard_sphere() -> tuple[Floats, float]:
    """Centre, shape (3,), and radius of the sphere through common electrodes of the 10-05 system, in metres."""
    return sphere(np.array([_standard()[name.upper()][1] for name in COMMON]))


def standard_position_m(name: str) -> Floats | None:
    """Position of an electrode of the 10-05 system, shape (3,), in metres; None for other names."""
    found = _standard().get(name.strip().upper())
    return found[1] if found else None


def standard_name(name: str) -> str:
    """Spelling of an electrode in the 10-05 system, such as ``Fp1`` for ``FP1``; other names stay as they are."""
    found = _standard().get(name.strip().upper())
    return found[0] if found else name


@lru_cache(maxsize=1)
def _standard() -> dict[str, tuple[str, Floats]]:
    """Name and position of each electrode, by its name in capitals."""
    montage = mne.channels.make_standard_montage("colin27_1005")
    return {
        name.upper(): (name, np.asarray(place))
        for name, place in montage.get_positions()["ch_pos"].items()
    }
