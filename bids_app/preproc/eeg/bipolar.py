"""From bipolar pairs to electrodes, where a recording holds differences between neighbours."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bids_app.errors import DataError
from bids_app.files.electrodes import standard_position_m
from bids_app.values import Floats
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

PAIR = re.compile(r"([A-Za-z]+\d*)-([A-Za-z]+\d*)")
MASTOIDS = ("LM", "RM")
ROWS = ("FP", "AF", "F", "FC", "C", "CP", "P", "PO", "O")
TEMPORAL = {"T": "C", "FT": "FC", "TP": "CP"}
FEWEST_PAIRS = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.bipolar]``: there are none."""


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Solve for the electrodes when all EEG channels are pairs ``A-B``; give other recordings back as they are.

    A pair is the first electrode minus the second. The electrodes that fit all pairs best in the least squares are
    known up to a constant, which the mean of the two mastoids takes, or of all electrodes where there are none.
    Electrodes come from front to back and from left to right.

    Raises
    ------
    DataError
        When the pairs do not hang together.
    """
    rows = recording.rows("EEG")
    pairs = [PAIR.fullmatch(recording.names[row]) for row in rows]
    if len(rows) < FEWEST_PAIRS or not all(pairs):
        return recording
    ends = [(pair[1], pair[2]) for pair in pairs if pair]
    names, matrix = electrodes_of(ends, scene.where)
    solved = (matrix.astype(np.float32) @ recording.volts[rows]).astype(np.float32)
    places = [standard_position_m(name) for name in names]
    others = recording.pick([row for row in range(len(recording.names)) if row not in rows])
    has_mastoids = {*MASTOIDS} <= {name for pair in ends for name in pair}
    against = "the mean of the mastoids" if has_mastoids else "their mean"
    tell(f"{len(rows)} bipolar pairs were brought to {len(names)} electrodes against {against}")
    return replace(
        others,
        volts=np.vstack([solved, others.volts]),
        names=(*names, *others.names),
        kinds=(*["EEG"] * len(names), *others.kinds),
        positions_m=np.vstack([
            np.array([np.full(3, np.nan) if place is None else place for place in places]),
            others.positions_m,
        ]),
    )


def electrodes_of(pairs: list[tuple[str, str]], where: str) -> tuple[list[str], Floats]:
    """Find what brings pairs to electrodes.

    Parameters
    ----------
    pairs : list of (str, str)
        Names of the two electrodes of each pair.
    where : str
        Name of the recording, for messages.

    Returns
    -------
    names : list of str
        Electrodes, without the mastoids.
    matrix : ndarray of shape (electrode, pair)
        Each electrode as a sum of pairs.

    Raises
    ------
    DataError
        When the pairs fall into parts that share no electrode: nothing tells the voltage between the parts.
    """
    nodes = sorted({name for pair in pairs for name in pair}, key=place_of)
    differences = np.zeros((len(pairs), len(nodes)))
    for row, (first, second) in enumerate(pairs):
        differences[row, nodes.index(first)] = 1
        differences[row, nodes.index(second)] = -1
    n_parts = len(nodes) - int(np.linalg.matrix_rank(differences))
    if n_parts != 1:
        raise DataError(
            f"{where}: its bipolar pairs fall into {n_parts} parts that share no electrode",
            hint="fewer pairs may be left out, so that each electrode is reached from each other",
        )
    names = [name for name in nodes if name not in MASTOIDS]
    mastoids = [name for name in MASTOIDS if name in nodes]
    zero = mastoids if len(mastoids) == len(MASTOIDS) else names
    wanted = np.zeros((len(names), len(nodes)))
    for row, name in enumerate(names):
        wanted[row, nodes.index(name)] = 1
    wanted[:, [nodes.index(name) for name in zero]] -= 1 / len(zero)
    matrix: Floats = wanted @ np.linalg.pinv(differences)
    return names, matrix


def place_of(name: str) -> tuple[int, int, str]:
    """Order of an electrode of the 10-10 system: from front to back, from left to right; others come last."""
    letters = name.rstrip("0123456789")
    number = name.removeprefix(letters)
    row = letters.removesuffix("z").upper()
    row = TEMPORAL.get(row, row)
    if row not in ROWS or not (number or letters.endswith("z")):
        return (len(ROWS), 0, name)
    if not number:
        return (ROWS.index(row), 0, name)
    steps = (int(number) + 1) // 2
    return (ROWS.index(row), -steps if int(number) % 2 else steps, name)
