from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from bids_app.derivatives import names
from bids_app.values.entities import Entities

ROOT = Path("out")
WHO = Entities.of({"sub": "01", "ses": "b", "task": "rest", "run": "01"})


def test_the_examples_hold() -> None:
    found = doctest.testmod(names)
    assert found.attempted
    assert not found.failed


def test_a_name_keeps_what_the_raw_name_says() -> None:
    labels = names.Space("MNI152NLin2009aSym", "3").labels | {"desc": "preproc"}
    path = names.derivative(ROOT, WHO, "func", "bold.nii.gz", labels)
    assert path == ROOT / "sub-01" / "ses-b" / "func" / (
        "sub-01_ses-b_task-rest_run-01_space-MNI152NLin2009aSym_res-3_desc-preproc_bold.nii.gz"
    )


def test_without_a_session_there_is_no_folder_for_it() -> None:
    path = names.derivative(ROOT, WHO.without("ses"), "eeg", "eeg.vhdr")
    assert path == ROOT / "sub-01" / "eeg" / "sub-01_task-rest_run-01_eeg.vhdr"


@pytest.mark.parametrize("kind", ["figures", "log"])
def test_figures_and_logs_of_all_sessions_lie_together(kind: str) -> None:
    assert names.folder(ROOT, WHO, kind) == ROOT / "sub-01" / kind


def test_a_space_without_resolution_has_one_label() -> None:
    assert names.Space("T1w", None).labels == {"space": "T1w"}


@pytest.mark.parametrize(
    ("architecture", "split", "desc"),
    [
        ("sources", "participant", "synth"),
        ("sources", "run", "synthwithin"),
        ("sources", "block", "synthwithin"),
        ("sources", "calibrated", "synthcalibrated"),
        ("sources", "insample", "synthinsample"),
        ("cnn", "participant", "synthCnn"),
        ("band_power", "insample", "synthinsampleBandpower"),
    ],
)
def test_every_model_and_split_has_its_own_label(architecture: str, split: str, desc: str) -> None:
    assert names.synth(architecture, split) == desc


def test_a_uri_names_the_dataset() -> None:
    path = ROOT / "sub-01" / "eeg" / "a.vhdr"
    assert names.uri(path, ROOT) == "bids::sub-01/eeg/a.vhdr"
    assert names.uri(path, ROOT, "raw") == "bids:raw:sub-01/eeg/a.vhdr"
