"""Our confounds are read by Nilearn's loader for fMRIPrep, from our own names, without a special case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nilearn.interfaces import fmriprep

from bids_app.derivatives import write
from bids_app.derivatives.names import Space
from bids_app.preproc import fmri
from bids_app.values.bold import BoldSeries
from bids_app.values.entities import Entities
from bids_app.values.estimates import AnatFit, RunFit
from bids_app.values.space import Grid, Mask, Volume

N_VOLUMES = 150
JUMPS = (60, 100)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A preprocessed run on disk, with two dummies and two jumps of the head; gives the image's path."""
    rng = np.random.default_rng(0)
    fine = Grid((48, 52, 44), np.diag([1.5, 1.5, 1.5, 1.0]))
    away = np.linalg.norm(
        fine.points_mm(np.argwhere(np.ones(fine.shape, dtype=bool)).astype(float)) - [36, 39, 33],
        axis=1,
    ).reshape(fine.shape)
    tissues = {
        name: ((away >= low) & (away < high)).astype(np.float32)
        for name, (low, high) in {"CSF": (0, 10), "WM": (10, 26), "GM": (26, 30)}.items()
    }
    anat = AnatFit(Volume(away, fine), Mask(fine, away < 30), tissues, np.eye(4), None)
    grid = Grid((18, 20, 17), np.diag([4.0, 4.0, 4.0, 1.0]))
    noise = 5 * rng.standard_normal((*grid.shape, N_VOLUMES))
    volumes = (500 + noise + noise.mean(axis=(0, 1))).astype(np.float32)
    motion = np.tile(np.eye(4), (N_VOLUMES, 1, 1))
    for row in JUMPS:
        motion[row:, 0, 3] += 0.8
    inside = np.zeros(grid.shape, dtype=bool)
    inside[2:-2, 3:-3, 2:-2] = True
    reference = Volume(volumes[..., 9], grid)
    fit = RunFit(reference, Mask(grid, inside), motion, np.eye(4), None, 0.0, n_dummies=2)
    run = BoldSeries(volumes, grid, 2.0)
    entities = Entities.of({"sub": "01", "ses": "2", "task": "rest", "run": "1"})
    target = write.Target(
        tmp_path_factory.mktemp("out"), entities, Space("MNI152NLin2009aSym", "3"), ("bids:raw:x",)
    )
    write.write_confounds(target, fmri.confounds(run, fit, anat))
    bold = write.BoldInTemplate(volumes, reference.data, fit.brain, 2.0, 0.0, {"TaskName": "rest"})
    return str(write.write_bold(target, bold, slice_timing_corrected=False)[0])


@pytest.mark.parametrize(
    ("strategy", "options", "least"),
    [
        ("motion", {"motion": "basic"}, 6),
        ("motion", {"motion": "full"}, 24),
        ("wm_csf", {"wm_csf": "basic"}, 2),
        ("wm_csf", {"wm_csf": "full"}, 8),
        ("global_signal", {"global_signal": "full"}, 4),
        ("high_pass", {}, 3),
        ("compcor", {"compcor": "anat_combined", "n_compcor": 5}, 3 + 5),
        ("compcor", {"compcor": "anat_combined", "n_compcor": "all"}, 3 + 10),
        ("compcor", {"compcor": "anat_separated", "n_compcor": 3}, 3 + 6),
        ("compcor", {"compcor": "temporal", "n_compcor": 4}, 3 + 4),
        ("compcor", {"compcor": "temporal_anat_combined", "n_compcor": 2}, 3 + 4),
        ("compcor", {"compcor": "temporal_anat_separated", "n_compcor": 2}, 3 + 6),
    ],
)
def test_each_strategy_finds_its_columns(
    series: str, strategy: str, options: dict[str, Any], least: int
) -> None:
    asked = ("high_pass", "compcor") if strategy == "compcor" else (strategy,)
    found, kept = fmriprep.load_confounds(series, strategy=asked, demean=False, **options)
    exact = options.get("n_compcor") != "all"
    assert found.shape[1] == least if exact else found.shape[1] >= least
    assert not found.isna().to_numpy().any()
    assert kept.tolist() == list(range(2, N_VOLUMES))  # the dummies are always left out


def test_scrubbing_leaves_out_what_moved(series: str) -> None:
    _, kept = fmriprep.load_confounds(
        series, strategy=("motion", "scrub"), scrub=0, fd_threshold=0.5, std_dvars_threshold=4
    )
    assert sorted(set(range(N_VOLUMES)) - set(kept)) == [0, 1, *JUMPS]


@pytest.mark.parametrize("name", ["simple", "scrubbing", "compcor"])
def test_each_named_strategy_works(series: str, name: str) -> None:
    found, kept = fmriprep.load_confounds_strategy(series, denoise_strategy=name)
    assert found.shape[1] >= 24 + 3
    assert len(kept) >= N_VOLUMES - 40
