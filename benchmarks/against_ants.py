"""The same registrations by ANTs, in a Python of its own: its numpy is an older one.

This file is both sides: :func:`compare` writes the images, starts the other Python on this file, and judges where ANTs
puts the points; :func:`register` runs there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas

Floats = Any


def compare(
    chosen: argparse.Namespace,
    case: Any,
    fits: tuple[Any, Any, Floats],
    template: Any,
    asked: dict[str, tuple[Floats, Floats | None]],
) -> None:
    """Print error and time of ANTs for the same images; one line when it is missing."""
    anat, run, offset = fits
    found = subprocess.run([chosen.ants, "-c", "import ants"], capture_output=True, check=False)
    if found.returncode:
        print(f"ANTs: {chosen.ants} has no antspyx, skipped")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, case, (anat, run), template)
        there, points = asked["T1w to template"]
        seen = asked["motion"][0]
        np.savez(folder / "points.npz", template=there, bold=seen)
        told = json.dumps({"slow": chosen.slow, "threads": chosen.threads})
        subprocess.run([chosen.ants, __file__, str(folder), told], check=True)
        results = np.load(folder / "found.npz")
        for kind in [key for key in results if key.startswith("SyN")]:
            away = np.linalg.norm(results[kind] - points, axis=1)
            print(f"ANTs {kind}: T1w to template mm: mean {away.mean():.3f}")
        moved = results["motion"]
        true = np.stack([place(motion @ offset, seen) for motion in case.motion[: len(moved)]])
        print(f"ANTs BOLDRigid mm: mean {np.linalg.norm(moved - true, axis=2).mean():.4f}")
        back = place(np.linalg.inv(case.t1w_to_reference) @ offset, seen)
        print(f"ANTs Rigid mm: mean {np.linalg.norm(results['rigid'] - back, axis=1).mean():.3f}")


def place(matrix: Floats, points: Floats) -> Floats:
    """Move points of shape (point, 3) by a matrix of shape (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def write(folder: Path, case: Any, fits: tuple[Any, Any], template: Any) -> None:
    """Write what ANTs registers: the same brains, stripped and corrected, that the engine registers."""
    from bids_app.files import nifti  # noqa: PLC0415 (the app is not installed in the other Python)
    from bids_app.values.space import Volume  # noqa: PLC0415 (the app is not installed in the other Python)

    anat, run = fits
    inside = template.brain.inside
    images = {
        "t1w": Volume(anat.t1w.data * anat.brain.inside, anat.t1w.grid),
        "template": Volume(template.t1.data * inside, template.grid),
        "reference": run.reference,
        "brain": Volume(run.brain.inside.astype(np.float32), run.brain.grid),
    }
    for name, image in images.items():
        nifti.write_volume(folder / f"{name}.nii.gz", image)
    bold = case.bold
    nifti.write_bold(folder / "bold.nii.gz", bold.volumes[..., :40], bold.grid, bold.tr_s)


def register(folder: Path, told: dict[str, Any]) -> None:
    """Register with ANTs; runs in the Python that has it."""
    import ants  # noqa: PLC0415 (antspyx is not installed in the app's own Python)

    read = {
        name: ants.image_read(str(folder / f"{name}.nii.gz"))
        for name in ("t1w", "template", "reference", "brain", "bold")
    }
    points = np.load(folder / "points.npz")
    flip = np.array([-1.0, -1.0, 1.0])  # RAS and LPS

    def through(transforms: list[str], where: Floats) -> Floats:
        table = pandas.DataFrame(where * flip, columns=["x", "y", "z"])
        moved = ants.apply_transforms_to_points(3, table, transforms)
        return moved[["x", "y", "z"]].to_numpy() * flip

    found = {}
    for kind in ("SyNQuick", *(["SyNCC"] if told["slow"] else [])):
        name = {"SyNQuick": "antsRegistrationSyNQuick[s]", "SyNCC": "SyNCC"}[kind]
        start = time.process_time()
        result = ants.registration(read["template"], read["t1w"], name, random_seed=7)
        print(f"ANTs {kind}: {time.process_time() - start:.0f} s CPU", flush=True)
        found[kind] = through(result["fwdtransforms"], points["template"])
    start = time.process_time()
    # Both stripped, without a mask: with one it ends far off, or not, with the seed.
    stripped = read["reference"] * read["brain"]
    rigid = ants.registration(stripped, read["t1w"], "Rigid", random_seed=7)
    print(f"ANTs Rigid: {time.process_time() - start:.0f} s CPU", flush=True)
    found["rigid"] = through(rigid["fwdtransforms"], points["bold"])
    start = time.process_time()
    motion = ants.motion_correction(read["bold"], read["reference"], "BOLDRigid")
    seconds = time.process_time() - start
    print(f"ANTs BOLDRigid, {read['bold'].shape[3]} volumes: {seconds:.0f} s CPU", flush=True)
    moved = [through(one, points["bold"]) for one in motion["motion_parameters"]]
    np.savez(folder / "found.npz", motion=np.stack(moved), **found)


if __name__ == "__main__":
    register(Path(sys.argv[1]), json.loads(sys.argv[2]))
