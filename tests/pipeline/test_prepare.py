"""From derivatives to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.errors import DataError
from bids_app.files import nifti
from bids_app.pipeline import prepare
from bids_app.values.space import Grid, Mask
from tests.pipeline.conftest import N_VOLUMES, SHAPE

Write = Callable[..., None]


def runs_of(config: RunConfig) -> list[reuse.PreprocessedRun]:
    return [
        run
        for label in reuse.participants(config.output_dir)
        for run in prepare.trainable(reuse.runs(config.output_dir, label))
    ]


def test_the_mask_is_where_people_have_grey_or_white_matter_and_all_runs_have_brain(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01", share=0.45)
    preprocessed("02", share=0.10)  # on average 0.55 of GM and WM together
    mask = prepare.model_mask(runs_of(config))
    assert mask.n_voxels == 4 * 5 * 6
    preprocessed("03", share=0.001)
    with pytest.raises(DataError, match="3 runs share no voxel of grey or white matter"):
        prepare.model_mask(runs_of(config))


def test_runs_in_two_spaces_are_refused(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    preprocessed("02", space="space-MNI152NLin2009cAsym_res-3")
    with pytest.raises(DataError, match="MNI152NLin2009aSym res-3, MNI152NLin2009cAsym res-3"):
        prepare.model_mask(runs_of(config))


def test_rows_without_smoothing_are_the_masked_volumes_and_are_kept(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01")
    (run,) = runs_of(config)
    mask = prepare.model_mask([run])
    rows = prepare.smoothed_rows(run, mask, config)
    assert run.bold is not None
    expected = mask.flatten(nifti.read_bold(run.bold, run.metadata).volumes)
    np.testing.assert_allclose(rows, expected, rtol=1e-6)
    assert isinstance(rows, np.memmap)
    kept = list((config.work_dir / "prepared").iterdir())
    prepare.smoothed_rows(run, mask, config)
    assert list((config.work_dir / "prepared").iterdir()) == kept


def test_a_mask_on_another_grid_is_refused(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    (run,) = runs_of(config)
    other = Mask(Grid((4, 5, 6), np.eye(4)), np.ones((4, 5, 6), bool))
    with pytest.raises(DataError, match=r"desc-preproc_bold.nii.gz: is on another grid"):
        prepare.smoothed_rows(run, other, config)


def test_changed_rows_are_fractional_change(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    (run,) = runs_of(config)
    rows = prepare.smoothed_rows(run, prepare.model_mask([run]), config)
    level = np.median(rows, axis=0)
    np.testing.assert_allclose(
        prepare.changed_rows(run, rows, level, config), rows / level - 1, atol=1e-6
    )


def test_samples_follow_the_clock_in_the_sidecar(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    (run,) = runs_of(config)
    samples = prepare.samples_of(run, config)
    # Window of 10 s, StartTime 0.5 s, EEG 3 s before the scan: volume 5 ends at 10.5 s, 675 samples in.
    assert samples.volumes[0] == 5
    assert samples.stops[0] == (3 + 10.5) * 50
    assert samples.n_volumes == N_VOLUMES
    assert samples.channels == ("Fz", "Cz", "Pz")


def test_the_specification_is_that_of_the_runs(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    preprocessed("02")
    runs = runs_of(config)
    samples = [prepare.samples_of(run, config) for run in runs]
    eeg, bold = prepare.specifications(runs, samples, prepare.model_mask(runs), config)
    assert (eeg.channels, eeg.rate_hz, eeg.n_window) == (("Fz", "Cz", "Pz"), 50, 500)
    assert (bold.space, bold.resolution, bold.tr_s) == ("MNI152NLin2009aSym", "3", 2)
    assert bold.start_time_s == 0.5
    assert bold.mask.grid.shape == SHAPE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ("Fz", "Cz", "Oz")}, "not in both: Oz, Pz"),
        ({"channels": ("Cz", "Fz", "Pz")}, "not in both: none, but the order"),
        ({"tr_s": 2.5}, "repetition times of 2, 2.5 s; expected one"),
    ],
)
def test_runs_that_differ_are_refused(
    config: RunConfig, preprocessed: Write, changes: dict[str, object], message: str
) -> None:
    preprocessed("01")
    preprocessed("02", eeg_s=110.0, **changes)
    runs = runs_of(config)
    samples = [prepare.samples_of(run, config) for run in runs]
    ridge = replace(config, architectures=("ridge",))
    with pytest.raises(DataError, match=message):
        prepare.specifications(runs, samples, prepare.model_mask(runs), ridge)


def test_people_may_wear_different_caps_where_the_model_hears_any(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01")
    preprocessed("02", channels=("Fz", "Cz", "Oz"))
    runs = runs_of(config)
    samples = [prepare.samples_of(run, config) for run in runs]
    eeg, _ = prepare.specifications(runs, samples, prepare.model_mask(runs), config)
    assert eeg.channels == ("Fz", "Cz", "Pz")


def test_the_same_eeg_under_another_name_has_the_same_hash(
    config: RunConfig, preprocessed: Write
) -> None:
    preprocessed("01")
    preprocessed("02")
    one, two = runs_of(config)
    assert prepare.eeg_hash(one) != prepare.eeg_hash(two)
    assert one.eeg is not None
    assert two.eeg is not None
    two.eeg.with_suffix(".eeg").write_bytes(one.eeg.with_suffix(".eeg").read_bytes())
    assert prepare.eeg_hash(one) == prepare.eeg_hash(two)
    assert prepare.content_hash(one) != prepare.content_hash(two)


def test_window_settings_are_those_of_the_call(config: RunConfig) -> None:
    settings = prepare.window_settings(replace(config, window_lag_s=1.5), 0.9)
    assert (settings.window_s, settings.lag_s) == (10, 1.5)


def test_windows_of_the_paper_end_at_the_trigger(config: RunConfig, preprocessed: Write) -> None:
    preprocessed("01")
    (run,) = runs_of(config)
    paper = replace(config, preset="paper")
    samples = prepare.samples_of(run, paper)
    # 40 volumes of 2 s, windows of 10 s: the first whole one ends at the trigger of volume 5.
    assert samples.volumes[0] == 5
    assert samples.stops[0] == (3 + 10) * 50
    assert len(samples) == N_VOLUMES - 5
    _, bold = prepare.specifications([run], [samples], prepare.model_mask([run]), paper)
    assert bold.window_lag_s == 0.5
    assert paper.table("eeg", "resample") == {"rate_hz": 1000.0}
    assert paper.table("models", "cnn") == {"preset": "paper"}
