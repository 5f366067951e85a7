"""Public datasets, rebuilt from the lists of their files, against pairing tables written from those lists."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_app.config import RunConfig
from bids_app.layout.check import labels
from bids_app.layout.pair import find
from bids_app.pipeline.eeg import scan_of
from bids_app.pipeline.plan import Row, rows_of

EXPECTED = Path(__file__).parent / "expected"
Rebuild = Callable[[str], Path]


def config(root: Path, eeg_dir: Path | None = None, variant: str | None = None) -> RunConfig:
    out = root.parent / "out"
    return RunConfig(root, out, out / "work", "participant", eeg_dir=eeg_dir, eeg_variant=variant)


def planned(given: RunConfig, *chosen: str) -> list[Row]:
    return [row for label in chosen or labels(given.bids_dir) for row in rows_of(label, given)[0]]


def compare(name: str, rows: list[Row], *people: str) -> None:
    """Compare what is planned with the table; where it has a clock, the clock too."""
    with (EXPECTED / f"{name}.tsv").open(encoding="utf-8") as opened:
        table = {(row["eeg"], row["bold"]): row for row in csv.DictReader(opened, delimiter="\t")}
    if people:
        words = [f"{prefix}{label}/" for label in people for prefix in ("sub-", "sub0")]
        kept = [key for key in table if any(word in "".join(key) for word in words)]
        table = {key: table[key] for key in kept}
    assert {(row.eeg, row.bold) for row in rows} == table.keys()
    for found in rows:
        told = table[found.eeg, found.bold]
        if told["status"] == "left out":
            assert (found.status, found.remark) == ("left out", told["rule"])
            continue
        assert (found.run, found.rule) == (told["run"], told["rule"])
        if told["offset_s"] == "refused":
            assert found.status == "refused"
        else:
            assert found.status == told["status"], found.remark
        if told["offset_s"] not in {"-", "refused"}:
            assert float(found.offset_s) == pytest.approx(float(told["offset_s"]), abs=0.0006)


def test_noddi(rebuilt: Rebuild) -> None:
    root = rebuilt("eeg_rest_fmri_NODDI")
    rows = planned(config(root))
    compare("eeg_rest_fmri_NODDI", rows)
    paired = [row for row in rows if row.status == "paired"]
    assert {row.markers for row in paired} == {"300/300"}
    assert {row.clock for row in paired} == {"Scan Start in recording"}
    assert {row.state for row in paired} == {"gradient and pulse removed"}
    raw = [row for row in planned(config(root, variant="raw")) if row.status != "left out"]
    assert {row.status for row in raw} == {"refused"}
    assert "no volume markers: nothing repeats every 2.16 s" in raw[0].remark
    assert "(every 2 s)" in raw[0].remark
    assert "--eeg-start" in raw[0].remark


def test_xp1(rebuilt: Rebuild) -> None:
    rows = planned(config(rebuilt("ds002336")))
    compare("ds002336", rows)


def test_xp2(ds002338: Path) -> None:
    rows = planned(config(ds002338))
    compare("ds002338", rows)
    why = [row.remark for row in rows if row.status == "refused"]
    assert len(why) == 2
    assert all("is a pointer of git-annex" in remark for remark in why)


def test_affective_music(rebuilt: Rebuild) -> None:
    root = rebuilt("ds002725")
    assert len(labels(root)) == 21
    rows = planned(config(root), "01", "21")
    compare("ds002725", rows, "01", "21")
    clocks = [row.clock for row in rows if row.status == "paired"]
    assert len(clocks) == 9
    assert all(clock.startswith("10 in sub-") for clock in clocks)
    (paused,) = (row for row in rows if row.status == "refused")
    assert "with a pause of 126 s in the middle" in paused.remark


def test_oddball(rebuilt: Rebuild, openfmri: Path) -> None:
    root = rebuilt("ds000116")
    rows = planned(config(root, openfmri))
    compare("ds000116", rows)
    paired = [row for row in rows if row.status == "paired"]
    assert len(paired) == 102
    assert {row.markers for row in paired} == {"0/170"}
    assert {row.state for row in paired} == {"gradient removed, pulse left"}
    # No sidecar tells the times of its slices: their number is that of the stand-in image.
    scan = scan_of(find(config(root, openfmri), "01").pairings[0], None)
    assert (scan.n_slices, scan.n_volumes) == (4, 170)
