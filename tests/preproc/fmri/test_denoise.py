from __future__ import annotations

import numpy as np
import pytest

from bids_app.config import DENOISING
from bids_app.errors import DataError
from bids_app.preproc.fmri.confounds import cosines
from bids_app.preproc.fmri.denoise import MOTION, STRATEGIES, denoised, nuisance
from bids_app.values import Floats

N_VOLUMES, N_VOXELS = 170, 23


@pytest.fixture
def confounds(rng: np.random.Generator) -> dict[str, Floats]:
    """All columns that any strategy wants, two dummies and an outlier at volume 40."""
    names = {name for strategy in STRATEGIES.values() for name in strategy.columns}
    found: dict[str, Floats] = {name: rng.standard_normal(N_VOLUMES) for name in sorted(names)}
    found["trans_x_derivative1"][0] = np.nan
    found |= {f"a_comp_cor_{index:02d}": rng.standard_normal(N_VOLUMES) for index in range(3)}
    found |= {"dvars": rng.standard_normal(N_VOLUMES)} | cosines(N_VOLUMES, 2.0, 2)
    for name, row in (("non_steady_state_outlier00", 0), ("non_steady_state_outlier01", 1)):
        found[name] = (np.arange(N_VOLUMES) == row).astype(float)
    found["motion_outlier00"] = (np.arange(N_VOLUMES) == 40).astype(float)
    return found


def planted(confounds: dict[str, Floats], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Signal of shape (time, voxel), and the same with every nuisance of the simple strategy."""
    signal = 1000 + rng.standard_normal((N_VOLUMES, N_VOXELS))
    names = [*STRATEGIES["simple"].columns, "cosine00", "cosine02"]
    design = np.nan_to_num(np.stack([confounds[name] for name in names], axis=1))
    return signal, signal + design @ (5 * rng.standard_normal((len(names), N_VOXELS)))


def test_the_names_are_those_of_the_command_line() -> None:
    assert set(DENOISING) == {"none", *STRATEGIES}
    assert len(MOTION) == 24


def test_planted_nuisance_is_taken_out_and_the_level_stays(
    confounds: dict[str, Floats], rng: np.random.Generator
) -> None:
    signal, rows = planted(confounds, rng)
    found = nuisance(confounds, "simple", "x.tsv")
    clean = denoised(rows, found, np.arange(N_VOLUMES), "run")
    kept = found.kept
    assert np.flatnonzero(~kept).tolist() == [0, 1]
    assert clean[kept].mean(axis=0) == pytest.approx(rows[kept].mean(axis=0), rel=1e-5)
    # the same as a regression of all columns and a constant at once
    design = np.column_stack([np.ones(N_VOLUMES), found.columns])[kept]
    residual = rows[kept] - design @ np.linalg.lstsq(design, rows[kept], rcond=None)[0]
    assert clean[kept] - clean[kept].mean(axis=0) == pytest.approx(residual, abs=2e-3)
    left = clean[kept] - signal[kept]
    assert left.std() < 0.2 * (rows[kept] - signal[kept]).std()


@pytest.mark.parametrize(
    ("name", "n_columns"), [("motion", 24), ("simple", 26), ("scrubbing", 32), ("acompcor", 27)]
)
def test_a_strategy_takes_its_columns_and_drift(
    confounds: dict[str, Floats], name: str, n_columns: int
) -> None:
    found = nuisance(confounds, name, "x.tsv")
    assert found.columns.shape == (N_VOLUMES, n_columns + 4)
    assert np.isfinite(found.columns).all()
    assert found.kept[40] == (name != "scrubbing")


def test_test_volumes_do_not_change_training_targets(
    confounds: dict[str, Floats], rng: np.random.Generator
) -> None:
    _, rows = planted(confounds, rng)
    train, test = np.arange(20, 120), np.arange(140, 165)
    found = nuisance(confounds, "simple", "x.tsv")
    clean = denoised(rows, found, train, "run")
    other = rows.copy()
    other[test] += 300 * rng.standard_normal((len(test), N_VOXELS))
    changed = {name: column.copy() for name, column in confounds.items()}
    for column in changed.values():
        column[test] += 10  # their own confounds too
    again = denoised(other, nuisance(changed, "simple", "x.tsv"), train, "run")
    assert np.array_equal(again[train], clean[train])
    assert not np.allclose(again[test], clean[test])
    # and fitted on all volumes it would
    leaky = denoised(other, found, np.arange(N_VOLUMES), "run")
    assert np.abs(leaky[train] - clean[train]).max() > 1


def test_an_outlier_is_not_fitted_when_scrubbing(
    confounds: dict[str, Floats], rng: np.random.Generator
) -> None:
    _, rows = planted(confounds, rng)
    loud = rows.copy()
    loud[40] += 1000
    others = np.arange(N_VOLUMES) != 40
    for name, same in (("scrubbing", True), ("simple", False)):
        found = nuisance(confounds, name, "x.tsv")
        quiet_clean, loud_clean = (
            denoised(given, found, np.arange(N_VOLUMES), "run") for given in (rows, loud)
        )
        assert np.allclose(quiet_clean[others], loud_clean[others], atol=1e-2) == same


def test_a_column_that_is_constant_where_it_is_fitted_does_nothing(
    rng: np.random.Generator,
) -> None:
    rows = 100 + rng.standard_normal((60, 5))
    columns: dict[str, Floats] = dict.fromkeys(MOTION, np.zeros(60))
    columns["trans_x"] = (np.arange(60) > 55).astype(float)
    found = nuisance(columns, "motion", "x.tsv")
    assert np.allclose(denoised(rows, found, np.arange(50), "run"), rows)


def test_what_is_missing_is_told(confounds: dict[str, Floats]) -> None:
    lacking = {name: column for name, column in confounds.items() if name not in {"csf", "rot_z"}}
    with pytest.raises(
        DataError, match=r"^x\.tsv: has no rot_z, csf; --denoise simple needs them"
    ):
        nuisance(lacking, "simple", "x.tsv")
    bare = {name: confounds[name] for name in MOTION}
    with pytest.raises(DataError, match="has no a_comp_cor_00; --denoise acompcor needs them"):
        nuisance(bare, "acompcor", "x.tsv")


def test_too_few_volumes_are_refused(
    confounds: dict[str, Floats], rng: np.random.Generator
) -> None:
    _, rows = planted(confounds, rng)
    found = nuisance(confounds, "motion", "x.tsv")
    with pytest.raises(
        DataError,
        match=r"run: 28 confounds for the 50 volumes that may be used; .* least 56 volumes",
    ):
        denoised(rows, found, np.arange(52), "run")
