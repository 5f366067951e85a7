"""The frozen records passed between stages.

Axis order, here and nowhere else: EEG ``(channel, time)``, EEG windows ``(sample, channel, time)``, BOLD
``(x, y, z, time)``, flattened BOLD ``(time, voxel)``, points ``(point, 3)``. SI units unless a name says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Complexes = npt.NDArray[np.complexfloating[Any, Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
