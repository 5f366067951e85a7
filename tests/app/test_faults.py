"""A few of the faults of ``make faults``, for every run of the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.conftest import Place
from tests.faults import harness
from tests.faults.corrupted import CASES
from tests.faults.table import killed_after

pytestmark = pytest.mark.app

ONLY = ("--participant_label", "01", "--run", "1", *harness.QUICK)
SOME = ("BOLD: NaN affine", "BOLD: 10^9 volumes in the header", "sidecar: 100,000 levels deep")


@pytest.mark.parametrize("name", SOME)
def test_a_wrong_input_ends_soon_with_its_code_and_message(copied: Place, name: str) -> None:
    case = CASES[name]
    case.spoil(copied.bids)
    ended = harness.run(copied.bids, copied.out, "participant", *ONLY, timeout_s=120)
    assert ended.code == case.code, ended.said
    assert case.says in ended.said
    assert "Traceback" not in ended.said


def test_what_was_killed_goes_on_to_the_same_result(finished: Place, copied: Place) -> None:
    """From a state in which the EEG and the prediction have to be made again, with as many threads."""
    words = ("participant", *ONLY[:2], *harness.QUICK)
    forget(copied.out)
    assert harness.run(copied.bids, copied.out, *words).code == 0
    before = harness.digests(copied.out / "sub-01")
    forget(copied.out)
    assert killed_after(harness.start(copied.bids, copied.out, *words), 3.0)
    ended = harness.run(copied.bids, copied.out, *words)
    assert ended.code == 0, ended.said
    assert harness.digests(copied.out / "sub-01") == before
    assert not list(copied.out.rglob(".partial-*"))
    assert Path(finished.out / "sub-01.html").is_file()


def forget(out: Path) -> None:
    """Forget that EEG and predictions were made."""
    for path in (*out.glob("work/stages/*eeg*"), *out.glob("work/stages/*sources*")):
        path.unlink()
    shutil.rmtree(out / "work/finished")
