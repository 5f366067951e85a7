"""Events of a run, from the table beside its BOLD."""

from __future__ import annotations

from pathlib import Path

from bids_app.pipeline.events import events_of, schedule_of
from bids_app.values.entities import BidsFile, Entities
from bids_app.values.pairing import Pairing, Run


def pairing_of(folder: Path) -> Pairing:
    name = "sub-01_task-rest_run-1_bold.nii.gz"
    entities = Entities.of({"sub": "01", "task": "rest", "run": "1"})
    return Pairing(entities, Run(BidsFile(folder / name, entities, "bold", ".nii.gz")), None)


def test_onsets_are_sorted_by_kind(tmp_path: Path) -> None:
    table = tmp_path / "sub-01_task-rest_run-1_events.tsv"
    table.write_text("onset\tduration\ttrial_type\n1.5\t1\ta\n4\t1\tb\n6\t1\ta\nn/a\t1\tc\n")
    assert events_of(pairing_of(tmp_path)) == [table]
    assert schedule_of(pairing_of(tmp_path)) == {"a": [1.5, 6.0], "b": [4.0]}


def test_events_without_a_kind_are_one_kind(tmp_path: Path) -> None:
    (tmp_path / "sub-01_task-rest_run-1_events.tsv").write_text("onset\tduration\n2\t0\n8\t0\n")
    assert schedule_of(pairing_of(tmp_path)) == {"event": [2.0, 8.0]}


def test_rest_has_no_schedule(tmp_path: Path) -> None:
    assert schedule_of(pairing_of(tmp_path)) == {}
    alone = Pairing(pairing_of(tmp_path).entities, None, None)
    assert schedule_of(alone) == {}
