"""Every page of the report, as a browser without network draws it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.app.conftest import QUICK, Place, app
from tests.browser import assert_draws

pytestmark = pytest.mark.app

PAGES = ("sub-01.html", "sub-02.html", "group.html")


@pytest.mark.parametrize("name", PAGES)
def test_each_page_draws_from_its_own_folder(finished: Place, tmp_path: Path, name: str) -> None:
    assert_draws(tmp_path, finished.out / name)


def test_reports_only_makes_the_pages_again(copied: Place, tmp_path: Path) -> None:
    for name in PAGES:
        (copied.out / name).unlink()
    for level in ("participant", "group"):
        assert app(copied.bids, copied.out, level, "--reports-only").code == 0
    assert_draws(tmp_path, *(copied.out / name for name in PAGES))


def test_a_dataset_without_eeg_gets_a_page_too(finished: Place, tmp_path: Path) -> None:
    bids, out = tmp_path / "bids", tmp_path / "out"
    shutil.copytree(
        finished.bids,
        bids,
        ignore=shutil.ignore_patterns("eeg", "sourcedata", "sub-02", "*run-2*"),
    )
    ended = app(bids, out, "participant", "--preproc-only", *QUICK)
    assert ended.code == 0, ended.said
    assert_draws(tmp_path, out / "sub-01.html")
