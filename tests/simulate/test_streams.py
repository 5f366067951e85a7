from __future__ import annotations

import numpy as np

from bids_app.simulate.streams import coloured, stream


def test_a_stream_depends_on_seed_and_purpose_alone() -> None:
    first = stream(1, "01", "motion").standard_normal(5)
    assert np.array_equal(first, stream(1, "01", "motion").standard_normal(5))
    for other in (stream(2, "01", "motion"), stream(1, "02", "motion"), stream(1, "01", "noise")):
        assert not np.array_equal(first, other.standard_normal(5))


def test_coloured_noise_has_the_spectrum_asked_for(rng: np.random.Generator) -> None:
    n_samples, rate_hz = 3000, 50.0
    frequency_hz = np.fft.rfftfreq(n_samples, 1 / rate_hz)
    power = 2.0 * ((frequency_hz > 5) & (frequency_hz < 8))
    noise = coloured(power, n_samples, rate_hz, rng, n_rows=40)
    assert noise.shape == (40, n_samples)
    assert np.isclose(noise.var(), 2.0 * 3.0, rtol=0.03)
    spectrum = (np.abs(np.fft.rfft(noise)) ** 2).mean(axis=0)
    assert spectrum[power == 0].max() < 1e-20 * spectrum.max()
