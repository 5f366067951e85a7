from __future__ import annotations

import sys
from pathlib import Path

import pytest

import bids_app
from bids_app import plugins
from bids_app.errors import UsageError


def test_plugins_are_the_files_of_a_folder() -> None:
    folder = Path(bids_app.__file__).parent / "metrics"
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert plugins.names("metrics") == tuple(sorted(files - {"base"}))


def test_private_files_are_no_plugins() -> None:
    found = plugins.names("models")
    assert "ridge" in found
    assert not {"base", "__init__"}.intersection(found)
    assert not [name for name in found if name.startswith("_")]


def test_a_folder_that_is_not_there_has_none() -> None:
    assert plugins.names("layout/nothing") == ()


def test_loading_imports_the_file() -> None:
    assert plugins.load("preproc/eeg", "band").__name__ == "bids_app.preproc.eeg.band"


def test_a_near_miss_is_told() -> None:
    with pytest.raises(UsageError, match="there is no 'rigde' in models") as caught:
        plugins.check("models", "rigde")
    assert caught.value.hint == "did you mean 'ridge'?"


def test_what_is_known_is_listed() -> None:
    with pytest.raises(UsageError, match="there is no 'quux' in preproc/eeg") as caught:
        plugins.load("preproc/eeg", "quux")
    assert caught.value.hint == f"known: {', '.join(plugins.names('preproc/eeg'))}"


def test_checking_a_name_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bids_app.models.ridge", raising=False)
    plugins.check("models", "ridge")
    assert "bids_app.models.ridge" not in sys.modules
