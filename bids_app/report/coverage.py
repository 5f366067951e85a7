"""What the intervals of each model promise, and what they held in people whom it never saw."""

from __future__ import annotations

from bids_app.report.record import Table, number, rows, text


def of(record: Table) -> list[tuple[str, ...]]:
    """Rows of the table: model, interval, share inside, shares of the worst regions."""
    return [
        (
            text(model, "model"),
            _percent(inside, "promised", 0),
            _percent(inside, "held"),
            f"{_percent(inside, 'lowest')} to {_percent(inside, 'highest')}",
        )
        for model in rows(record, "intervals")
        for inside in rows(model, "inside")
    ]


def sentences(record: Table) -> list[str]:
    """Say of each model what its intervals are worth, and where it has skill."""
    said = []
    for model in rows(record, "intervals"):
        own = number(model, "score")
        constant, without = number(model, "score_constant"), number(model, "score_without_eeg")
        if own is None or constant is None or without is None:
            continue
        said.append(
            f"{text(model, 'model')}: the interval score (95 %, in percent of the baseline; small is good) is "
            f"{100 * own:.3f}, {_better(own, without)} of intervals that know no EEG, only how much each voxel "
            f"varied in this run, and {_better(own, constant)} of the same predictions with one standard deviation for "
            "each voxel. "
            f"{_percent(model, 'reliable', 0)} of the voxels were predicted better than chance in people left out of "
            "training; --mask-unreliable leaves the others empty."
        )
    return said


def _better(own: float, other: float) -> str:
    """Say whether a score is better than another, by as many digits as are shown."""
    shown = f"{100 * other:.3f}"
    return f"{'better' if own < other and f'{100 * own:.3f}' != shown else 'no better'} than the {shown}"


def _percent(table: Table, key: str, digits: int = 1) -> str:
    value = number(table, key)
    return "n/a" if value is None else f"{100 * value:.{digits}f} %"
