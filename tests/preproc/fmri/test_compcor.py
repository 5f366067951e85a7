from __future__ import annotations

import numpy as np

from bids_app.preproc.fmri.compcor import components, most_variable
from bids_app.preproc.fmri.confounds import cosines


def planted(n_volumes: int = 150, n_voxels: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of several sizes that follow two courses, and the courses, shape (time, 2)."""
    rng = np.random.default_rng(0)
    courses = np.linalg.qr(rng.standard_normal((n_volumes, 2)))[0]
    weights = np.stack([9 + rng.standard_normal(n_voxels), rng.choice([-4.0, 4.0], n_voxels)])
    size = rng.uniform(1, 50, n_voxels)
    noise = 0.1 * rng.standard_normal((n_volumes, n_voxels))
    return 500 + size * (courses @ weights + noise), courses


def test_planted_courses_are_the_components() -> None:
    series, courses = planted()
    drift = np.stack(list(cosines(150, 2.0, 0).values()), axis=1)
    series += 300 * drift[:, :1]
    found = components(series, drift)
    assert found.courses.shape[1] == 1  # the stronger one explains more than half
    clean = courses[:, 0] - drift @ (drift.T @ courses[:, 0])
    assert np.corrcoef(found.courses[:, 0], clean)[0, 1] > 0.97
    assert found.explained[0] > 0.5
    assert np.allclose(drift.T @ found.courses, 0, atol=1e-9)


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    series, _ = planted(60, 90)
    drift = np.stack(list(cosines(60, 4.0, 0).values()), axis=1)
    found = components(series, drift, 24)
    design = np.column_stack([np.ones(60), drift])
    clean = series - design @ np.linalg.lstsq(design, series, rcond=None)[0]
    left, values, _ = np.linalg.svd(clean / clean.std(axis=0), full_matrices=False)
    assert found.courses.shape == (60, 24)
    assert np.allclose(np.abs((left[:, :24] * found.courses).sum(axis=0)), 1, atol=1e-6)
    assert np.allclose(found.singular_values, values[:24])
    assert np.allclose(found.explained, values[:24] ** 2 / (values**2).sum())


def test_the_sign_is_that_of_most_voxels() -> None:
    series, courses = planted()
    up = components(series, np.empty((150, 0)), 1).courses[:, 0]
    down = components(1000 - series, np.empty((150, 0)), 1).courses[:, 0]
    assert up @ courses[:, 0] > 0.9
    assert np.allclose(down, -up)


def test_constant_voxels_and_short_runs_have_few_components() -> None:
    flat = np.full((40, 7), 3000.0, dtype=np.float32)
    assert components(flat, np.empty((40, 0))).courses.shape == (40, 0)
    assert components(flat[:, :0], np.empty((40, 0)), 24).courses.shape == (40, 0)
    noise = np.random.default_rng(0).standard_normal((5, 70))
    assert components(noise, np.empty((5, 0)), 24).courses.shape == (5, 4)  # the mean takes one


def test_most_variable_voxels_are_found_under_trends() -> None:
    rng = np.random.default_rng(0)
    series = rng.standard_normal((80, 300)).astype(np.float32)
    along = np.linspace(-1, 1, 80)[:, None]
    series[:, :40] += 100 * along + 50 * along**2
    loud = [45, 90, 150, 200, 260, 299]
    series[:, loud] *= 5
    assert np.flatnonzero(most_variable(series)).tolist() == loud
