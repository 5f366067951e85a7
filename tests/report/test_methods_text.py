from __future__ import annotations

import re
from typing import Any

import pytest

from bids_app.report import methods
from bids_app.report.references import WORKS

CLEANED = {
    "gradient": {"window_volumes": 20, "most_components": 12, "adapt_s": 0.5},
    "loops": {"lag_s": 0.012, "adapt_s": 6.0},
    "pulse": {"window_beats": 40, "n_components": 4},
    "bad_channels": {"largest_z": 5.0, "least_correlation": 0.4},
}


def variants(record: dict[str, Any], group_record: dict[str, Any]) -> list[dict[str, Any]]:
    """Records that together go through every branch."""
    settings = record["settings"]
    cleaned = settings | {"eeg": settings["eeg"] | CLEANED}
    networks = ("sources", "dense", "siamese", "cnn", "transformer")
    cnn = [score | {"row": name} for name in networks for score in record["scores"]]
    return [
        record,
        group_record,
        {},
        record | {"settings": settings | {"template": "MNI152NLin6Asym"}},
        record | {"anatomy": {"engine": "fmriprep"}, "settings": cleaned, "scores": cnn},
    ]


def test_citations_are_numbered_in_order_and_all_listed(
    record: dict[str, Any], group_record: dict[str, Any]
) -> None:
    for variant in variants(record, group_record):
        text = methods.of(variant)
        body = " ".join(paragraph for _, paragraph in text.paragraphs)
        cited = [
            int(number)
            for group in re.findall(r"\[([\d, ]+)\]", body)
            for number in group.split(",")
        ]
        assert list(dict.fromkeys(cited)) == list(range(1, len(text.references) + 1))
        assert "@" not in body
        assert "  " not in body


def test_no_work_is_listed_that_no_record_cites(
    record: dict[str, Any], group_record: dict[str, Any]
) -> None:
    cited = {
        work
        for variant in variants(record, group_record)
        for work in methods.of(variant).references
    }
    assert cited == set(WORKS.values())


def test_surrogates_are_told_as_they_were_drawn(
    record: dict[str, Any], group_record: dict[str, Any]
) -> None:
    text = methods.of(group_record).plain
    for said in (
        "random phases of the prediction, equal in all voxels",
        "for the EEG of other runs with the same schedule",
        "maps of voxels hold the false discovery rate",
        "the first half of a run's events and to the second",
    ):
        assert said in text
        assert said not in methods.of(record).plain


def test_settings_are_told(record: dict[str, Any]) -> None:
    text = methods.of(record).plain
    for said in (
        "eeg2fmri 1.2.3",
        "resampled to 250 Hz, band-pass filtered from 0.5 Hz to 70 Hz",
        "template grid of 3 mm.",
        "smoothed by 8 mm",
        "the 30 s of EEG that end at the time of the volume",
        "seed 7",
        "No marker lay farther than 0.29 ms",
        "Neither gradient nor pulse artefacts were removed",
        "https://doi.org/10.1038/sdata.2016.44",
    ):
        assert said in text, said


def test_steps_may_stand_with_the_run(record: dict[str, Any]) -> None:
    before = methods.of(record).plain
    record["runs"][0]["eeg"]["steps"] = record["settings"].pop("eeg")
    assert methods.of(record).plain == before
    del record["runs"][0]["eeg"]["steps"]
    assert "artefacts" not in methods.of(record).plain


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("", "Where slice times are recorded, slices were shifted"),
        ("descending", "recorded or told by --slice-order descending, slices were shifted"),
        ("none", "Slice timing was not corrected."),
    ],
)
def test_slice_timing_is_told_as_asked_for(record: dict[str, Any], order: str, told: str) -> None:
    record["settings"]["slice_order"] = order
    assert told in methods.of(record).plain


def test_an_anatomy_from_bold_is_told(record: dict[str, Any]) -> None:
    record["anatomy"]["kind"] = "epiref"
    text = methods.of(record).plain
    assert "There was no usable T1-weighted image: the median BOLD image" in text
    assert "deepbet" not in text
    assert "aligned with that image rigidly" in text
    assert "across the template’s white-matter border" in text


@pytest.mark.parametrize("kind", ["T1w", "epiref"])
def test_the_template_is_named(record: dict[str, Any], kind: str) -> None:
    record["anatomy"]["kind"] = kind
    assert "the symmetric ICBM152 2009a template" in methods.of(record).plain
    record["settings"]["template"] = "MNI152NLin6Asym"
    text = methods.of(record).plain
    assert "to the template MNI152NLin6Asym of TemplateFlow" in text
    assert "10.1038/s41592-022-01681-2" in text
    assert "ICBM152" not in text


def test_runs_that_the_border_did_not_serve_for_are_told(record: dict[str, Any]) -> None:
    plain = methods.of(record).plain
    assert "aligned with the T1-weighted image rigidly" in plain
    assert "did not serve" not in plain
    record["runs"][0].setdefault("notes", []).append(
        "BOLD to T1w: too little grey-white border; mutual information kept"
    )
    assert "but for 1 of 1 runs, where the border did not serve" in methods.of(record).plain


def test_smoothing_is_not_told_where_nothing_is_learned(record: dict[str, Any]) -> None:
    record["settings"]["preproc_only"] = True
    assert "smoothed by" not in methods.of(record).plain


def test_only_the_engine_that_ran_is_described(record: dict[str, Any]) -> None:
    own = methods.of(record).plain
    assert "which is not fMRIPrep" in own
    assert "Esteban" not in own
    record["anatomy"]["engine"] = "fmriprep"
    reused = methods.of(record).plain
    assert "Esteban" in reused
    assert "deepbet" not in reused
    del record["anatomy"]
    assert "Anatomy and fMRI" not in methods.of(record).plain


def test_what_was_not_done_is_not_described() -> None:
    text = methods.of({})
    assert [heading for heading, _ in text.paragraphs] == ["Software and data"]
    assert "version not recorded" in text.plain


@pytest.mark.parametrize(
    ("lag", "end"), [(0.0, "end at the time"), (4.5, "end 4.5 s before the time")]
)
def test_the_lag_of_the_window_is_told(record: dict[str, Any], lag: float, end: str) -> None:
    record["settings"]["window_lag_s"] = lag
    assert end in methods.of(record).plain


def test_each_split_that_was_scored_is_spelled_out(record: dict[str, Any]) -> None:
    assert "never this run" in methods.of(record).plain
    for score in record["scores"]:
        score["split"] = "block"
    assert "(purged)" in methods.of(record).plain


def test_calibration_is_told_apart_from_the_model(record: dict[str, Any]) -> None:
    record["settings"]["calibrate_runs"] = 2
    before = methods.of(record).plain
    assert "calibrated" not in before
    name = next(score["row"] for score in record["scores"] if score["row"] == "ridge")
    for row in (f"{name}-calibrated", f"{name}-uncalibrated"):
        record["scores"].append(record["scores"][0] | {"row": row, "split": "calibrated"})
    text = methods.of(record).plain
    assert "on 2 of their runs with BOLD" in text
    assert text.count("The model “ridge”") == 1
    assert "is described in its own documentation" not in text


def test_denoising_is_told_with_what_it_saw(record: dict[str, Any]) -> None:
    assert "regressed out" not in methods.of(record).plain
    record["settings"]["denoise"] = "acompcor"
    text = methods.of(record).plain
    assert "24 terms of head motion and the components of CSF and white matter [" in text
    assert "coefficients were fitted on its training volumes only" in text


def test_what_was_done_against_artefacts_is_told_with_its_settings(record: dict[str, Any]) -> None:
    record["runs"] = [
        {"eeg": {"steps": {"gradient": CLEANED["gradient"], "pulse": CLEANED["pulse"]}}},
        {"eeg": {"steps": {"gradient": CLEANED["gradient"]}}},
    ]
    text = methods.of(record).plain
    assert "averaged over 20 at a time" in text
    assert "in windows of 0.5 s" in text
    assert "(in 2 of 2 recordings)" in text
    assert "a mean over 40 beats and an optimal basis set of 4 components" in text
    assert "(in 1 of 2 recordings)" in text
    assert "wire loops" not in text


def test_pairs_that_were_brought_to_electrodes_are_told(record: dict[str, Any]) -> None:
    record["runs"] = [{"eeg": {"steps": {"bipolar": {}}}}, {"eeg": {"steps": {"reference": {}}}}]
    assert (
        "Bipolar pairs were brought to their electrodes by least squares"
        in methods.of(record).plain
    )
    record["runs"] = record["runs"][1:]
    assert "Bipolar" not in methods.of(record).plain
