"""Take out what the scanner's gradients induce.

Averages of volumes in sliding windows, aligned between samples, show the artefact of each channel [Allen 2000]; their
principal components over channels and windows are the few courses that it is made of [Niazy 2005]. Adaptive noise
cancellation fits these courses to each channel in short windows, so that the artefact may change when the head moves.
What still repeats in a channel is averaged in sliding windows again and subtracted as far as it stands out.

References
----------
Allen PJ, Josephs O, Turner R (2000). NeuroImage 12(2):230-239. doi:10.1006/nimg.2000.0599
Niazy RK, et al. (2005). NeuroImage 28(3):720-737. doi:10.1016/j.neuroimage.2005.06.067
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from bids_app.errors import UsageError
from bids_app.preproc.eeg._cancel import Canceller, Window
from bids_app.preproc.eeg._epochs import Epochs
from bids_app.preproc.eeg._state import Finding, harmonics_db
from bids_app.values import Complexes, Floats, Ints
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

FEWEST_VOLUMES = 8
PRESENT_DB = 3.0
LOOKED_AT_S = 120.0
LOOKED_AT_CHANNELS = 8
SCANNED_SHARE = 0.2  # of a stored volume's roughness: what is as rough was scanned too
MOST_WINDOWS = 12  # of which components are taken
OVER_NOISE = 3.0  # singular value of a component over the largest that the noise makes
FITTED_HZ = 300.0  # the difference that weights are fitted to is blind to this and to 0
LARGEST_LAG = 1.0  # samples; farther is no volume of this artefact
STANDS_OUT = 3.0  # power of an average over what noise makes of it


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the table ``[eeg.gradient]``.

    Attributes
    ----------
    window_volumes : int
        Volumes that are averaged.
    most_components : int
        Largest number of principal components.
    adapt_s : float
        How quickly the weights of the components may change.
    """

    window_volumes: int = 20
    most_components: int = 12
    adapt_s: float = 1.0


def seen(recording: Recording, scene: Scene) -> Finding:
    """Look for harmonics of the slice and of the volume rate in the EEG during the scan."""
    epochs = scanned(recording, scene)
    if epochs is None:
        return Finding("gradient", present=False, words="volumes unknown", figures={})
    rows = _some(recording.rows("EEG"))
    start = max(int(epochs.starts[0]), 0)
    stop = min(
        start + round(LOOKED_AT_S * recording.rate_hz), round(epochs.starts[-1] + epochs.period)
    )
    volts = np.nan_to_num(recording.volts[rows, start:stop])
    figures = {
        f"{what}_harmonics_db": harmonics_db(volts, recording.rate_hz, rate_hz, recording.line_hz)
        for what, rate_hz in scene.rates_hz.items()
    }
    figures = {what: figure for what, figure in figures.items() if np.isfinite(figure)}
    words = ", ".join(
        f"{what.removesuffix('_harmonics_db')} harmonics {figure:+.1f} dB"
        for what, figure in figures.items()
    )
    present = any(figure > PRESENT_DB for figure in figures.values())
    return Finding("gradient", present, words, figures)


def apply(
    recording: Recording, settings: Settings, scene: Scene, tell: Callable[[str], None]
) -> Recording:
    """Subtract the gradient artefact from every channel, at the recorded rate.

    Raises
    ------
    UsageError
        For settings that leave nothing to average or fit.
    """
    _refuse(settings)
    epochs = scanned(recording, scene)
    if epochs is None:
        tell(f"{scene.where}: gradient artefacts were not removed: volumes are unknown or too few")
        return recording
    volts = recording.volts
    usable = np.flatnonzero([np.isfinite(row).all() and np.ptp(row) > 0 for row in volts])
    epochs = _aligned(volts, [int(row) for row in usable if recording.kinds[row] == "EEG"], epochs)
    components = _components(volts, usable, epochs, settings)
    references = np.zeros((len(components), recording.n_samples), dtype=np.float32)
    for course, component in zip(references, components, strict=True):
        epochs.tiled(component[None], course)
        _bridge(course, epochs)
    window = Window(
        round(settings.adapt_s * recording.rate_hz),
        lag=max(1, round(recording.rate_hz / FITTED_HZ)),
        n_differences=2,
    )
    canceller = Canceller(references, window)
    del references  # the canceller has what it needs
    cleaned = volts.copy()
    rest = np.zeros(recording.n_samples, dtype=np.float32)
    for row in usable:
        _bridge(cleaned[row], epochs)
        cleaned[row] -= canceller.noise(cleaned[row])
        spectra = _standing_out(epochs.spectra(cleaned[row]), settings.window_volumes)
        epochs.tiled(spectra, rest)
        cleaned[row] -= rest
    tell(
        f"gradient artefacts of {len(epochs.starts)} volumes were removed with {len(components)} components"
    )
    return replace(recording, volts=cleaned)


def scanned(recording: Recording, scene: Scene) -> Epochs | None:
    """Find the volumes during which the scanner ran: the stored ones, and those before and after that look alike.

    Returns
    -------
    Epochs or None
        None when volumes are unknown, or fewer than can be averaged.
    """
    if scene.period_s is None or scene.clock is None or not scene.n_volumes:
        return None
    period = scene.period_s * recording.rate_hz
    offset = scene.clock.offset_s * recording.rate_hz
    numbers = np.arange(
        np.ceil((1 - period - offset) / period), (recording.n_samples - offset) / period
    )
    stored = (numbers >= 0) & (numbers < scene.n_volumes)
    epochs = Epochs(offset + numbers * period, period, recording.n_samples, recording.rate_hz)
    if (stored & epochs.whole).sum() < FEWEST_VOLUMES:
        return None
    rough = _roughness([recording.volts[row] for row in _some(recording.rows("EEG"))], epochs)
    usual = np.median(rough[:, stored & epochs.whole], axis=1, keepdims=True)
    return epochs.kept(np.median(rough > SCANNED_SHARE * usual, axis=0) > 0.5)  # noqa: PLR2004 (most channels)


def _some(rows: list[int]) -> list[int]:
    """A few rows from all over the head: enough to tell what all of them hear."""
    return rows[:: -(-len(rows) // LOOKED_AT_CHANNELS)]


def _refuse(settings: Settings) -> None:
    if settings.window_volumes < 2 or settings.most_components < 1 or not settings.adapt_s > 0:  # noqa: PLR2004 (a mean)
        raise UsageError(
            f"config file: [eeg.gradient] has window_volumes = {settings.window_volumes}, most_components = "
            f"{settings.most_components}, adapt_s = {settings.adapt_s:g}; expected 2 or more, 1 or more, more than 0"
        )


def _roughness(volts: list[Floats], epochs: Epochs) -> Floats:
    """Power of the steps from sample to sample during each epoch, shape (channel, epoch)."""
    start = np.clip(epochs.first, 0, epochs.n_samples)
    stop = np.clip(epochs.first + round(epochs.period), 0, epochs.n_samples)
    rough = []
    for row in volts:
        power = np.zeros(epochs.n_samples + 1)
        power[2:] = np.cumsum(np.nan_to_num(np.diff(row)).astype(np.float64) ** 2)
        rough.append((power[stop] - power[start]) / np.maximum(stop - start, 1))
    return np.stack(rough)


def _aligned(volts: Floats, rows: list[int], epochs: Epochs) -> Epochs:
    """Correct the clock by the artefact itself: markers lie on whole samples.

    One Gauss-Newton step for the delay of each volume against the mean of all, and a straight line through the delays.
    """
    strongest = sorted(rows, key=lambda row: -float(np.std(volts[row])))[:LOOKED_AT_CHANNELS]
    along, size = np.zeros(len(epochs.starts)), 0.0
    for row in strongest:
        spectra = epochs.spectra(volts[row])
        mean = spectra[epochs.whole].mean(axis=0)
        slope = -1j * epochs.radians * mean
        along += ((spectra - mean) @ slope.conj()).real
        size += float((np.abs(slope) ** 2).sum())
    lag = along / max(size, 1e-30)
    near = epochs.whole & (np.abs(lag) < LARGEST_LAG)
    if near.sum() < FEWEST_VOLUMES:
        return epochs
    line = np.polynomial.Polynomial.fit(epochs.starts[near], lag[near], 1)
    return epochs.moved(line(epochs.starts))


def _components(volts: Floats, usable: Ints, epochs: Epochs, settings: Settings) -> Complexes:
    """Principal components of sliding averages over channels and windows, shape (component, frequency).

    What the averages of odd and of even volumes have in common is artefact; what differs is EEG, and tells how large a
    component noise alone would make.
    """
    means, halves = [], []
    for row in usable:
        spectra = epochs.spectra(volts[row])[epochs.whole]
        parts = np.array_split(spectra, _n_windows(len(spectra), settings.window_volumes))
        odd = np.stack([part[::2].mean(axis=0) for part in parts])
        even = np.stack([part[1::2].mean(axis=0) for part in parts])
        # A loud channel, such as an ECG, would bring its own signal into the components.
        loud = max(float(np.abs(odd - even).mean()), np.finfo(np.float32).tiny)
        means.append((odd + even) / loud)
        halves.append((odd - even) / loud)
    sizes, courses = _principal(np.concatenate(means), epochs.length)
    noise, _ = _principal(np.concatenate(halves), epochs.length)
    n_components = max(1, int((sizes > OVER_NOISE * noise[0]).sum()))
    chosen: Complexes = fft.rfft(courses[: min(n_components, settings.most_components)], axis=1)
    return chosen


def _principal(spectra: Complexes, length: int) -> tuple[Floats, Floats]:
    """Singular values of courses, falling, shape (component,), and unit components, shape (component, time)."""
    waves = fft.irfft(spectra.astype(np.complex128), length, axis=1)
    values, mixing = np.linalg.eigh(waves @ waves.T)
    sizes = np.sqrt(np.maximum(values[::-1], np.finfo(np.float32).tiny))
    return sizes, (mixing[:, ::-1].T @ waves) / sizes[:, None]


def _standing_out(spectra: Complexes, window_volumes: int) -> Complexes:
    """Sliding averages of epochs, frequency by frequency as far as they are larger than chance makes them.

    An average of n volumes keeps 1/n of the EEG's power; subtracting it whole would take as much away.
    """
    half = max(1, window_volumes // 2)
    parts = np.array_split(np.arange(len(spectra)), max(2, len(spectra) // half))
    sums = np.stack([spectra[part].sum(axis=0) for part in parts])
    powers = np.stack([(np.abs(spectra[part]) ** 2).sum(axis=0) for part in parts])
    counts = np.array([len(part) for part in parts])[:, None]
    sums, powers, counts = (each[:-1] + each[1:] for each in (sums, powers, counts))
    means = sums / counts
    by_chance = (powers / counts - np.abs(means) ** 2) / np.maximum(counts - 1, 1)
    gain = np.maximum(1 - STANDS_OUT * by_chance / np.maximum(np.abs(means) ** 2, 1e-38), 0)
    windows = (gain * means).astype(np.complex64)
    middles = [(first[0] + second[-1]) / 2 for first, second in itertools.pairwise(parts)]
    place = np.interp(np.arange(len(spectra)), middles, np.arange(len(middles)))
    below = np.minimum(place.astype(int), len(middles) - 1)
    above = np.minimum(below + 1, len(middles) - 1)
    share = (place - below).astype(np.float32)[:, None]
    blended: Complexes = (1 - share) * windows[below] + share * windows[above]
    return blended


def _bridge(trace: Floats, epochs: Epochs) -> None:
    """Draw a straight line, in place, where scanning starts and stops: there the amplifier's filter rings once."""
    stops = epochs.starts + epochs.period
    alone = np.abs(epochs.starts[1:] - stops[:-1]) > 1
    for edge in (*epochs.starts[np.r_[True, alone]], *stops[np.r_[alone, True]]):
        first, last = round(edge) - epochs.margin, round(edge) + epochs.margin
        if first >= 0 and last < len(trace):
            trace[first : last + 1] = np.linspace(trace[first], trace[last], last + 1 - first)


def _n_windows(n_volumes: int, window_volumes: int) -> int:
    return int(np.clip(n_volumes // window_volumes, 1, MOST_WINDOWS))
