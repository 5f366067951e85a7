"""Where electrodes are: digitised, or of the 10-05 system."""

from __future__ import annotations

import logging
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

import mne
import mne_bids
import numpy as np

from bids_app.values import Floats

log = logging.getLogger(__name__)


def electrode_positions_m(path: Path, scratch: Path) -> dict[str, Floats]:
    """Read the digitised electrodes of a recording in a BIDS dataset, through MNE-BIDS.

    MNE-BIDS leaves lock files beside what it reads; it is given links to the files, so that the dataset is not touched.

    Parameters
    ----------
    path : Path
        The recording, in a folder ``eeg``.
    scratch : Path
        Folder that may be written to.

    Returns
    -------
    dict of str to ndarray of shape (3,)
        Position in metres, RAS head coordinates, by channel name; empty without a usable ``electrodes.tsv``.
    """
    if not any(path.parent.glob("*_electrodes.tsv")):
        return {}
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".links-") as folder:
        top = [part for part in path.name.split("_") if part.startswith(("sub-", "ses-"))]
        linked = Path(folder, *top, "eeg")
        linked.mkdir(parents=True)
        for file in path.parent.iterdir():
            (linked / file.name).symlink_to(file.resolve())
        return _digitised(linked / path.name, Path(folder), path)


def _digitised(linked: Path, root: Path, path: Path) -> dict[str, Floats]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = mne_bids.get_bids_path_from_fname(linked)
            raw = mne_bids.read_raw_bids(found.update(root=root), verbose="error")
            montage = raw.get_montage()
    except Exception as error:  # noqa: BLE001 (mne-bids raises whatever a malformed table leads to)
        log.warning("%s: electrodes.tsv cannot be used: %s", path, error)
        return {}
    placed = montage.get_positions()["ch_pos"] if montage else {}
    return {
        str(name): np.asarray(place) for name, place in placed.items() if np.isfinite(place).all()
    }


def standard_position_m(name: str) -> Floats | None:
    """Position of an electrode of the 10-05 system, shape (3,), in metres; None for other names."""
    found = _standard().get(name.strip().upper())
    return found[1] if found else None


def standard_name(name: str) -> str:
    """Spelling of an electrode in the 10-05 system, such as ``Fp1`` for ``FP1``; other names stay as they are."""
    found = _standard().get(name.strip().upper())
    return found[0] if found else name


@lru_cache(maxsize=1)
def _standard() -> dict[str, tuple[str, Floats]]:
    """Name and position of each electrode, by its name in capitals."""
    montage = mne.channels.make_standard_montage("colin27_1005")
    return {
        name.upper(): (name, np.asarray(place))
        for name, place in montage.get_positions()["ch_pos"].items()
    }
