from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import signal

from bids_app.report import figures
from bids_app.report.figures import series
from bids_app.values import Floats

TR_S = 1.5


def heights(line: Line2D) -> Floats:
    """What a line shows upwards, shape (point,)."""
    return np.asarray(line.get_ydata(), dtype=float)


def course(n_volumes: int, *outliers: int) -> figures.Course:
    """Motion of a head, with outliers and one volume before the steady state."""
    rows = np.arange(n_volumes)
    fd_mm = np.where(np.isin(rows, outliers), 0.9, 0.1)
    fd_mm[0] = np.nan
    parameters = np.random.default_rng(0).standard_normal((n_volumes, 6)) * 0.01
    return figures.Course(parameters, fd_mm, fd_mm * 2, np.isin(rows, outliers), rows < 1)


def test_motion_is_drawn_in_millimetres_and_degrees(drawn: list[Figure]) -> None:
    given = course(40, 39)
    figures.motion(Path("m.png"), given, TR_S)
    shift, turn, displacement, dvars = drawn[0].axes
    np.testing.assert_array_equal(heights(shift.lines[1]), given.parameters[:, 1])
    np.testing.assert_allclose(heights(turn.lines[2]), given.parameters[:, 5] * 180 / np.pi)
    assert displacement.get_title(loc="left") == "mean 0.12 mm; volumes over 0.5 mm: 1"
    assert dvars.get_title(loc="left") == "mean 0.24; volumes over 1.5: 1"
    np.testing.assert_array_equal(heights(dvars.lines[0]), given.std_dvars)
    assert dvars.get_xlim() == (-TR_S / 2, 39.5 * TR_S)


def test_outliers_and_dummies_are_bands_in_each_panel(drawn: list[Figure]) -> None:
    figures.motion(Path("m.png"), course(40, 12, 30), TR_S)
    for panel in drawn[0].axes:
        outliers, dummies = panel.collections
        for bands, expected in ((outliers, (12, 30)), (dummies, (0,))):
            inside = [np.unique(np.asarray(path.vertices)[:, 0]) for path in bands.get_paths()]
            edges = [((row - 0.5) * TR_S, (row + 0.5) * TR_S) for row in expected]
            np.testing.assert_allclose(inside, edges, atol=1e-9)
        assert not np.array_equal(outliers.get_facecolor(), dummies.get_facecolor())


def test_motion_of_one_volume_is_drawn(drawn: list[Figure]) -> None:
    figures.motion(Path("m.png"), course(1), TR_S)
    assert drawn[0].axes[2].get_title(loc="left") == "volumes over 0.5 mm: 0"


def test_rows_are_sorted_by_tissue_and_then_by_likeness() -> None:
    rng = np.random.default_rng(1)
    common = rng.standard_normal(200)
    weight = np.array([0.2, 3.0, 0.0, 0.3, 4.0, 1.0, 0.1])
    tissue = np.array(["WM", "GM", "GM", "WM", "WM", "GM", "GM"])
    measured = common[:, None] * weight + 0.5 * rng.standard_normal((200, 7))
    assert series.sorted_rows(measured, tissue, 99).tolist() == [1, 5, 6, 2, 4, 3, 0]
    assert series.sorted_rows(measured, tissue, 3).tolist() == [1, 2, 0]


def test_standardised_equals_scipy_and_leaves_gaps() -> None:
    rng = np.random.default_rng(2)
    data = rng.standard_normal((30, 5)) + np.arange(30)[:, None] * np.linspace(0, 2, 5)
    data[:, 3] = 1000.1
    kept = np.arange(30) >= 6
    found = series.standardised(data, kept)
    expected = signal.detrend(data[6:], axis=0)
    expected[:, 3] = 0.0
    expected /= np.where(np.arange(5) == 3, 1.0, expected.std(axis=0))
    np.testing.assert_allclose(found[6:], expected, atol=1e-9)
    assert np.isnan(found[:6]).all()


def test_a_carpet_does_not_look_at_volumes_without_prediction(drawn: list[Figure]) -> None:
    rng = np.random.default_rng(3)
    measured = rng.standard_normal((30, 50)) * 0.01
    tissue = np.where(np.arange(50) < 20, "WM", "GM")
    shown = []
    for fill in (0.0, 99.0):
        synthesized = 0.1 * measured
        synthesized[:4] = fill
        figures.carpet(Path("c.png"), measured, synthesized, tissue, TR_S, np.arange(4))
        above, below = drawn[-1].axes[2:4]
        carpet: Floats = np.ma.filled(np.ma.asarray(below.images[0].get_array()), np.nan)
        shown.append((above.get_title(loc="left"), heights(above.lines[0]), carpet))
    assert shown[0][0] == shown[1][0]
    np.testing.assert_allclose(shown[0][1], shown[1][1])
    np.testing.assert_allclose(shown[0][2], shown[1][2])
    assert np.isnan(shown[1][2][:, :4]).all()


def test_a_carpet_says_how_large_both_signals_are_on_one_scale(drawn: list[Figure]) -> None:
    rng = np.random.default_rng(4)
    measured = rng.standard_normal((40, 60))
    measured *= 0.02 / measured.std(axis=0)
    tissue = np.repeat(["GM", "WM"], 30)
    figures.carpet(Path("c.png"), measured, 0.1 * measured, tissue, TR_S, np.array([], dtype=int))
    above, left, other, right = drawn[0].axes[:4]
    assert above.get_title(loc="left") == "measured (median SD of a voxel 2 %)"
    assert other.get_title(loc="left") == "synthesized (median SD of a voxel 0.2 %)"
    assert left.images[0].get_clim() == right.images[0].get_clim()
    assert tuple(left.images[0].get_extent()) == (0.0, 40 * TR_S, 60.0, 0.0)


def test_measured_volumes_that_are_not_known_are_left_blank(drawn: list[Figure]) -> None:
    measured = np.random.default_rng(6).standard_normal((20, 11))
    measured[:3] = np.nan
    figures.carpet(Path("c.png"), measured, None, np.repeat("GM", 11), TR_S, np.arange(0))
    carpet: Floats = np.ma.filled(np.ma.asarray(drawn[0].axes[1].images[0].get_array()), np.nan)
    assert np.isnan(carpet[:, :3]).all()
    assert np.isfinite(carpet[:, 3:]).all()


def test_a_carpet_of_measured_data_alone_has_one_panel(drawn: list[Figure]) -> None:
    measured = np.random.default_rng(5).standard_normal((20, 11))
    figures.carpet(Path("c.png"), measured, None, np.repeat("GM", 11), TR_S, np.arange(3))
    assert len(drawn[0].axes) == 3


def test_time_courses_are_percent_and_scored_where_both_exist(drawn: list[Figure]) -> None:
    true = np.array([[0.01, 0.0], [0.02, 0.0], [0.0, 0.0], [0.03, 0.0], [0.9, 0.0]])
    made = np.array([[0.0, 0.1], [0.01, 0.2], [-0.01, 0.1], [0.02, 0.2], [np.nan, np.nan]])
    figures.timecourses(Path("t.png"), true, made, TR_S, ("best", "flat"))
    best, flat = drawn[0].axes
    assert best.get_title(loc="left") == "best: r = +1.00"
    assert flat.get_title(loc="left") == "flat: r = n/a"
    np.testing.assert_allclose(heights(best.lines[1])[:4], [-0.5, 0.5, -1.5, 1.5])


def test_each_time_course_needs_a_title() -> None:
    with pytest.raises(ValueError, match="zip"):
        figures.timecourses(Path("t.png"), np.ones((5, 2)), np.ones((5, 2)), TR_S, ("one",))
