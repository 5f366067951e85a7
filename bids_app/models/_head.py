"""Spatial filters that know where the electrodes are: virtual sources in a spherical head.

Whatever the cap, the same virtual sources are heard, so that what was learned of them with one cap holds for another.
A source is a current dipole at one of evenly spread places below the scalp, along one of three axes. Its filter is the
minimum-norm estimate for the average reference, scaled to unit output power when all sources are equally strong.

References
----------
Hämäläinen & Ilmoniemi (1994), Medical & Biological Engineering & Computing 32, 35-42 (minimum norm).
Mosher, Leahy & Lewis (1999), IEEE Transactions on Biomedical Engineering 46, 245-259 (potential on a sphere).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.errors import UsageError
from bids_app.files.electrodes import standard_position_m, standard_sphere
from bids_app.values import Floats

GOLDEN_ANGLE_RAD = np.pi * (1 + 5**0.5)


def source_filters(
    channels: Sequence[str],
    sources: Floats,
    noise_fraction: float,
    positions_m: Floats | None = None,
) -> Floats:
    """Spatial filters for EEG whose channels are scaled to unit spread.

    Parameters
    ----------
    channels : sequence of str
        Electrodes, in order. Those without a known place get no weight.
    sources : ndarray of shape (place, 3)
        Where the sources are, in units of the head's radius.
    noise_fraction : float
        Power of sensor noise, of that of all sources together: the regularisation.
    positions_m : ndarray of shape (channel, 3) or None
        See :func:`directions`.

    Returns
    -------
    ndarray of shape (3 * place, channel)
        The three axes of a place follow each other.

    Raises
    ------
    UsageError
        When no electrode has a known place.
    """
    places = directions(channels, positions_m)
    known = np.isfinite(places).all(axis=1)
    if not known.any():
        raise UsageError(
            f"none of the channels {', '.join(channels[:5])}… has a place: neither a name of the 10-05 system nor a "
            "usable position in electrodes.tsv",
            hint="give the electrodes their standard names or digitised positions, or choose another --architecture",
        )
    field = lead_field(places[known], sources)
    spread = np.sqrt(np.diag(field @ field.T))
    sensors = field @ field.T + noise_fraction * np.mean(spread**2) * np.eye(len(field))
    inverse = np.linalg.solve(sensors, field).T
    inverse /= np.sqrt(np.einsum("sc,cd,sd->s", inverse, sensors, inverse))[:, None]
    filters = np.zeros((len(inverse), len(channels)))
    # The model hears channels of unit spread; their true sizes are those of the lead field.
    filters[:, known] = inverse * spread
    return filters


def directions(names: Sequence[str], positions_m: Floats | None = None) -> Floats:
    """Place electrodes on a sphere: by their names in the 10-05 system, else by where they were digitised.

    Parameters
    ----------
    names : sequence of str
        Channel names; case does not count.
    positions_m : ndarray of shape (channel, 3) or None
        Digitised positions among the standard ones, in metres; NaN where there are none.

    Returns
    -------
    ndarray of shape (channel, 3)
        Unit vectors, RAS; NaN where neither is known.
    """
    places = np.full((len(names), 3), np.nan) if positions_m is None else positions_m.copy()
    for row, name in enumerate(names):
        standard = standard_position_m(name)
        if standard is not None:
            places[row] = standard
    rays = places - standard_sphere()[0]
    unit: Floats = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return unit


def source_places(n_places: int, depth_fraction: float, lowest_fraction: float) -> Floats:
    """Spread places evenly over a part of a sphere (a Fibonacci lattice).

    Parameters
    ----------
    n_places : int
        How many.
    depth_fraction : float
        Their distance from the centre of the head, of the scalp's.
    lowest_fraction : float
        Height of the lowest over the centre, of that distance.

    Returns
    -------
    ndarray of shape (place, 3)
        RAS, in units of the head's radius.
    """
    number = np.arange(n_places) + 0.5
    height = 1 - (1 - lowest_fraction) * number / n_places
    angle = GOLDEN_ANGLE_RAD * number
    ring = np.sqrt(1 - height**2)
    lattice = np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)
    return np.asarray(depth_fraction * lattice)


def lead_field(electrodes: Floats, places: Floats) -> Floats:
    """Potentials of dipoles in a homogeneous sphere of radius 1.

    Parameters
    ----------
    electrodes : ndarray of shape (channel, 3)
        Unit vectors.
    places : ndarray of shape (place, 3)
        Dipoles, inside.

    Returns
    -------
    ndarray of shape (channel, 3 * place)
        Against the average reference (a single electrode: against infinity), for dipoles along x, y and z in turn.
    """
    # gradient over the place of 2/d - log(1 - e.p + d), the potential's generating function
    apart = electrodes[:, None] - places
    distance = np.linalg.norm(apart, axis=2, keepdims=True)
    along = 1 - electrodes @ places.T + distance[..., 0]
    toward = apart / distance
    gradient = 2 * toward / distance**2 + (electrodes[:, None] + toward) / along[..., None]
    field: Floats = gradient.reshape(len(electrodes), -1)
    return field - field.mean(axis=0) if len(field) > 1 else field
