"""Forward patterns are drawn where the electrodes are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from bids_app.report.figures import Explained, forward_patterns

DIRECTIONS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-0.6, 0, 0.8], [np.nan] * 3])


def explained(n_channels: int = 5) -> Explained:
    return Explained(
        title="somewhere",
        directions=DIRECTIONS[-n_channels:],
        topography=np.array([0.1, -0.4, 0.2, 0.3, 9.0])[-n_channels:],
        band="8–13",
        bands=("4–8", "8–13", "13–30"),
        spectrum=np.array([0.1, -0.5, 0.2]),
        lags_s=np.array([1.0, 2.0]),
        curve=np.array([0.5, 1.0]),
    )


def test_a_scalp_is_seen_from_above_and_what_has_no_place_is_left_out(
    drawn: list[Figure], tmp_path: Path
) -> None:
    forward_patterns(tmp_path / "patterns.png", [explained()])
    scalp, spectrum, course = drawn[0].axes[:3]
    x, y = (np.asarray(values) for values in scalp.lines[-1].get_data())
    nearer = np.arccos(0.8) / (np.pi / 2)
    assert np.column_stack([x, y]) == pytest.approx(
        np.array([[0, 0], [1, 0], [0, 1], [-nearer, 0]]), abs=1e-9
    )
    assert scalp.get_title(loc="left") == "somewhere\n8–13 Hz"
    heights = [patch.get_height() for patch in spectrum.patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx([0.1, -0.5, 0.2])
    assert np.asarray(course.lines[0].get_xdata()).tolist() == [1.0, 2.0]
    # The electrode without a place has the largest value: no shade is for it.
    assert drawn[0].axes[3].get_yticklabels()[-1].get_text() == "+0.4"


def test_few_electrodes_are_dots_without_a_surface(drawn: list[Figure], tmp_path: Path) -> None:
    forward_patterns(tmp_path / "patterns.png", [explained(3)] * 2)
    assert len(drawn[0].axes) == 6


def test_electrodes_on_a_line_are_dots_without_a_surface(
    drawn: list[Figure], tmp_path: Path
) -> None:
    tilt = np.linspace(-1, 1, 5)
    midline = np.column_stack([np.zeros(5), np.sin(tilt), np.cos(tilt)])
    forward_patterns(tmp_path / "patterns.png", [replace(explained(), directions=midline)])
    assert len(drawn[0].axes) == 3
