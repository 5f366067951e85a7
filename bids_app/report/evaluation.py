"""What the methods text says of scores and tests."""

from __future__ import annotations

from bids_app.learn.nulls import MAX_VOXEL_R, OTHER_RUNS, PHASES
from bids_app.report import tables
from bids_app.report.record import Table, rows, text


def sentences(record: Table) -> list[str]:
    """Write the sentences on evaluation, as the record shows that it was done."""
    scored = tables.shown(rows(record, "scores"))
    if not scored:
        return []
    said = ["Scores were computed on data that were not in training."]
    said += [
        tables.meaning(split) for split in tables.unique(text(score, "split") for score in scored)
    ]
    said.append("Correlation and R² are computed in time, for each voxel, on demeaned signals.")
    said += _chance([
        *rows(record, "tests"),
        *(test for run in rows(record, "runs") for test in rows(run, "tests")),
    ])
    if rows(record, "ceilings"):
        said.append(
            "How far evoked BOLD repeats was estimated from responses to the first half of a run's events and to the "
            "second, with the correction of Spearman and Brown [@spearman]."
        )
    if rows(record, "intervals"):
        said.append(
            "Predictive standard deviations were learned from the errors in people left out of training in turn; how "
            "much of the BOLD of test people lay inside the intervals was counted for all voxels and for each region, "
            "and scored by width and misses [@intervals]."
        )
    if any("Patterns_figure" in text(figure, "path") for figure in rows(record, "figures")):
        said.append(
            "Which EEG goes with predictions is told by forward patterns: the covariance of log band power, at each "
            "electrode and lag, with the predictions for left-out people, times the inverse covariance of the "
            "predictions of regions, shrunk by a tenth [@patterns]."
        )
    if rows(record, "participants"):
        said.append(
            "Intervals of means over people are Student's after Fisher's z below ten people, and "
            "a bootstrap over people from ten on [@bca]."
        )
    if rows(record, "runs"):
        said.append("Carpet plots follow Power [@carpet].")
    return said


def _chance(tests: list[Table]) -> list[str]:
    """Say against what scores were tested."""
    if not tests:
        return []
    said = [
        "Chance was estimated by circular shifts of the prediction against the measurement, "
        "which keep the autocorrelation of both; p is (1 + shifts that reach the score) / (1 "
        "+ shifts) [@permutation]. Fluctuations slower than 128 s were taken out of both first. Of many regions or "
        "voxels the largest correlation was compared with the largest of each shift [@maximum]"
    ]
    if any(text(test, "statistic") == MAX_VOXEL_R for test in tests):
        said[0] += "; maps of voxels hold the false discovery rate of their own shifts [@fdr]"
    said[0] += "."
    others = {text(test, "against", "") for test in tests}
    if PHASES in others:
        said.append(
            "The same was done with random phases of the prediction, equal in all voxels [@phases]."
        )
    if OTHER_RUNS in others:
        said.append(
            "It was also done with what the model gives for the EEG of other runs with the same schedule."
        )
    return said
