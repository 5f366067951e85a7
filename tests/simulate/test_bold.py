from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.files.template import load_template
from bids_app.simulate.activity import make_activity
from bids_app.simulate.bold import acquire, amplitude, make_scene
from bids_app.simulate.head import EPI, T1W, make_head
from bids_app.simulate.motion import draw_motion
from bids_app.simulate.noise import make_noise_model, voxel_noise, voxel_noise_variance
from bids_app.simulate.person import bold_pose, make_person
from bids_app.simulate.physiology import Physiology, draw_physiology, electrocardiogram
from bids_app.simulate.settings import HEADS, SimulationSettings
from bids_app.simulate.space import rigid
from bids_app.simulate.world import World
from bids_app.values.space import Grid


@pytest.fixture(scope="module")
def physiology() -> Physiology:
    return draw_physiology(1.1, 0.25, (-10.0, 130.0), np.random.default_rng(2))


def test_the_network_size_gives_the_wanted_share(rng: np.random.Generator) -> None:
    weights, variance = rng.uniform(0.5, 1, 500), rng.uniform(1e-4, 9e-4, 500)
    size = amplitude(weights, variance, 0.3)
    part = (size * weights) ** 2
    assert (part / (part + variance)).mean() == pytest.approx(0.3, abs=1e-6)
    assert amplitude(weights, variance, 0.0) == 0
    assert amplitude(np.zeros(0), np.zeros(0), 0.3) == 0


def test_without_motion_each_slice_shows_the_activity_of_its_own_time(
    world: World, settings: SimulationSettings, physiology: Physiology
) -> None:
    person = make_person(settings, "01")
    grid, moved = bold_pose(settings, person, "1")
    scene = make_scene(world.images, person, grid, moved, np.random.default_rng(0))
    activity = make_activity(settings, "01", "1", 5.0)
    still = np.tile(np.eye(4), (settings.size.n_volumes, 1, 1))
    run = acquire(settings, scene, still, activity, physiology, np.random.default_rng(0))
    base, weights = scene.static_base, scene.static_weights
    for network in range(4):
        x, y, z = np.unravel_index(weights[network].argmax(), grid.shape)
        times_s = np.arange(settings.size.n_volumes) * settings.tr_s + settings.slice_times_s[z]
        change = run.network_size * activity.bold.at(times_s).T @ weights[:, x, y, z]
        assert np.allclose(run.noise_free[x, y, z], base[x, y, z] * (1 + change), rtol=1e-4)
    coupled = weights.sum(axis=0) > 0.5
    noise = (run.measured - run.noise_free)[coupled].var(axis=1) / base[coupled] ** 2
    # In so short a run the activity itself has not its long-term variance, 1.
    signal = (run.network_size * weights.sum(axis=0)[coupled]) ** 2
    assert (signal / (signal + noise)).mean() == pytest.approx(0.3, abs=0.03)
    far = (weights.max(axis=0) == 0) & (base > 0.5 * EPI.gm)
    assert run.noise_free[far].std(axis=1).max() < 1e-3 * EPI.gm


def test_a_shift_by_one_voxel_moves_the_picture_by_one_voxel(
    world: World, settings: SimulationSettings, physiology: Physiology
) -> None:
    person = make_person(settings, "01")
    grid, moved = bold_pose(settings, person, "1")
    scene = make_scene(world.images, person, grid, moved, np.random.default_rng(0))
    settings = replace(settings, size=replace(settings.size, n_volumes=2))
    shifted = rigid(np.zeros(3), grid.affine[:3, 1])
    motion = np.stack([np.eye(4), shifted])
    quiet = replace(make_activity(settings, "01", "1", 5.0))
    run = acquire(
        settings,
        replace(scene, active=0 * scene.active),
        motion,
        quiet,
        physiology,
        np.random.default_rng(0),
    )
    first, second = run.noise_free[..., 0], run.noise_free[..., 1]
    assert np.allclose(second[4:-4, 5:-4, 4:-4], first[4:-4, 4:-5, 4:-4], atol=1e-3 * EPI.gm)


def test_noise_is_as_strong_as_it_says(rng: np.random.Generator, physiology: Physiology) -> None:
    grid = Grid((9, 8, 7), np.diag([6.0, 6.0, 6.0, 1.0]))
    base = np.full(grid.shape, EPI.gm)
    model = make_noise_model(grid, base, 70.0, rng)
    times_s = np.arange(60)[:, None] * 2.0 + np.linspace(0, 1.7, 7)
    runs = [
        model.add(np.repeat(base[..., None], 60, axis=3), times_s, physiology, rng)
        for _ in range(25)
    ]
    found = np.mean([(run / EPI.gm).var(axis=3) for run in runs])
    assert found == pytest.approx(model.variance.mean(), rel=0.12)
    assert np.mean([run.mean() for run in runs]) == pytest.approx(EPI.gm, rel=2e-3)


def test_noise_without_images_has_the_same_strength(rng: np.random.Generator) -> None:
    noise = voxel_noise(150, 800, 70.0, rng)
    assert noise.shape == (150, 800)
    assert noise.var() == pytest.approx(voxel_noise_variance(70.0), rel=0.1)
    whiter = noise - noise.mean(axis=0)
    assert 0.1 < (whiter[1:] * whiter[:-1]).mean() / whiter.var() < 0.6


def test_motion_is_small_smooth_rigid_and_centred(
    rng: np.random.Generator, physiology: Physiology
) -> None:
    motion = draw_motion(np.arange(50) * 2.0, np.array([3.0, 4.0, 5.0]), physiology, rng)
    assert motion.shape == (50, 4, 4)
    turned = motion[:, :3, :3]
    assert np.allclose(turned @ turned.transpose(0, 2, 1), np.eye(3))
    centre = motion @ np.array([3.0, 4.0, 5.0, 1.0])
    assert np.abs(np.median(centre[:, :3], axis=0) - [3, 4, 5]).max() < 0.05
    assert 0.05 < np.abs(centre[:, :3] - [3, 4, 5]).max() < 4


def test_the_ecg_peaks_at_each_beat(rng: np.random.Generator, physiology: Physiology) -> None:
    times_s = np.arange(0, 30, 0.002)
    trace = electrocardiogram(physiology, times_s, rng)
    beats = physiology.beats_s[(physiology.beats_s > 1) & (physiology.beats_s < 29)]
    for beat_s in beats:
        near = np.abs(times_s - beat_s) < 0.3
        assert times_s[near][trace[near].argmax()] == pytest.approx(beat_s, abs=0.006)
    assert 1 / np.diff(physiology.beats_s).mean() == pytest.approx(1.1, rel=0.05)
    phase = physiology.heart_phase(beats)
    assert np.allclose(np.diff(phase), 2 * np.pi)
    assert np.polyfit(times_s, physiology.breathing(times_s), 1)[0] / (2 * np.pi) == pytest.approx(
        0.25, rel=0.15
    )


def test_a_defaced_head_lacks_the_face_and_a_stripped_one_all_but_the_brain() -> None:
    template = load_template(3)
    eye_mm, scalp_mm, brain_mm = [33.0, 60.0, -40.0], [0.0, -18.0, 91.0], [20.0, -20.0, 30.0]
    shown = {}
    for kind in HEADS:
        head = make_head(template, kind)
        image = head.image(T1W)
        voxels = np.round(image.grid.voxels(np.array([eye_mm, scalp_mm, brain_mm]))).astype(int)
        shown[kind] = [float(image.data[tuple(voxel)]) > 20 for voxel in voxels]
    assert shown == {
        "whole": [True, True, True],
        "defaced": [False, True, True],
        "stripped": [False, False, True],
    }
