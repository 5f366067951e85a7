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
        own, constant = number(model, "score"), number(model, "score_constant")
        if own is None or constant is None:
            continue
        figures = f"{100 * own:.3f}", f"{100 * constant:.3f}"
        better = "better" if own < constant and figures[0] != figures[1] else "no better"
        said.append(
            f"{text(model, 'model')}: the interval score (95 %, in percent of the baseline; small is good) is "
            f"{figures[0]}, {better} than the {figures[1]} of one standard deviation for each voxel. "
            f"{_percent(model, 'reliable', 0)} of the voxels were predicted better than chance in people left out of "
            "training; --mask-unreliable leaves the others empty."
        )
    return said


def _percent(table: Table, key: str, digits: int = 1) -> str:
    value = number(table, key)
    return "n/a" if value is None else f"{100 * value:.{digits}f} %"
