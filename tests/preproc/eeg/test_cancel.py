from __future__ import annotations

import numpy as np

from bids_app.preproc.eeg._cancel import Canceller, Window

N_TIME = 9000


def test_noise_whose_weights_change_is_taken_out_and_the_rest_stays(
    rng: np.random.Generator,
) -> None:
    references = rng.standard_normal((2, N_TIME)).astype(np.float32)
    slow = np.sin(2 * np.pi * np.arange(N_TIME) / 6000)
    noise = 50 * (1 + 0.3 * slow) * references[0] - 20 * references[1]
    brain = np.sin(2 * np.pi * np.arange(N_TIME) / 180)
    canceller = Canceller(references, Window(500, lag=3, n_differences=2))
    left = (brain + noise).astype(np.float32) - canceller.noise((brain + noise).astype(np.float32))
    middle = slice(500, -500)
    assert np.std(left[middle] - brain[middle]) < 0.01 * np.std(noise)


def test_a_recording_without_the_references_keeps_its_signal(rng: np.random.Generator) -> None:
    references = rng.standard_normal((3, N_TIME)).astype(np.float32)
    brain = np.cumsum(rng.standard_normal(N_TIME)).astype(np.float32)
    found = Canceller(references, Window(700, lag=2, n_differences=2)).noise(brain)
    assert np.std(found) < 0.02 * np.std(brain)


def test_silent_references_take_nothing(rng: np.random.Generator) -> None:
    references = np.zeros((2, N_TIME), dtype=np.float32)
    references[:, :4000] = rng.standard_normal((2, 4000))
    trace = rng.standard_normal(N_TIME).astype(np.float32)
    found = Canceller(references, Window(400, lag=1, n_differences=0)).noise(trace)
    assert not found[4000:].any()
    assert found.shape == trace.shape
    # Two weights were fitted to about 800 samples of noise, each of variance 1/800.
    assert 0.5 * np.sqrt(2 / 800) < found[:4000].std() < 2 * np.sqrt(2 / 800)


def test_weights_that_bend_are_followed_between_windows(rng: np.random.Generator) -> None:
    reference = rng.standard_normal((1, N_TIME)).astype(np.float32)
    bent = np.cos(2 * np.pi * np.arange(N_TIME) / 4000)
    found = Canceller(reference, Window(400, lag=1, n_differences=0)).noise(
        (bent * reference[0]).astype(np.float32)
    )
    middle = slice(800, -800)
    left = (bent * reference[0] - found)[middle]
    # Weights that stay the same within each window of 800 samples would leave a fifth.
    assert np.std(left) < 0.03
