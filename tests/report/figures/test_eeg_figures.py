from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bids_app.report import figures
from bids_app.values import Floats


def heights(line: Line2D) -> Floats:
    """What a line shows upwards, shape (point,)."""
    return np.asarray(line.get_ydata(), dtype=float)


def test_the_clock_shows_intervals_in_seconds_and_distances_in_milliseconds(
    drawn: list[Figure],
) -> None:
    marker_s = np.array([3.0, 5.0, 7.0, 11.0, 13.0])
    residual_s = np.array([0.0, 0.001, -0.004, 0.002, 0.001])
    figures.clock(Path("c.png"), marker_s, residual_s, "R128")
    left, right = drawn[0].axes
    assert heights(left.lines[0]).tolist() == [2.0, 2.0, 4.0, 2.0]
    assert left.get_title(loc="left") == "5 markers R128"
    np.testing.assert_allclose(heights(right.lines[1]), [0, 1, -4, 2, 1])
    assert right.get_title(loc="left").endswith("largest 4 ms")


def test_a_spectrum_is_in_decibel_of_square_microvolt(drawn: list[Figure]) -> None:
    frequency_hz = np.linspace(1, 60, 90)
    before = np.full((5, 90), 1e-10)
    before[:, 70] = 0.0
    after = before * np.array([0.1, 0.1, 0.01, 0.1, 0.1])[:, None]
    figures.eeg_spectrum(
        Path("s.png"), frequency_hz, (before, after), {"line": 50.0}, {"slice": 20.0}
    )
    (axes,) = drawn[0].axes
    levels = [heights(line) for line in axes.lines[:2]]
    np.testing.assert_allclose(levels[0][:70], 20.0)
    np.testing.assert_allclose(levels[1][:70], 10.0)
    assert axes.get_ylim() == (-75.0, 25.0)
    assert axes.texts[0].get_text() == " line"
    assert axes.lines[2].get_xdata() == [50.0, 50.0]
    (comb,) = [lines for lines in axes.collections if isinstance(lines, LineCollection)]
    assert [segment[0][0] for segment in comb.get_segments()] == [20.0, 40.0]
    assert comb.get_label() == "slice harmonics (20 Hz)"
