from __future__ import annotations

import numpy as np
import pytest

from bids_app.simulate.hemodynamics import (
    STEP_S,
    SlowSeries,
    autocovariance,
    draw_latents,
    hrf,
    respond,
)

BAND_HZ = (0.01, 0.1)


@pytest.mark.parametrize("peak_s", [4.0, 5.0, 6.5])
def test_the_response_peaks_when_it_should(peak_s: float) -> None:
    response = hrf(peak_s)
    assert np.argmax(response) * STEP_S == pytest.approx(peak_s, abs=0.15)
    assert response.sum() == pytest.approx(1)
    assert response.min() < 0


def test_slow_activity_has_unit_variance_and_the_stated_autocovariance(
    rng: np.random.Generator,
) -> None:
    latents = draw_latents(60, (0.0, 600.0), BAND_HZ, rng).values
    expected = autocovariance(BAND_HZ, 200)
    assert expected[0] == pytest.approx(1, abs=0.01)
    for lag in (0, 30, 90, 199):
        found = (latents[:, : latents.shape[1] - lag] * latents[:, lag:]).mean()
        assert found == pytest.approx(expected[lag], abs=0.05)


def test_slow_activity_stays_in_its_band(rng: np.random.Generator) -> None:
    latents = draw_latents(5, (0.0, 900.0), BAND_HZ, rng).values
    spectrum = (np.abs(np.fft.rfft(latents * np.hanning(latents.shape[1]))) ** 2).sum(axis=0)
    frequency_hz = np.fft.rfftfreq(latents.shape[1], STEP_S)
    assert spectrum[frequency_hz > 0.11].sum() < 1e-3 * spectrum.sum()


def test_the_bold_is_the_activity_convolved_and_of_unit_variance(rng: np.random.Generator) -> None:
    latents = draw_latents(80, (-50.0, 500.0), BAND_HZ, rng)
    bold = respond(latents, 4.4, BAND_HZ)
    assert bold.values.var() == pytest.approx(1, abs=0.08)
    at_s = 123.4
    response = hrf(4.4)
    by_hand = latents.at(at_s - np.arange(len(response)) * STEP_S) @ response
    found = bold.at(np.array([at_s]))[:, 0]
    assert np.corrcoef(by_hand, found)[0, 1] > 1 - 1e-9


def test_values_between_samples_are_linear() -> None:
    series = SlowSeries(-1.0, np.array([[0.0, 1.0, 4.0], [5.0, 5.0, 6.0]]))
    assert series.times_s == pytest.approx([-1.0, -0.9, -0.8])
    assert series.at(np.array([-0.95, -0.85])) == pytest.approx(np.array([[0.5, 2.5], [5.0, 5.5]]))
