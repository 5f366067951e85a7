"""What a task's events explain of BOLD, whatever the EEG says.

A block or event schedule drives EEG and BOLD alike. What a model predicts may then follow measured BOLD although the
EEG tells nothing that the schedule does not tell; what is left beside the schedule decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.models._power import lag_shapes
from bids_app.values import Floats

STEP_S = 0.1
LENGTH_S = 32.0
N_SHAPES = 3
"""Shapes of the hemodynamic family for each kind of event: amplitude, delay and width are free."""


def responses(schedule: Mapping[str, Sequence[float]], times_s: Floats) -> Floats:
    """Respond to the events of a run.

    Parameters
    ----------
    schedule : mapping of str to sequence of float
        Onsets of each kind of event, in seconds after the first volume began.
    times_s : ndarray of shape (time,)
        When the volumes were measured, on the same clock.

    Returns
    -------
    ndarray of shape (time, column)
        Hemodynamic responses, three for each kind of event.
    """
    lags_s = np.arange(0, LENGTH_S, STEP_S)
    shapes = lag_shapes(lags_s, N_SHAPES)
    n_steps = int(np.ceil(times_s[-1] / STEP_S)) + 1
    axis_s = STEP_S * np.arange(n_steps)
    columns = []
    for onsets in schedule.values():
        train = np.zeros(n_steps)
        steps = np.round(np.asarray(onsets, float) / STEP_S).astype(int)
        np.add.at(train, steps[(steps >= 0) & (steps < n_steps)], 1.0)
        columns += [
            np.interp(times_s, axis_s, np.convolve(train, shape)[:n_steps]) for shape in shapes.T
        ]
    return np.array(columns).reshape(len(columns), len(times_s)).T
