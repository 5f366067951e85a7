"""The truth behind a simulated dataset, on disk in ``sourcedata/truth``.

Files of one participant, ``sub-01/``:

- ``sub-01_space-MNI152NLin2009aSym_res-3_desc-networks_probseg.nii.gz``: fractional change of each voxel for a change
  of 1 in each network (x, y, z, network);
- ``sub-01_label-GM|WM|CSF_probseg.nii.gz``: share of tissue on the T1w grid;
- ``sub-01_from-template_to-T1w_affine.tsv`` and ``…_warp.nii.gz``: pull maps as in ``values/estimates.py``; the last
  axis of the warp holds RAS millimetres;
- ``sub-01_person.json``: haemodynamic peak, rates of heart and breath.

Files of one run, ``sub-01_task-oddball_run-1…``:

- ``_latents.tsv``: one row per volume; ``time`` in seconds from the first volume, for each network ``NAME_latent``
  (drives the EEG), ``NAME_drive`` (drives the BOLD; the same unless uncoupled) and ``NAME_bold`` (fractional change,
  no noise);
- ``_oracle.tsv``: ``time``, and under each network's name the oracle's prediction of ``NAME_bold``;
- ``_motion.tsv``: one row per volume, 16 entries of the matrix from reference to volume millimetres, row by row;
- ``_from-T1w_to-reference_affine.tsv``: where the head lies in this run;
- ``_clock.json``: ``OffsetSeconds``, when the first volume starts after the first EEG sample, and
  ``NetworkStandardDeviation``, the size of network BOLD;
- ``_desc-noisefree_bold.nii.gz``: the BOLD without noise, with motion and slice timing;
- ``_desc-clean_eeg.vhdr``: what the brain contributes to the EEG, 250 Hz, without amplifier noise and artefacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from bids_app.files import nifti, sidecar, tables
from bids_app.simulate.networks import Network
from bids_app.values import Bools, Floats
from bids_app.values.estimates import Warp
from bids_app.values.space import Grid, Mask

FOLDER = Path("sourcedata") / "truth"
TRUTH_GRID = Grid(
    (53, 63, 52),
    np.array([[3.0, 0, 0, -78], [0, 3.0, 0, -112], [0, 0, 3.0, -70], [0, 0, 0, 1]]),
)
SPACE = "space-MNI152NLin2009aSym_res-3"
COUPLED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class AnatomyTruth:
    """What is true of one participant.

    Attributes
    ----------
    template_to_t1w : ndarray of shape (4, 4)
        Affine from warped template millimetres to T1w millimetres.
    warp : Warp
        Applied to template points before the affine.
    tissues : dict of str to ndarray of shape (x, y, z)
        Share of ``GM``, ``WM`` and ``CSF`` on the T1w grid.
    t1w_grid : Grid
        Grid of those.
    hrf_peak_s : float
        When the haemodynamic response peaks.
    """

    template_to_t1w: Floats
    warp: Warp
    tissues: dict[str, Floats]
    t1w_grid: Grid
    hrf_peak_s: float


@dataclass(frozen=True, slots=True, eq=False)
class RunTruth:
    """What is true of one run.

    Attributes
    ----------
    networks : tuple of Network
        Bands and signs.
    times_s : ndarray of shape (time,)
        What time each row stands for, from the start of the first volume.
    latents : ndarray of shape (time, network)
        Slow activity that modulates the EEG.
    bold : ndarray of shape (time, network)
        Network BOLD without noise, fractional change.
    oracle : ndarray of shape (time, network)
        The oracle's prediction of ``bold``.
    motion : ndarray of shape (time, 4, 4)
        Reference millimetres to volume millimetres.
    t1w_to_reference : ndarray of shape (4, 4)
        T1w millimetres to reference millimetres.
    offset_s : float
        When the first volume starts, in seconds after the first EEG sample.
    maps : ndarray of shape (x, y, z, network)
        Fractional change of each voxel for a change of 1 in each network, on ``TRUTH_GRID``.
    """

    networks: tuple[Network, ...]
    times_s: Floats
    latents: Floats
    bold: Floats
    oracle: Floats
    motion: Floats
    t1w_to_reference: Floats
    offset_s: float
    maps: Floats

    def weights(self, mask: Mask) -> Floats:
        """Fractional change of some template voxels for a change of 1 in each network, shape (network, voxel)."""
        return map_weights(self.maps, mask)

    def noise_free_rows(self, mask: Mask) -> Floats:
        """BOLD without noise, motion and slice timing, fractional change of shape (time, voxel)."""
        return self.bold @ self.weights(mask)

    def oracle_rows(self, mask: Mask) -> Floats:
        """The oracle's prediction, fractional change of shape (time, voxel)."""
        return self.oracle @ self.weights(mask)

    def coupled(self, mask: Mask) -> Bools:
        """Which voxels of a mask belong to a network, shape (voxel,)."""
        return np.asarray(self.weights(mask).max(axis=0) >= COUPLED_WEIGHT)


def map_weights(maps: Floats, mask: Mask) -> Floats:
    """Sample network maps on ``TRUTH_GRID``, shape (x, y, z, network), at a mask's voxels: shape (network, voxel)."""
    places = TRUTH_GRID.voxels(mask.points_mm()).T
    return np.stack([
        ndimage.map_coordinates(maps[..., index], places, order=1, mode="constant")
        for index in range(maps.shape[-1])
    ])


def read_run_truth(dataset: Path, run_name: str) -> RunTruth:
    """Read what is true of one run.

    Parameters
    ----------
    dataset : Path
        Root of the simulated dataset.
    run_name : str
        Such as ``sub-01_task-oddball_run-1``.

    Raises
    ------
    MissingInputError
        When the dataset holds no truth of this run.
    """
    participant = run_name.split("_", 1)[0]
    folder = dataset / FOLDER / participant
    networks = read_networks(dataset)
    latents = _numbers(folder / f"{run_name}_latents.tsv")
    oracle = _numbers(folder / f"{run_name}_oracle.tsv")
    clock = sidecar.read_json(folder / f"{run_name}_clock.json")
    maps = nifti.read_bold(
        folder / f"{participant}_{SPACE}_desc-networks_probseg.nii.gz", {"RepetitionTime": 1.0}
    )
    names = [network.name for network in networks]
    return RunTruth(
        networks=networks,
        times_s=latents["time"],
        latents=np.column_stack([latents[f"{name}_latent"] for name in names]),
        bold=np.column_stack([latents[f"{name}_bold"] for name in names]),
        oracle=np.column_stack([oracle[name] for name in names]),
        motion=_matrices(folder / f"{run_name}_motion.tsv"),
        t1w_to_reference=_matrices(folder / f"{run_name}_from-T1w_to-reference_affine.tsv")[0],
        offset_s=float(clock["OffsetSeconds"]),
        maps=maps.volumes[..., : len(networks)],
    )


def read_anatomy_truth(dataset: Path, participant: str) -> AnatomyTruth:
    """Read what is true of one participant.

    Parameters
    ----------
    dataset : Path
        Root of the simulated dataset.
    participant : str
        Label, without ``sub-``.
    """
    stem = f"sub-{participant}"
    folder = dataset / FOLDER / stem
    warp = nifti.read_bold(
        folder / f"{stem}_from-template_to-T1w_warp.nii.gz", {"RepetitionTime": 1.0}
    )
    tissues = {
        name: nifti.read_volume(folder / f"{stem}_label-{name}_probseg.nii.gz")
        for name in ("GM", "WM", "CSF")
    }
    return AnatomyTruth(
        template_to_t1w=_matrices(folder / f"{stem}_from-template_to-T1w_affine.tsv")[0],
        warp=Warp(warp.grid, warp.volumes.astype(np.float64)),
        tissues={name: volume.data for name, volume in tissues.items()},
        t1w_grid=tissues["GM"].grid,
        hrf_peak_s=float(sidecar.read_json(folder / f"{stem}_person.json")["HrfPeakSeconds"]),
    )


def read_networks(dataset: Path) -> tuple[Network, ...]:
    """Read which networks a simulated dataset has."""
    listed = sidecar.read_json(dataset / FOLDER / "truth.json")["Networks"]
    return tuple(
        Network(one["Name"], (one["BandHz"][0], one["BandHz"][1]), one["Sign"]) for one in listed
    )


def oracle_volumes(dataset: Path, run_name: str, mask: Mask) -> Floats:
    """Predict BOLD as the oracle does, fractional change of shape (time, voxel) of a template mask."""
    return read_run_truth(dataset, run_name).oracle_rows(mask)


def noise_free_rows(dataset: Path, run_name: str, mask: Mask) -> Floats:
    """Read the BOLD without noise, fractional change of shape (time, voxel) of a template mask."""
    return read_run_truth(dataset, run_name).noise_free_rows(mask)


def write_matrices(path: Path, matrices: Floats) -> Path:
    """Write matrices of shape (time, 4, 4), one a row."""
    names = [f"m{row}{column}" for row in range(4) for column in range(4)]
    flat = matrices.reshape(len(matrices), 16)
    return tables.write_tsv(
        path, {name: exact(flat[:, index]) for index, name in enumerate(names)}
    )


def exact(numbers: Floats | Sequence[float]) -> list[str]:
    """Write numbers of shape (row,) so that they are read back to nine digits."""
    return [f"{number:.9g}" for number in numbers]


def _numbers(path: Path) -> dict[str, Floats]:
    return {
        name: np.array([tables.number(cell) for cell in cells])
        for name, cells in tables.read_tsv(path).items()
    }


def _matrices(path: Path) -> Floats:
    columns = _numbers(path)
    return np.column_stack(list(columns.values())).reshape(-1, 4, 4)


def describe_networks(networks: tuple[Network, ...]) -> list[dict[str, Any]]:
    """List networks for a JSON file."""
    return [{"Name": one.name, "BandHz": list(one.band_hz), "Sign": one.sign} for one in networks]
