"""``eeg2fmri-model show`` tells what a model is, and refuses what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bids_app import model_cli
from bids_app.learn import bundle as bundles
from bids_app.learn.train import Fitted
from bids_app.models import cnn
from bids_app.values.bundle import BoldSpec, EegSpec
from bids_app.values.space import Grid, Mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grid = Grid((3, 4, 5), np.diag([3.0, 3.0, 3.0, 1.0]))
    eeg = EegSpec(("Fz", "Cz"), 64.0, 20.0)
    bold = BoldSpec(
        Mask(grid, np.ones(grid.shape, bool)), "MNI152NLin2009aSym", "3", 2.0, 0.0, 6.0
    )
    model = cnn.build(eeg, bold, hidden=8)
    fitted = Fitted(model, "cnn", {"hidden": 8}, {"steps": 70, "ended": "step limit"})
    training = {
        "participants": [{"label": "01"}],
        "runs": ["a", "b"],
        "seed": 3,
        "scores": {"r": 0.123},
    }
    bundles.save(bundles.pack(fitted, eeg, bold, np.ones(60), training), tmp_path / "cnn")
    return tmp_path / "cnn"


def test_a_model_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert model_cli.main(["show", str(folder)]) == 0
    said = capsys.readouterr().out
    for words in (
        "# cnn: EEG to BOLD",
        "2 channels (Fz, Cz), 64 Hz",
        "these channels, in this order",
        "60 voxels in MNI152NLin2009aSym, TR 2 s",
        "70 steps, ended by: step limit",
        "r 0.123 (people left out, mean)",
        "1 participants (01), 2 runs, seed 3",
        "not for diagnosis",
        bundles.identity(folder),
    ):
        assert words in said
    assert said.startswith((folder / "README.md").read_text("utf-8"))


def test_what_is_no_model_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bundle.json").write_text("{")
    assert model_cli.main(["show", str(folder)]) == 65
    assert "bundle.json: is not JSON" in capsys.readouterr().err
    assert model_cli.main(["show", str(folder / "nowhere")]) == 66
    assert "a model is a folder that holds" in capsys.readouterr().err
    assert model_cli.main(["tell"]) == 64
