from __future__ import annotations

import pytest

from bids_app.layout.join import BOLD_ALONE, EEG_ALONE, SAME, Key, join


def key(text: str) -> Key:
    """Labels of a name such as ``sub-01_task-rest``."""
    return tuple((part.split("-")[0], part.split("-")[1]) for part in text.split("_"))


def joined(bold: list[str], eeg: list[str]) -> set[tuple[str, str, str]]:
    def told(found: Key | None) -> str:
        return "_".join(map("-".join, found)) if found else ""

    found = join([key(one) for one in bold], [key(one) for one in eeg])
    return {(told(ours), told(theirs), rule) for ours, theirs, rule in found}


@pytest.mark.parametrize(
    ("bold", "eeg", "rule"),
    [
        ("sub-1_task-a", "sub-1_task-a", SAME),
        ("sub-1_task-a", "sub-1_task-a_run-1", "only partner: BOLD does not name its run (1)"),
        ("sub-1_task-a_run-1", "sub-1_task-a", "only partner: EEG does not name its run (1)"),
        ("sub-1_ses-b_task-a", "sub-1_task-a", "only partner: EEG does not name its session (b)"),
        ("sub-1_task-a_run-0", "sub-1_run-0", "only partner: EEG does not name its task (a)"),
        (
            "sub-1_task-CB",
            "sub-1_task-CBON",
            "only partner: task CBON of EEG is task CB of BOLD with the scanner on",
        ),
        (
            "sub-1_task-rest_run-2",
            "sub-1_task-fMRIrest",
            "only partner: task fMRIrest of EEG is task rest of BOLD with the scanner on; "
            "EEG does not name its run (2)",
        ),
    ],
)
def test_labels_that_can_mean_one_thing_only_are_joined(bold: str, eeg: str, rule: str) -> None:
    assert joined([bold], [eeg]) == {(bold, eeg, rule)}


@pytest.mark.parametrize(
    ("bold", "eeg"),
    [
        (["sub-1_task-a"], ["sub-1_task-b"]),
        (["sub-1_task-a_run-1"], ["sub-1_task-a_run-2"]),
        (["sub-1_ses-a_task-x"], ["sub-1_ses-b_task-x"]),
        (["sub-1_task-CB"], ["sub-1_task-CBOFF"]),
        (["sub-1_task-checker"], ["sub-1_task-checkeroff"]),
        (["sub-1_task-rest"], ["sub-1_task-GRADOFF"]),
        (["sub-1_task-a"], ["sub-1_task-a_run-1", "sub-1_task-a_run-2"]),
        (["sub-1_task-a_run-1", "sub-1_task-a_run-2"], ["sub-1_task-a"]),
        (["sub-1_task-rest"], ["sub-1_task-reston", "sub-1_task-restscan"]),
    ],
)
def test_labels_that_can_mean_more_are_not_joined(bold: list[str], eeg: list[str]) -> None:
    alone = {(one, "", BOLD_ALONE) for one in bold} | {("", one, EEG_ALONE) for one in eeg}
    assert joined(bold, eeg) == alone


def test_what_has_a_partner_of_its_own_name_is_nobody_elses() -> None:
    found = joined(["sub-1_task-CB", "sub-1_task-CBON"], ["sub-1_task-CBON"])
    assert found == {
        ("sub-1_task-CBON", "sub-1_task-CBON", SAME),
        ("sub-1_task-CB", "", BOLD_ALONE),
    }
