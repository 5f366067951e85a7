"""The cap, the dipoles under it, and the lead field between them."""

from __future__ import annotations

from dataclasses import dataclass

import mne
import numpy as np
from scipy import ndimage

from bids_app.simulate.networks import Networks
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.streams import stream
from bids_app.values import Floats
from bids_app.values.template import Template

# fmt: off
ELECTRODES = (
    "Fp1", "Fp2", "AF3", "AF4", "F7", "F3", "Fz", "F4", "F8", "FC5", "FC1", "FC2", "FC6", "T7", "C3", "Cz", "C4",
    "T8", "CP5", "CP1", "CP2", "CP6", "P7", "P3", "Pz", "P4", "P8", "PO7", "PO3", "PO4", "PO8", "O1", "Oz", "O2",
)
CAPS = {
    19: (
        "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1",
        "O2",
    ),
    34: ELECTRODES,
    64: (
        *ELECTRODES, "F1", "F2", "F5", "F6", "FC3", "FC4", "FT7", "FT8", "C1", "C2", "C5", "C6", "CP3", "CPz", "CP4",
        "TP7", "TP8", "P1", "P2", "P5", "P6", "POz", "AF7", "AF8", "FT9", "FT10", "TP9", "TP10", "Fpz", "Iz",
    ),
}
# fmt: on
"""Electrodes of each cap."""
# left and right, by their names in the 10-05 system
MASTOIDS = {"LM": "M1", "RM": "M2"}
REFERENCE = "FCz"
GROUND = "AFz"
ELECTRODE_SPREAD_M = 0.003
ORIENTATION_SPREAD_RAD = 0.2
DEPTH_LIMIT = 0.97
# centre and half axes of the cerebrum in the template, carried to the inner sphere
CEREBRUM_CENTRE_MM = np.array([0.0, -17.0, 12.0])
CEREBRUM_HALF_MM = np.array([70.0, 90.0, 72.0])
BRAIN_OF_SPHERE = 0.84
EVOKED_MM = np.array([[2.0, -52.0, 56.0]])
SHALLOWEST_CORTEX = 0.62
GREY = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """Electrodes on one head.

    Attributes
    ----------
    names : tuple of str
        Electrodes, without the reference.
    positions_m : ndarray of shape (channel, 3)
        Head coordinates: RAS, origin between the ears.
    reference_m : ndarray of shape (3,)
        Where the reference sits.
    landmarks_m : dict of str to ndarray of shape (3,)
        ``NAS``, ``LPA``, ``RPA``.
    """

    names: tuple[str, ...]
    positions_m: Floats
    reference_m: Floats
    landmarks_m: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Dipoles:
    """Cortical current dipoles in template space.

    Attributes
    ----------
    points_mm : ndarray of shape (dipole, 3)
        Where.
    normals : ndarray of shape (dipole, 3)
        Unit vectors, from white matter outwards.
    owner : ndarray of shape (dipole,)
        Network number; -1 for the background, -2 for the evoked response.
    """

    points_mm: Floats
    normals: Floats
    owner: Floats


BACKGROUND, EVOKED = -1, -2


def make_cap(settings: SimulationSettings, label: str) -> Cap:
    """Put the cap on, not quite in its place."""
    montage = mne.channels.make_standard_montage(_standard())
    names = CAPS[settings.caps[(int(label) - 1) % len(settings.caps)]]
    mastoids = MASTOIDS if settings.layout == "ds000116" else {}
    sites = [*names, *mastoids.values(), REFERENCE]
    info = mne.create_info(sites, 1000.0, "eeg", verbose="error")
    info.set_montage(montage, verbose="error")
    positions = np.array([channel["loc"][:3] for channel in info["chs"]])
    rng = stream(settings.seed, label, "cap")
    positions = positions + ELECTRODE_SPREAD_M * rng.standard_normal(positions.shape) / np.sqrt(3)
    landmarks = {
        name: np.asarray(point["r"])
        for name, point in zip(("LPA", "NAS", "RPA"), info["dig"][:3], strict=True)
    }
    return Cap((*names, *mastoids), positions[:-1], positions[-1], landmarks)


def _standard() -> str:
    # MNE 1.13 gave the 10-05 system on Colin27 a new name and deprecates the old one.
    known = mne.channels.get_builtin_montages()
    return "colin27_1005" if "colin27_1005" in known else "standard_1005"


def place_dipoles(template: Template, networks: Networks, settings: SimulationSettings) -> Dipoles:
    """Draw the dipoles of all networks, of the background and of the evoked response from the cortex.

    They are the same in everyone, but for the orientation: see :func:`lead_field`.
    """
    rng = stream(settings.seed, "dipoles")
    points, normals = _cortex(template)
    voxels = np.round(networks.grid.voxels(points)).astype(int)
    weights = networks.regions[tuple(voxels.T)]
    n_coupled = settings.difficulty.n_coupled_dipoles
    chosen = [
        rng.choice(np.flatnonzero(weights[:, index] > 0.9), n_coupled, replace=False)  # noqa: PLR2004 (its core)
        for index in range(len(networks.networks))
    ]
    n_background = settings.difficulty.n_background_dipoles * len(networks.networks)
    chosen.append(rng.choice(len(points), n_background, replace=False))
    rows = np.concatenate(chosen)
    numbers = np.repeat(np.arange(len(networks.networks)), n_coupled)
    owner = np.concatenate([numbers, np.full(n_background, BACKGROUND), [EVOKED]])
    return Dipoles(
        np.concatenate([points[rows], EVOKED_MM]),
        np.concatenate([normals[rows], [[0.0, -0.3, 0.954]]]),
        owner,
    )


def _cortex(template: Template) -> tuple[Floats, Floats]:
    """Points of the cortex and the direction away from the white matter, each of shape (point, 3)."""
    step_mm = float(template.grid.zooms_mm[0])
    white = ndimage.gaussian_filter(template.wm, 2.0 / step_mm)
    points = template.grid.points_mm(np.argwhere(template.gm > GREY).astype(float))
    depth = np.linalg.norm((points - CEREBRUM_CENTRE_MM) / CEREBRUM_HALF_MM, axis=1)
    slope = np.stack(np.gradient(white), axis=-1)[template.gm > GREY]
    length = np.linalg.norm(slope, axis=1)
    # Deep grey matter has no column structure; the cerebellum is out of the cap's sight.
    kept = (depth > SHALLOWEST_CORTEX) & (points[:, 2] > -35) & (length > 1e-3)  # noqa: PLR2004 (anatomy)
    return points[kept], -slope[kept] / length[kept, None]


def lead_field(settings: SimulationSettings, label: str, cap: Cap, dipoles: Dipoles) -> Floats:
    """Volts at each electrode per ampere metre, against the reference.

    Parameters
    ----------
    settings : SimulationSettings
        For the seed.
    label : str
        Participant: orientations differ a little between people.
    cap : Cap
        Electrodes.
    dipoles : Dipoles
        Sources.

    Returns
    -------
    ndarray of shape (channel, dipole)
        Lead field of a spherical head of four shells.
    """
    electrodes = np.vstack([cap.positions_m, cap.reference_m])
    centre, radius = _sphere(electrodes)
    sphere = mne.make_sphere_model(r0=tuple(centre), head_radius=radius, verbose="error")
    inside = (dipoles.points_mm - CEREBRUM_CENTRE_MM) / CEREBRUM_HALF_MM
    inside /= np.maximum(1, np.linalg.norm(inside, axis=1, keepdims=True) / DEPTH_LIMIT)
    rng = stream(settings.seed, label, "orientation")
    normals = dipoles.normals + ORIENTATION_SPREAD_RAD * rng.standard_normal(dipoles.normals.shape)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    places = {"rr": centre + radius * BRAIN_OF_SPHERE * inside, "nn": normals}
    sources = mne.setup_volume_source_space(pos=places, verbose="error")
    forward = mne.make_forward_solution(
        _info(cap), trans=None, src=sources, bem=sphere, meg=False, eeg=True, verbose="error"
    )
    free = forward["sol"]["data"].reshape(len(electrodes), -1, 3)
    fixed = np.einsum("cdk,dk->cd", free, normals)
    field: Floats = fixed[:-1] - fixed[-1]
    return field


def _info(cap: Cap) -> mne.Info:
    places = dict(
        zip((*cap.names, REFERENCE), np.vstack([cap.positions_m, cap.reference_m]), strict=True)
    )
    montage = mne.channels.make_dig_montage(
        ch_pos=places,
        nasion=cap.landmarks_m["NAS"],
        lpa=cap.landmarks_m["LPA"],
        rpa=cap.landmarks_m["RPA"],
        coord_frame="head",
    )
    info = mne.create_info(list(places), 1000.0, "eeg", verbose="error")
    info.set_montage(montage, verbose="error")
    return info


def _sphere(points: Floats) -> tuple[Floats, float]:
    """Centre and radius of the sphere that fits points of shape (point, 3) best."""
    columns = np.column_stack([2 * points, np.ones(len(points))])
    solved = np.linalg.lstsq(columns, (points**2).sum(axis=1), rcond=None)[0]
    centre = solved[:3]
    return centre, float(np.sqrt(solved[3] + centre @ centre))
