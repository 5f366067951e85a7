"""Read estimates back from their derivatives."""

from __future__ import annotations

from bids_app.derivatives.write import TISSUES, Target
from bids_app.files import nifti, transforms
from bids_app.values.estimates import AnatFit


def anatomy(target: Target, notes: tuple[str, ...]) -> AnatFit:
    """Read what :func:`bids_app.derivatives.write.write_anatomy` wrote.

    Parameters
    ----------
    target : Target
        Where it lies.
    notes : tuple of str
        What was noted when it was estimated.
    """
    to_t1w = {"from": target.space.name, "to": "T1w", "mode": "image"}
    warp = target.path("anat", "xfm.nii.gz", to_t1w)
    return AnatFit(
        t1w=nifti.read_volume(target.path("anat", "T1w.nii.gz", {"desc": "preproc"})),
        brain=nifti.read_mask(target.path("anat", "mask.nii.gz", {"desc": "brain"})),
        tissues={
            tissue: nifti.read_volume(
                target.path("anat", "probseg.nii.gz", {"label": tissue})
            ).data
            for tissue in TISSUES
        },
        template_to_t1w=transforms.read_affines(target.path("anat", "xfm.txt", to_t1w))[0],
        warp=transforms.read_warp(warp) if warp.is_file() else None,
        notes=notes,
    )
