"""Templates of a TemplateFlow archive on this computer, found without network (Ciric et al. 2022)."""

from __future__ import annotations

import os
from pathlib import Path

from bids_app.errors import MissingInputError

HOME = "TEMPLATEFLOW_HOME"
USUAL = "~/.cache/templateflow"
PARTS = {"brain": "desc-brain_mask", "GM": "label-GM_probseg", "WM": "label-WM_probseg"}
GET = (
    "on a computer with network: pip install templateflow, then "
    "python -c \"from templateflow.api import get; get('{}')\""
)


def archive() -> Path:
    """Folder of the archive: ``$TEMPLATEFLOW_HOME``, or where TemplateFlow puts it."""
    return Path(os.environ.get(HOME) or USUAL).expanduser()


def images(name: str) -> list[dict[str, Path]]:
    """Find what the archive has of a template, by resolution: ``T1w``, ``brain``, ``GM`` and ``WM`` each time.

    Raises
    ------
    MissingInputError
        When the archive, the template, its T1w or its tissues are missing.
    """
    folder = archive() / f"tpl-{name}"
    hint = GET.format(name)
    if not folder.is_dir():
        raise MissingInputError(
            f"{folder}: no such folder; expected the template {name} of TemplateFlow",
            hint=f"set {HOME} to the archive (in a container: mount it); {hint}",
        )
    heads = [path for path in sorted(folder.glob("*_T1w.nii.gz")) if "_desc-" not in path.name]
    found = []
    for head in heads:
        stem = head.name.removesuffix("T1w.nii.gz")
        parts = {part: folder / f"{stem}{ending}.nii.gz" for part, ending in PARTS.items()}
        if all(path.is_file() for path in parts.values()):
            found.append({"T1w": head, **parts})
    if not found:
        raise MissingInputError(
            f"{folder}: {len(heads)} T1w images; expected one with {', '.join(PARTS.values())} beside it",
            hint=f"MNI152NLin2009cAsym has them; {hint}",
        )
    return found
