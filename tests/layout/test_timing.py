from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.errors import DataError
from bids_app.layout.pair import find
from bids_app.layout.timing import beside, find_clock, table_events
from bids_app.values.pairing import Clock, Facts, Pairing, Scan
from bids_app.values.recording import Event, Header

RATE_HZ = 250.0
BOLD = "sub-01/func/sub-01_task-rest_bold.nii.gz"
EEG = "sub-01/eeg/sub-01_task-rest_eeg.vhdr"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make one run, of empty files."""
    for name in (BOLD, EEG):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).write_text("x")
    return tmp_path / "data"


def config(root: Path, **more: Any) -> RunConfig:
    return RunConfig(root, root.parent / "out", root.parent / "work", "participant", **more)


def pairing(root: Path, facts: Facts | None = None) -> Pairing:
    (found,) = find(config(root), "01").pairings
    return Pairing(
        found.entities, found.run, found.eeg, found.eeg_metadata, found.rule, facts or Facts()
    )


def header(onsets: Any = (), label: str = "R128", more: tuple[Event, ...] = ()) -> Header:
    marks = tuple(Event(float(onset), label) for onset in onsets)
    return Header(RATE_HZ, round(400 * RATE_HZ), ("Cz",), (*marks, *more))


def clock(root: Path, heard: Header, scan: Scan, facts: Facts | None = None, **more: Any) -> Clock:
    found = find_clock(pairing(root, facts), heard, scan, config(root, **more))
    assert found is not None
    return found


def events_table(root: Path, **columns: list[Any]) -> Path:
    path = root / EEG.replace("eeg.vhdr", "events.tsv")
    rows = zip(*columns.values(), strict=True)
    lines = ["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


# ------------------------------------------------------------ tables of events


def test_onsets_are_taken_where_they_agree_with_the_samples(root: Path) -> None:
    path = events_table(
        root, onset=[1.0, 2.001, 3.0], sample=[250, 501, 751], trial_type=["a", "b", "c"]
    )
    assert [event.onset_s for event in table_events(path, RATE_HZ)] == [1.0, 2.001, 3.0]


def test_samples_are_taken_where_the_onsets_count_from_something_else(root: Path) -> None:
    path = events_table(
        root, onset=[0.0, 2.0, "n/a"], sample=[2500, 3000, 3500], value=["R128"] * 3
    )
    assert [event.onset_s for event in table_events(path, RATE_HZ)] == [10.0, 12.0, 14.0]


def test_events_without_onset_or_name_are_no_markers(root: Path) -> None:
    path = events_table(
        root,
        onset=["n/a", 4.5, 4.5, 6.0],
        trial_type=["x", "x", "n/a", "y"],
        value=["1", "1", "2", "n/a"],
    )
    assert table_events(path, RATE_HZ) == (
        Event(4.5, "x"),
        Event(6.0, "y"),
        Event(4.5, "1"),
        Event(4.5, "2"),
    )


def test_a_table_that_cannot_be_read_is_told_and_left(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = events_table(root, onset=[1.0], value=["a"])
    path.write_text("onset\tvalue\n1\n")
    assert table_events(path, RATE_HZ) == ()
    assert "line 2 has 1 cells" in caplog.text


# ------------------------------------------------------------ who tells the clock


def test_the_recording_is_asked_first_then_its_table(root: Path) -> None:
    volumes = 5.0 + 2.0 * np.arange(100)
    scan = Scan(2.0, 100)
    assert clock(root, header(volumes), scan).source == "recording"
    events_table(root, onset=list(volumes + 1), trial_type=["volume"] * 100)
    assert clock(root, header(volumes), scan).offset_s == pytest.approx(5.0)
    found = clock(root, header(), scan)
    assert (found.source, found.marker) == ("sub-01_task-rest_events.tsv", "volume")
    assert found.offset_s == pytest.approx(6.0)


@pytest.mark.parametrize("label", ["R128", "T  1", "Scanner/Scan Start", "10", "mri", "R149"])
def test_volumes_are_known_by_their_rhythm_among_slices_clock_marks_and_beats(
    root: Path, label: str, rng: np.random.Generator
) -> None:
    volumes = 5.0 + 2.16 * np.arange(100)
    slices = (volumes[:, None] + 0.072 * np.arange(30)).ravel()
    more = tuple(
        Event(float(onset), name)
        for name, onsets in (
            ("Scanner/s ", slices),
            ("SyncStatus/Sync On", 1.48 + 2.0 * np.arange(150)),
            ("Pulse Artifact/R", np.cumsum(rng.uniform(0.8, 1.0, 200))),
        )
        for onset in onsets
    )
    found = clock(root, header(volumes, label, more), Scan(2.16, 100))
    assert found.marker == " ".join(label.rsplit("/", maxsplit=1)[-1].split())
    assert found.n_found == 100
    assert found.offset_s == pytest.approx(5.0)


def test_the_users_start_stands_in_for_markers(root: Path) -> None:
    found = clock(root, header(), Scan(2.0, 100), eeg_start_s=-2.5)
    assert found == Clock(-2.5, n_expected=100, source="--eeg-start")
    told = Facts("ds000116", start_s=0.0)
    assert clock(root, header(), Scan(2.0, 100), told).source == "ds000116"
    assert clock(root, header(), Scan(2.0, 100), told, eeg_start_s=1.0).offset_s == 1.0


def test_markers_of_the_experiment_tell_the_start(root: Path) -> None:
    facts = Facts("XP", anchors=(("S 99", 2.0), ("S 2", 22.0)))
    first, second = Event(7.0, "Stimulus/S 99"), Event(47.0, "Stimulus/S 99")
    task = Event(27.0, "S  2")
    found = clock(root, header(more=(first, task, second)), Scan(2.0, 100), facts)
    assert (found.offset_s, found.source) == (5.0, "XP: first 'S 99'")
    found = clock(root, header(more=(task, second)), Scan(2.0, 100), facts)
    assert (found.offset_s, found.source) == (5.0, "XP: first 'S 2'")


def test_without_bold_and_without_markers_there_is_no_clock(root: Path) -> None:
    assert find_clock(pairing(root), header(), Scan(2.0, None), config(root)) is None
    assert find_clock(pairing(root), header(), Scan(None, None), config(root)) is None
    with pytest.raises(DataError, match="no volume markers"):
        find_clock(pairing(root), header(), Scan(2.0, 100), config(root))


def test_a_marker_that_is_known_is_looked_for_alone(root: Path) -> None:
    relay = tuple(Event(3.3 + 2 * index, "47") for index in range(110))
    volumes = 20.7 + 2.0 * np.arange(100)
    heard, scan = header(volumes, "10", relay), Scan(2.0, 100)
    with pytest.raises(DataError, match=r"'10' and '47' both repeat every 2 s") as caught:
        clock(root, heard, scan)
    assert "--volume-marker" in caught.value.hint
    assert clock(root, heard, scan, volume_marker="10").offset_s == pytest.approx(20.7)
    assert clock(root, heard, scan, Facts("x", marker="10")).offset_s == pytest.approx(20.7)


def test_volumes_that_were_not_stored_are_read_from_the_sidecar(root: Path) -> None:
    told = {"RepetitionTime": 2.0, "NumberOfVolumesDiscardedByUser": 4}
    (root / BOLD.replace(".nii.gz", ".json")).write_text(json.dumps(told))
    found = clock(root, header(5.0 + 2.0 * np.arange(104)), Scan(2.0, 100))
    assert found.offset_s == pytest.approx(13.0)


def test_a_sidecar_that_contradicts_header_and_markers_is_told(root: Path) -> None:
    heard = header(5.0 + 2.16 * np.arange(100))
    told = (
        r"'R128' markers are 2\.16 s apart, as the header of the BOLD says; RepetitionTime is 2 s"
    )
    with pytest.raises(DataError, match=told) as caught:
        clock(root, heard, Scan(2.0, 100, 2.16))
    assert caught.value.hint == "correct RepetitionTime in the sidecar"
    with pytest.raises(DataError, match="no volume markers"):
        clock(root, heard, Scan(2.0, 100, 1.0))


# ------------------------------------------------------------ what lies beside a recording


def test_tables_and_sidecars_of_the_root_reach_recordings_elsewhere(root: Path) -> None:
    (root / "task-rest_channels.tsv").write_text("name   type   units\n'Cz'   EEG   microV\n")
    (root / "task-rest_eeg.json").write_text(
        '{"PowerLineFrequency": 50, "SamplingFrequency": 5000}'
    )
    found = beside(pairing(root), config(root))
    assert found.channels == {"name": ["Cz"], "type": ["EEG"], "units": ["microV"]}
    assert (found.line_hz, found.rate_hz, found.events) == (50.0, 5000.0, None)
    assert found.files == (root / "task-rest_channels.tsv",)
