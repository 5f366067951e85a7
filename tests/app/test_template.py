"""A template of a TemplateFlow archive as the output space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bids_app.files import nifti
from bids_app.files.template import load_template
from tests.app.conftest import QUICK, Place, app, assert_valid
from tests.files.test_templateflow import archived

pytestmark = pytest.mark.app

RES_MM = 3
SHIFT = 2


def test_another_template_is_the_output_space(
    finished: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The app's own template under another name and two voxels farther forward: so lies what is brought to it.
    archived(tmp_path / "archive", load_template(2), shift_mm=(0, SHIFT * RES_MM, 0))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "archive"))
    which = ("--participant-label", "01", "--run", "1", "--preproc-only")
    out = tmp_path / "out"
    ended = app(
        finished.bids, out, "participant", *which, *QUICK, "--output-spaces", "Shifted:res-3"
    )
    assert ended.code == 0, ended.said
    for name in ("anat/sub-01_{}desc-preproc_T1w", "func/sub-01_task-oddball_run-1_{}boldref"):
        known = finished.out / "sub-01" / name.format("space-MNI152NLin2009aSym_res-3_")
        found = out / "sub-01" / name.format("space-Shifted_res-3_")
        before, after = (
            nifti.read_volume(path.with_name(path.name + ".nii.gz")).data
            for path in (known, found)
        )
        moved = np.roll(before, SHIFT, axis=1)[:, SHIFT:-SHIFT]
        assert np.corrcoef(moved.ravel(), after[:, SHIFT:-SHIFT].ravel())[0, 1] > 0.97
    page = (out / "sub-01.html").read_text(encoding="utf-8")
    assert "the template Shifted of TemplateFlow" in page
    assert_valid(out)
