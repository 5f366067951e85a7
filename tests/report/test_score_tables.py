from __future__ import annotations

from typing import Any

import pytest

from bids_app.report import tables


def score(row: str, value: Any, **changes: Any) -> dict[str, Any]:
    """A score of a run."""
    own = {"name": "r_mean", "value": value, "unit": "", "row": row, "on": "run-1", "split": "run"}
    return own | changes


def test_reference_rows_come_first_and_models_in_their_order() -> None:
    given = ["ridge", "cnn", "participant-mean", "zero", "events", "training-mean"]
    (table,) = tables.of([score(row, 0.5) for row in given], "run-1")
    assert [name for name, _, _ in table.rows] == [
        "zero",
        "training mean",
        "participant mean",
        "events",
        "ridge",
        "cnn",
    ]
    assert [is_model for _, is_model, _ in table.rows] == [False] * 4 + [True] * 2


def test_ceilings_and_controls_are_no_models() -> None:
    given = ["ridge", "ridge-constant-eeg", "oracle", "noise-free", "time-only", "zero"]
    (table,) = tables.of([score(row, 0.5) for row in given], "run-1")
    assert [(name, is_model) for name, is_model, _ in table.rows] == [
        ("zero", False),
        ("time only", False),
        ("noise free", False),
        ("oracle", False),
        ("ridge constant eeg", False),
        ("ridge", True),
    ]


def test_volumes_as_pictures_have_a_table_of_their_own() -> None:
    scores = [
        score("ridge", 0.1, name="r"),
        score("ridge", 0.98, name="ssim"),
        score("zero", 33.74, name="psnr", unit="dB"),
        score("ridge", 48.2, name="neff"),
    ]
    first, second = tables.of(scores, "run-1")
    assert first.columns == ("r", "effective n")
    assert (first.of_images, second.of_images) == (False, True)
    assert set(second.columns) == {"SSIM", "PSNR (dB)"}
    assert first.rows == (("ridge", True, ("+0.100", "48")),)


def test_each_figure_is_in_the_column_of_its_metric() -> None:
    scores = [
        score("ridge", 0.0512),
        score("zero", 7.12e-4, name="mse"),
        score("ridge", -0.2, name="r2_mean"),
        score("zero", None),
    ]
    (table,) = tables.of(scores, "run-1")
    assert table.columns == ("r (mean)", "R² (mean)", "MSE")
    assert table.rows == (
        ("zero", False, ("n/a", "n/a", "7.12 × 10⁻⁴")),
        ("ridge", True, ("+0.051", "−0.200", "n/a")),
    )


def test_splits_are_kept_apart_and_spelled_out() -> None:
    scores = [score("ridge", 0.1), score("ridge", 0.2, split="participant")]
    scores += [score("ridge", 0.3, split="odd"), score("ridge", 0.9, split="insample")]
    first, second, third = tables.of(scores, "run-1")
    assert first.meaning == "The model saw other runs of this person, but never this run."
    assert second.meaning.startswith("The model never saw this person")
    assert third.meaning == "Split “odd”: not described by the record."
    assert [table.rows[0][2] for table in (first, second, third)] == [
        ("+0.100",),
        ("+0.200",),
        ("+0.300",),
    ]


@pytest.mark.parametrize(
    ("value", "metric", "expected"),
    [
        (-0.0004, "r_mean", "−0.000"),
        (0.12345, "r", "+0.123"),
        (4.976e-4, "mse", "4.98 × 10⁻⁴"),
        (0.0, "mse", "0"),
        (12.0, "mse_mean", "1.20 × 10¹"),
        (-1.5, "skill", "−1.500"),
        (27.1828, "psnr", "27.18"),
        (float("nan"), "r", "n/a"),
        (None, "mse", "n/a"),
    ],
)
def test_figures_are_written_as_they_are_read(
    value: float | None, metric: str, expected: str
) -> None:
    assert tables.written(value, metric) == expected


@pytest.mark.parametrize(
    ("p", "expected"), [(0.5, "0.500"), (0.001, "0.001"), (0.0004, "0.0004"), (None, "n/a")]
)
def test_small_p_are_not_rounded_to_zero(p: float | None, expected: str) -> None:
    assert tables.written_p(p) == expected


def test_people_are_rows_with_their_mean() -> None:
    by = {"split": "participant"}
    scores = [score("ridge", 0.1, on="sub-01", **by), score("ridge", 0.3, on="sub-02", **by)]
    scores += [score("cnn", None, on="sub-02", **by), score("zero", None, on="sub-01", **by)]
    scores += [score("ridge", 0.9, on="group", **by), score("ridge", 0.9, on="sub-01_run-1", **by)]
    (table,) = tables.people(scores)
    assert table.models == ("ridge", "cnn")
    assert table.rows == (("sub-01", ("+0.100", "n/a")), ("sub-02", ("+0.300", "n/a")))
    assert table.means == ("+0.200", "n/a")
    assert table.intervals[1] == "n/a"


def test_the_mean_correlation_comes_first_whatever_the_order() -> None:
    names = ["snr", "mse", "r_median", "r_parcel_max", "skill", "r2", "r"]
    (table,) = tables.of([score("ridge", 0.5, name=name) for name in names], "run-1")
    assert table.columns == ("r", "r (median)", "r (parcel max)", "R²", "MSE", "skill", "snr")
    people = [score("ridge", 0.5, name=name, on="sub-01") for name in names]
    assert tables.people(people)[0].metric == "r"


@pytest.mark.parametrize(
    ("row", "split", "counts"),
    [
        ("transformer", "participant", True),
        ("transformer", "participant-normalised", True),
        ("transformer", "shuffled", False),
        ("transformer", "shuffled-normalised", False),
        ("transformer-teacher-forced", "participant", False),
        ("training-mean", "participant", False),
    ],
)
def test_only_predictions_that_do_not_leak_are_headlines(
    row: str, split: str, *, counts: bool
) -> None:
    assert tables.is_prediction(score(row, 0.1, split=split)) is counts
