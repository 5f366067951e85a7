"""Learning curves show the losses that were given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from bids_app.report.figures import learning_curves


def test_losses_and_the_kept_epoch_are_drawn(drawn: list[Figure], tmp_path: Path) -> None:
    long = (np.array([4e-4, 3e-4, 2e-4, 1e-4]), np.array([4e-4, 2e-4, 3e-4, 3.5e-4]), 1)
    short = (np.array([5e-4, 4e-4]), np.array([6e-4, 5e-4]), 1)
    learning_curves(tmp_path / "curves.png", [long, short])
    training, validation = drawn[0].axes
    lines = [np.asarray(line.get_ydata()) for line in training.lines]
    assert lines[0] == pytest.approx(np.array([4.0, 3.0, 2.0, 1.0]))
    assert lines[1] == pytest.approx(np.array([5.0, 4.0]))
    kept = [line.get_xydata() for line in validation.lines if line.get_marker() == "o"]
    assert np.vstack(kept) == pytest.approx(np.array([[2.0, 2.0], [2.0, 5.0]]))
