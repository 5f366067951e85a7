"""The files of a folder, by name, found without importing them."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from types import ModuleType

from bids_app.errors import UsageError

NOT_PLUGINS = {"__init__", "base"}


def names(folder: str) -> tuple[str, ...]:
    """List the plugins of a folder of this package.

    Parameters
    ----------
    folder : str
        Path below the package, such as ``"models"`` or ``"layout/datasets"``.

    Returns
    -------
    tuple of str
        File names without the suffix, sorted.
    """
    here = Path(__file__).resolve().parent / folder
    found = {path.stem for path in here.glob("*.py")}
    return tuple(sorted(name for name in found - NOT_PLUGINS if not name.startswith("_")))


def load(folder: str, name: str) -> ModuleType:
    """Import one plugin.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    check(folder, name)
    return import_module(f"bids_app.{folder.replace('/', '.')}.{name}")


def check(folder: str, name: str) -> None:
    """Refuse a name that no file of the folder has, without importing anything.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            f"there is no {name!r} in {folder}",
            hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}",
        )
