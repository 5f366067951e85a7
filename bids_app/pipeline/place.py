"""Where a participant's derivatives go, and which figures they bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bids_app.config import RunConfig
from bids_app.derivatives.names import Space, derivative, uri
from bids_app.derivatives.write import Target
from bids_app.preproc.fmri import grid_for
from bids_app.values.entities import Entities
from bids_app.values.space import Grid

PHOTO = "jpg"
HALF = 0.5
"""Probability from which a voxel belongs to a mask or a tissue."""


def output_grid(config: RunConfig) -> Grid:
    """Grid of the output images."""
    return grid_for(config.resolution_mm)


def resolution_label(config: RunConfig) -> str:
    """BIDS ``res`` label: labels hold letters and digits only, so that 2.5 mm is ``2p5``."""
    return f"{config.resolution_mm:g}".replace(".", "p")


def target(
    config: RunConfig, entities: Entities, template: str, sources: list[Path], dataset: str = "raw"
) -> Target:
    """Where derivatives of a recording go.

    Parameters
    ----------
    config : RunConfig
        The call.
    entities : Entities
        The recording.
    template : str
        Template of images that are not in native space.
    sources : list of Path
        What they are made from.
    dataset : str, default="raw"
        Name of the dataset that the sources lie in.
    """
    roots = {"raw": config.bids_dir, "": config.output_dir} | config.derivatives

    def told(path: Path) -> str:
        if dataset == "raw" and config.eeg_dir and path.is_relative_to(config.eeg_dir):
            return uri(path, config.eeg_dir, "eeg")
        return uri(path, roots[dataset], dataset)

    return Target(
        root=config.output_dir,
        entities=entities,
        space=Space(template, resolution_label(config)),
        sources=tuple(told(path) for path in sources),
    )


class Figures:
    """The figures of one recording, or of the group: where they go, and what is said of them.

    Parameters
    ----------
    root : Path
        Output folder.
    entities : Entities or None
        The recording; None for the group.
    """

    def __init__(self, root: Path, entities: Entities | None) -> None:
        self.root = root
        self.entities = entities
        self.told: list[dict[str, str]] = []

    def add(self, what: str, title: str, caption: str, ending: str = "png") -> Path:
        """Announce a figure.

        Parameters
        ----------
        what : str
            Letters and digits, for the file's name.
        title, caption : str
            For the page; the caption is also read aloud.
        ending : str
            ``png``, or :data:`PHOTO` for slices of grey images, which are a third of the size so.

        Returns
        -------
        Path
            Where to draw it.
        """
        if self.entities is None:
            path = self.root / "figures" / f"group_desc-{what}_figure.{ending}"
        else:
            path = derivative(
                self.root, self.entities, "figures", f"figure.{ending}", {"desc": what}
            )
        told: dict[str, Any] = {
            "path": path.relative_to(self.root).as_posix(),
            "title": title,
            "caption": caption,
            "alt": caption,
        }
        self.told.append(told)
        return path

    def pair(self, what: str, title: str, caption: str) -> tuple[Path, Path]:
        """Announce two pictures that the page shows by turns; gives where to draw them."""
        first = self.add(what, title, caption, PHOTO)
        second = first.with_name(first.name.replace(f"desc-{what}_", f"desc-{what}2_"))
        self.told[-1]["second"] = second.relative_to(self.root).as_posix()
        return first, second

    def files(self) -> list[Path]:
        """The figures that were drawn."""
        names = [
            figure[key] for figure in self.told for key in ("path", "second") if key in figure
        ]
        return [self.root / name for name in names]
