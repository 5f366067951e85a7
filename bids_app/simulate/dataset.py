"""A whole simulated dataset, written run by run."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bids_app.errors import CannotCreateError
from bids_app.files import nifti, sidecar
from bids_app.files.whole import write_text
from bids_app.simulate import eeg, tree, truth
from bids_app.simulate.anatomy import acquire_t1w
from bids_app.simulate.person import Person, make_person
from bids_app.simulate.run import draw_run, write_bold, write_eeg
from bids_app.simulate.sensors import lead_field, make_cap
from bids_app.simulate.settings import SimulationSettings
from bids_app.simulate.world import World, make_world
from bids_app.values import Floats
from bids_app.values.space import Volume

log = logging.getLogger(__name__)


def simulate(settings: SimulationSettings, dataset: Path) -> Path:
    """Write a simulated dataset.

    Parameters
    ----------
    settings : SimulationSettings
        What to simulate.
    dataset : Path
        Folder to write; must not hold anything yet.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    CannotCreateError
        When the folder holds something already.
    """
    refuse_occupied(dataset)
    world = make_world(settings)
    tree.write_root(dataset, settings)
    write_truth_root(dataset, world)
    for label in tree.labels(settings.n_participants):
        write_person(dataset, world, make_person(settings, label))
    return dataset


def refuse_occupied(folder: Path) -> None:
    """Refuse to write among what is there.

    Raises
    ------
    CannotCreateError
        When the folder holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotCreateError(
            f"{folder}: exists already; expected a folder that is new or empty",
            hint="name another folder, or remove this one",
        )


def write_truth_root(dataset: Path, world: World) -> None:
    """Write what is true of all participants."""
    folder = dataset / truth.FOLDER
    described = {
        "Networks": truth.describe_networks(world.networks.networks),
        "GreyMatterFraction": round(world.networks.grey_fraction, 4),
        "ReferenceTimeSeconds": world.settings.reference_time_s,
        "Settings": asdict(world.settings),
    }
    sidecar.write_json(folder / "truth.json", described)
    write_text(folder / "README", truth.__doc__ or "")


def write_person(dataset: Path, world: World, person: Person) -> None:
    """Write all files of one participant, one run at a time."""
    settings = world.settings
    anat = write_anatomy(dataset, world, person)
    sidecar.write_json(anat.with_name(anat.name.replace(".nii.gz", ".json")), tree.t1w_metadata())
    cap = make_cap(settings, person.label)
    tree.write_cap(dataset / f"sub-{person.label}" / "eeg", person.label, cap)
    field = lead_field(settings, person.label, cap, world.dipoles)
    model = eeg.sensor_model(world.networks.networks, field, world.dipoles, settings.difficulty)
    for number in range(1, settings.n_runs + 1):
        run = draw_run(dataset, world, person, str(number))
        log.info("%s: simulating", run.stem)
        size = write_bold(run)
        write_eeg(run, cap, model, size)


def write_anatomy(dataset: Path, world: World, person: Person) -> Path:
    """Write one participant's T1w image, and what is true of the participant; give the image's path."""
    stem = f"sub-{person.label}"
    t1w, tissues = acquire_t1w(world.settings, world.head, person)
    anat = dataset / stem / "anat" / f"{stem}_T1w.nii.gz"
    nifti.write_volume(anat, t1w, dtype=np.int16)
    _write_person_truth(dataset / truth.FOLDER / stem, world, person, tissues)
    return anat


def _write_person_truth(
    folder: Path, world: World, person: Person, tissues: dict[str, Floats]
) -> None:
    stem = f"sub-{person.label}"
    path = folder / f"{stem}_{truth.SPACE}_desc-networks_probseg.nii.gz"
    nifti.write_bold(path, world.maps, truth.TRUTH_GRID, 1.0)
    for name, tissue in tissues.items():
        path = folder / f"{stem}_label-{name}_probseg.nii.gz"
        nifti.write_volume(path, Volume(tissue.round(3), person.t1w_grid))
    anatomy = person.anatomy
    truth.write_matrices(
        folder / f"{stem}_from-template_to-T1w_affine.tsv", anatomy.template_to_t1w[None]
    )
    warp = anatomy.warp
    nifti.write_bold(
        folder / f"{stem}_from-template_to-T1w_warp.nii.gz", warp.displacement_mm, warp.grid, 1.0
    )
    facts = {
        "HrfPeakSeconds": person.hrf_peak_s,
        "HeartHz": person.heart_hz,
        "BreathHz": person.breath_hz,
    }
    sidecar.write_json(folder / f"{stem}_person.json", facts)
