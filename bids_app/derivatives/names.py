"""From what a file is to its name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.values.entities import Entities

DEFAULT_ARCHITECTURE = "sources"


@dataclass(frozen=True, slots=True)
class Space:
    """The space and resolution of an image, as BIDS labels.

    Attributes
    ----------
    name : str
        A template such as ``MNI152NLin2009aSym``, ``T1w`` for the participant's own, or empty for the space of the
        recording itself, which names do not tell.
    resolution : str or None
        Such as ``3``; None where the name has no ``res`` entity.
    """

    name: str
    resolution: str | None

    @property
    def is_template(self) -> bool:
        """Tell whether it is a space that people share."""
        return self.name not in {"", "T1w"}

    @property
    def labels(self) -> dict[str, str]:
        """As entities of a file name."""
        found = {"space": self.name, "res": self.resolution}
        return {name: label for name, label in found.items() if label}


NATIVE = Space("", None)


def derivative(
    root: Path,
    entities: Entities,
    datatype: str,
    ending: str,
    labels: dict[str, str] | None = None,
) -> Path:
    """Path of a derivative.

    Parameters
    ----------
    root : Path
        Top of the derivative dataset.
    entities : Entities
        Recording that it was made from.
    datatype : str
        ``anat``, ``eeg``, ``func`` or ``figures``.
    ending : str
        Suffix and extension, such as ``bold.nii.gz``.
    labels : dict, optional
        Further entities, in the order of BIDS: from, to, mode, space, res, label, desc.

    Examples
    --------
    >>> who = Entities.of({"sub": "01", "task": "rest", "run": "1"})
    >>> derivative(Path(), who, "func", "bold.nii.gz", {"desc": "synth"}).name
    'sub-01_task-rest_run-1_desc-synth_bold.nii.gz'
    """
    parts = [entities.stem, *(f"{name}-{label}" for name, label in (labels or {}).items()), ending]
    return folder(root, entities, datatype) / "_".join(parts)


def folder(root: Path, entities: Entities, datatype: str) -> Path:
    """Folder of a derivative; figures and logs of all sessions lie together."""
    top = root / f"sub-{entities.participant}"
    session = entities.get("ses")
    if session and datatype not in {"figures", "log"}:
        top = top / f"ses-{session}"
    return top / datatype


def synth(architecture: str, split: str) -> str:
    """``desc`` label of synthesized BOLD.

    Parameters
    ----------
    architecture : str
        Name of the model.
    split : str
        ``participant`` for a model that never saw this person, ``run`` or ``block`` for one that saw other data of
        this person, ``calibrated`` for one that was trained on others and calibrated on other runs of this person,
        ``insample`` for one that saw these data.

    Examples
    --------
    >>> synth("sources", "participant"), synth("cnn", "run")
    ('synth', 'synthwithinCnn')
    """
    kind = {"participant": "", "run": "within", "block": "within"}.get(split, split)
    name = (
        "" if architecture == DEFAULT_ARCHITECTURE else architecture.replace("_", "").capitalize()
    )
    return f"synth{kind}{name}"


def uri(path: Path, root: Path, dataset: str = "") -> str:
    """BIDS URI of a file: ``bids::…`` in this dataset, ``bids:raw:…`` in a linked one."""
    return f"bids:{dataset}:{path.relative_to(root).as_posix()}"
