from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from bids_app.report import figures


def test_dots_mean_and_interval_are_where_they_belong(drawn: list[Figure]) -> None:
    values = {"ridge": np.array([0.1, 0.2, np.nan, 0.6]), "zero": np.full(4, np.nan)}
    figures.score_bars(Path("s.png"), values, {"ridge": (0.05, 0.5)}, "mean r")
    (axes,) = drawn[0].axes
    dots, diamond, line = axes.lines[:3]
    assert np.asarray(dots.get_xdata()).tolist() == [0.1, 0.2, 0.6]
    assert np.asarray(diamond.get_xdata())[0] == pytest.approx(0.3)
    assert np.asarray(line.get_xdata()).tolist() == [0.05, 0.5]
    assert [text.get_text() for text in axes.texts] == ["+0.300  (n = 3)", "n/a"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ridge", "zero"]


def test_all_shifts_are_counted_and_the_observed_score_is_marked(drawn: list[Figure]) -> None:
    null = np.random.default_rng(0).normal(0, 0.03, 321)
    figures.null_histogram(Path("n.png"), null, 0.05, 0.034, "mean r")
    (axes,) = drawn[0].axes
    assert sum(bar.get_height() for bar in axes.patches) == 321  # type: ignore[attr-defined]  # bars
    assert axes.lines[0].get_xdata() == [0.05, 0.05]
    assert axes.get_title(loc="left") == "observed +0.050, p = 0.034"
