"""A record of a participant and one of a group, as the pipeline writes them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

RUN = "sub-01_task-rest_run-1"
SCORES = {
    "zero": (None, 7.12e-4, 0.0),
    "training-mean": (None, 7.3e-4, -0.025),
    "participant-mean": (None, 6.9e-4, 0.031),
    "ridge": (0.0512, 6.95e-4, 0.024),
}
SETTINGS = {
    "window_s": 30.0,
    "window_lag_s": 0.0,
    "resolution_mm": 3.0,
    "smoothing_fwhm_mm": 8.0,
    "random_seed": 7,
    "eeg": {
        "resample": {"rate_hz": 250.0},
        "band": {"low_hz": 0.5, "high_hz": 70.0},
        "notch": {"line_hz": 0.0},
        "reference": {},
    },
}


def scores(on: str, split: str) -> list[dict[str, Any]]:
    """Scores of all rows on one run, participant or group."""
    return [
        {"name": name, "value": value, "unit": "", "row": row, "on": on, "split": split}
        for row, values in SCORES.items()
        for name, value in zip(("r_mean", "mse", "skill"), values, strict=True)
    ]


def pairing(**changes: Any) -> dict[str, Any]:
    """A run that is done."""
    clock = {
        "offset_s": 4.25,
        "rate": 1.0000077,
        "residual_s": 0.00029,
        "first_s": 4.25,
        "last_s": 342.25,
        "n_found": 170,
        "n_expected": 170,
        "marker": "R128",
        "source": "recording",
    }
    done = {
        "run": RUN,
        "eeg": f"sub-01/eeg/{RUN}_eeg.vhdr",
        "bold": f"sub-01/func/{RUN}_bold.nii.gz",
        "rule": "same entities",
        "status": "done",
        "reason": "",
        "clock": clock,
        "n_samples": 155,
        "n_volumes": 170,
        "volumes_without_prediction": 15,
    }
    return done | changes


@pytest.fixture
def record() -> dict[str, Any]:
    """A participant with one run that is done and one that failed."""
    picture = {"path": "sub-01/figures/a.png", "title": "Masks", "caption": "Cap.", "alt": "Alt."}
    failed = pairing(
        run="sub-01_task-rest_run-2", status="failed", reason="no markers", clock=None
    )
    failed |= {"n_samples": None, "volumes_without_prediction": None}
    shift_test = {"model": "ridge", "split": "run", "statistic": "mean r"}
    run = {
        "run": RUN,
        "notes": ["slice times unknown"],
        "figures": [picture],
        "eeg": {
            "channels": 34,
            "rate_hz": 250.0,
            "notes": ["Fp1 was flat"],
            "artefacts": [
                {
                    "artefact": "gradient",
                    "found": True,
                    "removed": True,
                    "left": False,
                    "before": "slice harmonics +36.8 dB",
                    "after": "slice harmonics -0.1 dB",
                },
                {
                    "artefact": "pulse",
                    "found": True,
                    "removed": False,
                    "left": True,
                    "before": "41.0 % of the variance",
                    "after": "41.0 % of the variance",
                },
            ],
        },
        "tests": [shift_test | {"value": 0.05, "p": 0.0004, "n_shifts": 9999}],
    }
    return copy.deepcopy({
        "participant": "01",
        "version": "1.2.3",
        "command": "eeg2fmri IN OUT participant",
        "started": "2025-11-03T10:02:11.123+00:00",
        "finished": "2025-11-03T10:09:45+00:00",
        "settings": SETTINGS,
        "notes": ["two T1w images"],
        "verdict": "No relation is shown.",
        "pairings": [pairing(), failed],
        "unpaired": [{"file": "sub-01_task-x_eeg.vhdr", "reason": "no BOLD"}],
        "anatomy": {
            "t1w": "sub-01_T1w.nii.gz",
            "engine": "builtin",
            "notes": ["oblique"],
            "figures": [picture | {"path": "sub-01/figures/gone.png", "title": "Gone"}],
        },
        "runs": [run],
        "scores": scores("sub-01", "run") + scores(RUN, "run"),
        "errors": [{"what": "run-2", "why": "no markers", "hint": "name the marker"}],
        "validator": {"errors": 0, "warnings": 3, "codes": {"KEY_RECOMMENDED": 3}},
    })


@pytest.fixture
def group_record() -> dict[str, Any]:
    """A group of three, one of whom failed."""
    people = [
        {"name": "r_mean", "value": value, "unit": "", "row": "ridge", "on": on}
        | {"split": "participant"}
        for on, value in (("sub-01", 0.1), ("sub-02", 0.3))
    ]
    return copy.deepcopy({
        "participants": [
            {"label": "01", "status": "done", "reason": ""},
            {"label": "02", "status": "done", "reason": ""},
            {"label": "03", "status": "failed", "reason": "no pairs"},
        ],
        "models": ["ridge"],
        "scores": scores("group", "participant") + people,
        "figures": [
            {
                "path": "figures/group_desc-sourcesPatterns_figure.png",
                "title": "Which EEG",
                "caption": "Cap.",
                "alt": "Alt.",
            }
        ],
        "tests": [
            {"model": "ridge", "split": "participant", "statistic": statistic, "against": against}
            | {"value": 0.21, "p": 0.004, "n_shifts": 999}
            for statistic, against in (
                ("max parcel r", "circular shifts"),
                ("max parcel r", "random phases"),
                ("max parcel r", "EEG of other runs"),
                ("max voxel r", "circular shifts"),
            )
        ],
        "intervals": [
            {
                "model": "ridge",
                "inside": [
                    {"promised": 0.5, "held": 0.513, "lowest": 0.488, "highest": 0.527},
                    {"promised": 0.95, "held": 0.949, "lowest": 0.921, "highest": 0.961},
                ],
            }
            | {
                "score": 0.04213,
                "score_constant": 0.0433,
                "score_without_eeg": 0.0466,
                "reliable": 0.37,
            }
        ],
        "ceilings": [{"on": "group", "half": 0.31, "reliability": 0.473, "ceiling": 0.688}],
        "settings": SETTINGS,
        "version": "1.2.3",
        "command": "eeg2fmri IN OUT group",
        "errors": [],
        "notes": [],
        "verdict": "",
        "bundles": [{"name": "ridge", "path": "models/ridge"}],
    })


@pytest.fixture
def output(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Lay a record and its figure into an output folder."""

    def lay(content: dict[str, Any]) -> Path:
        is_group = "participants" in content
        name = "log/group.json" if is_group else "sub-01/log/record.json"
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
        buffer = BytesIO()
        Image.new("RGB", (30, 20), "red").save(buffer, "PNG")
        (tmp_path / "sub-01" / "figures").mkdir(parents=True, exist_ok=True)
        (tmp_path / "sub-01" / "figures" / "a.png").write_bytes(buffer.getvalue())
        return tmp_path

    return lay
