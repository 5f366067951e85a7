from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.config import RunConfig
from bids_app.derivatives import reuse
from bids_app.derivatives.reuse import PreprocessedRun
from bids_app.errors import DataError, MissingInputError
from bids_app.files import tables
from bids_app.pipeline import denoise, prepare
from bids_app.pipeline.record import Record
from bids_app.pipeline.within import _Data, predict_within
from bids_app.preproc.fmri.denoise import STRATEGIES
from bids_app.samples.split import by_block
from bids_app.values.samples import Split

N_VOLUMES = 130
OUTLIERS = (70, 71, 90)


@pytest.fixture
def run(config: RunConfig, preprocessed: Callable[..., None]) -> PreprocessedRun:
    """One run with confounds: random columns, and outliers."""
    preprocessed("01", n_volumes=N_VOLUMES, eeg_s=2.0 * N_VOLUMES + 4)
    (found,) = reuse.runs(config.output_dir, "01")
    rng = np.random.default_rng(0)
    columns = {name: rng.standard_normal(N_VOLUMES) for name in STRATEGIES["scrubbing"].columns}
    columns["a_comp_cor_00"] = rng.standard_normal(N_VOLUMES)
    for index, row in enumerate(OUTLIERS):
        columns[f"motion_outlier{index:02d}"] = (np.arange(N_VOLUMES) == row).astype(float)
    tables.write_tsv(table_of(found), {name: column.tolist() for name, column in columns.items()})
    return found


def table_of(run: PreprocessedRun) -> Path:
    assert run.bold is not None
    return run.bold.with_name(f"{run.name}_desc-confounds_timeseries.tsv")


def test_without_denoising_rows_are_the_smoothed_ones(
    config: RunConfig, run: PreprocessedRun
) -> None:
    mask = prepare.model_mask([run])
    table_of(run).unlink()
    rows = denoise.target_rows(run, mask, config)
    assert np.array_equal(rows, prepare.smoothed_rows(run, mask, config))
    assert denoise.inputs(run, config) == []
    asked = replace(config, denoise="simple")
    with pytest.raises(
        MissingInputError, match=r"timeseries\.tsv: no such file; --denoise simple"
    ):
        denoise.target_rows(run, mask, asked)


def test_rows_follow_strategy_volumes_and_confounds(
    config: RunConfig, run: PreprocessedRun
) -> None:
    mask = prepare.model_mask([run])
    asked = replace(config, denoise="motion")
    first = denoise.target_rows(run, mask, asked)
    assert np.array_equal(first, denoise.target_rows(run, mask, asked))
    assert first.std() < 0.98 * prepare.smoothed_rows(run, mask, config).std()
    others = [
        denoise.target_rows(run, mask, replace(config, denoise="simple")),
        denoise.target_rows(run, mask, asked, np.arange(80)),
    ]
    columns: dict[str, Sequence[object]] = {**tables.read_tsv(table_of(run))}
    columns["rot_y"] = [*reversed(columns["rot_y"])]
    tables.write_tsv(table_of(run), columns)
    others.append(denoise.target_rows(run, mask, asked))
    assert all(not np.allclose(first, other) for other in others)


def test_in_one_run_test_volumes_do_not_change_training_targets(
    config: RunConfig, run: PreprocessedRun
) -> None:
    asked = replace(config, denoise="motion")
    mask = prepare.model_mask([run])
    samples = prepare.samples_of(run, asked)
    split = by_block(samples, 3)[0]

    def targets() -> np.ndarray:
        (found,), _ = _Data([run], [samples], mask, asked).targets(split)
        assert found.targets is not None
        return found.targets

    before = targets()
    prepared = config.work_dir / "prepared"
    (rows,) = prepared.glob(f"{run.name}_{'[0-9a-f]' * 16}.npy")
    changed = np.load(rows)
    tested = samples.volumes[split.test[run.name]]
    changed[tested] += 50
    np.save(rows, changed)
    for made_of_them in (*prepared.glob("*denoised*"), *prepared.glob("*change*")):
        made_of_them.unlink()
    after = targets()
    seen = np.r_[split.train[run.name], split.valid[run.name]]
    assert np.array_equal(after[seen], before[seen])
    assert not np.allclose(after[split.test[run.name]], before[split.test[run.name]])


def test_moving_volumes_are_not_learned_from(config: RunConfig, run: PreprocessedRun) -> None:
    samples = prepare.samples_of(run, config)
    splits = by_block(samples, 3)
    runs = {run.name: run}
    kept = denoise.without_scrubbed(splits, [samples], runs, replace(config, denoise="scrubbing"))
    assert denoise.without_scrubbed(splits, [samples], runs, config) == splits
    gone = {
        int(volume)
        for split, left in zip(splits, kept, strict=True)
        for volume in samples.volumes[np.setdiff1d(split.train[run.name], left.train[run.name])]
    }
    assert gone <= set(OUTLIERS)
    assert gone
    for split, left in zip(splits, kept, strict=True):
        assert np.array_equal(split.test[run.name], left.test[run.name])
        assert not set(samples.volumes[left.train[run.name]]) & set(OUTLIERS)
    position = int(np.flatnonzero(samples.volumes == OUTLIERS[0])[0])
    only = Split("block-1", {run.name: np.array([position])}, {}, {})
    with pytest.raises(DataError, match="block-1: --denoise scrubbing leaves no volume to learn"):
        denoise.without_scrubbed([only], [samples], runs, replace(config, denoise="scrubbing"))


def test_components_of_a_whole_run_are_not_used_within_it(
    config: RunConfig, run: PreprocessedRun
) -> None:
    asked = replace(config, denoise="acompcor", level="participant")
    assert denoise.pools_time(asked)
    assert not denoise.pools_time(replace(config, denoise="simple"))
    record = Record(asked, "sub-01")
    record.append("pairings", {"run": run.name, "status": "done"})
    predict_within("01", asked, record)
    (note,) = record.content["notes"]
    assert "--denoise acompcor: its components come from all volumes of the only run" in note
    assert not record.content["scores"]
