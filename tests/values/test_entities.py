from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.labels import LABEL
from bids_app.values.entities import ORDER, Entities, bids_file, parse_name

LABELS = st.text("abcXYZ0123456789+", min_size=1, max_size=6)


def test_labels_stand_in_the_order_of_bids() -> None:
    found = Entities.of({"run": "01", "desc": "x", "task": "rest", "ses": "b", "sub": "001"})
    assert found.stem == "sub-001_ses-b_task-rest_run-01"
    assert found.participant == "001"
    assert found.get("run") == "01"
    assert found.get("acq") is None
    assert found.without("ses", "run").stem == "sub-001_task-rest"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"run": "01"}, {"run": "1"}, True),
        ({"run": "10"}, {"run": "1"}, False),
        ({"echo": "002"}, {"echo": "2"}, True),
        ({"run": "a1"}, {"run": "a01"}, False),
        ({"ses": "01"}, {"ses": "1"}, False),
        ({"sub": "01"}, {"sub": "1"}, False),
        ({"task": "01"}, {"task": "1"}, False),
    ],
)
def test_only_indices_are_compared_as_numbers(
    one: dict[str, str], other: dict[str, str], *, same: bool
) -> None:
    assert (Entities.of(one).key == Entities.of(other).key) is same
    assert Entities.of(one) != Entities.of(other)


def test_a_file_keeps_what_names_no_recording_apart() -> None:
    path = Path("sub-01/func/sub-01_task-rest_space-MNI_res-2_desc-preproc_bold.nii.gz")
    found = bids_file(path)
    assert found.path == path
    assert found.entities.stem == "sub-01_task-rest"
    assert (found.suffix, found.extension) == ("bold", ".nii.gz")
    assert found.extra == {"space": "MNI", "res": "2", "desc": "preproc"}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("sub-01_rest_bold.nii.gz", "rest"),
        ("sub-01_task-_bold.nii.gz", "task-"),
        ("-01_bold.nii.gz", "-01"),
        ("sub-01_task-a-b_bold.nii.gz", "task-a-b"),
        ("sub-01_task-é_bold.nii.gz", "task-é"),
        ("sub-01__bold.nii.gz", ""),
        ("EEG data_old_eeg.vhdr", "EEG data"),
    ],
)
def test_what_is_no_entity_is_told(name: str, part: str) -> None:
    told = f"{name}: {part!r} is not an entity; expected key-label"
    with pytest.raises(ValueError, match=re.escape(told)):
        bids_file(Path(name))


@given(
    labels=st.dictionaries(st.sampled_from([*ORDER, "space", "desc"]), LABELS),
    suffix=st.sampled_from(["bold", "eeg", "T1w"]),
    extension=st.sampled_from([".nii.gz", ".vhdr", ".set"]),
)
def test_a_name_that_was_built_is_read_back(
    labels: dict[str, str], suffix: str, extension: str
) -> None:
    name = "_".join([*(f"{key}-{label}" for key, label in labels.items()), suffix]) + extension
    assert parse_name(name) == labels | {"suffix": suffix, "extension": extension}
    read = bids_file(Path(name))
    assert dict(read.entities.labels) | read.extra == labels
    assert [key for key, _ in read.entities.labels] == [key for key in ORDER if key in labels]


@given(st.text(max_size=40))
def test_any_name_is_read_or_refused(name: str) -> None:
    found = read(name)
    if found is None:
        return
    entities = {key: label for key, label in found.items() if key not in {"suffix", "extension"}}
    assert all(LABEL.fullmatch(label) for label in entities.values())
    assert all(f"{key}-{label}" in name for key, label in entities.items())


def read(name: str) -> dict[str, str] | None:
    with suppress(ValueError):
        return parse_name(name)
    return None
