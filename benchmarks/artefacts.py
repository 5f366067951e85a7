"""Scanner artefacts: how close each method comes to the clean EEG of simulated recordings, and what it costs.

Run it from the root of the repository: ``python benchmarks/artefacts.py``. With ``--facet PYTHON``, the interpreter of
an environment of its own in which facetpy 2.0.2 is installed, its documented pipeline runs on the same recordings.
``--long`` cleans ten minutes of 64 channels at 5000 Hz in another process and prints its time and memory.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import signal

from bids_app.files import eeg as files
from bids_app.preproc import eeg as cleaning
from bids_app.preproc.eeg import gradient, pulse, resample
from bids_app.simulate.scanner_eeg import ScannerEeg, ScannerEegSettings, record
from bids_app.values import Floats
from bids_app.values.pairing import Clock
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

JUDGED_HZ = 250.0
PLAIN_WINDOW = 25
CASES = {
    "5000 Hz, clocks apart, head moves": ScannerEegSettings(),
    "1000 Hz, clocks tied, head moves": ScannerEegSettings(rate_hz=1000.0, drift=0.0),
    "5000 Hz, gradient and pulse": ScannerEegSettings(pulse=True),
}
FACET = """
import sys, time
import mne, numpy as np
from facet import Pipeline, ProcessingContext
from facet import preprocessing as p, correction as c
folder, pca, anc = sys.argv[1], sys.argv[2] == "1", sys.argv[3] == "1"
given = np.load(folder + "/given.npz")
info = mne.create_info(len(given["volts"]), float(given["rate_hz"]), "eeg", verbose="error")
raw = mne.io.RawArray(given["volts"].astype(float), info, verbose="error")
onsets = given["onsets_s"]
raw.set_annotations(mne.Annotations(onsets, np.zeros(len(onsets)), ["1"] * len(onsets)))
steps = [
    p.TriggerDetector(regex=r"\\b1\\b"), p.CutAcquisitionWindow(), p.HighPassFilter(freq=1.0),
    p.UpSample(factor=10), p.SliceAligner(ref_trigger_index=0), p.SubsampleAligner(ref_trigger_index=0),
    c.AASCorrection(window_size=30, correlation_threshold=0.975),
]
steps += [c.PCACorrection(n_components=0.95, hp_freq=1.0)] if pca else []
steps += [p.DownSample(factor=10), p.PasteAcquisitionWindow(), p.LowPassFilter(freq=70.0)]
steps += [c.ANCCorrection()] if anc else []
start = time.process_time()
done = Pipeline(steps, name="x").run(ProcessingContext(raw), show_progress=False)
if not done.success:
    sys.exit(str(done.error))
np.savez(folder + "/done.npz", volts=done.context.get_raw().get_data().astype(np.float32),
         cpu_s=time.process_time() - start)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A recording, what is true of it, and what its markers tell."""

    settings: ScannerEegSettings
    made: ScannerEeg
    scene: Scene

    def judged(self, volts: Floats, rate_hz: float, low_hz: float, high_hz: float) -> Floats:
        """Bring volts of shape (channel, time) to one rate and band, during the scan."""
        ratio = round(rate_hz / JUDGED_HZ)
        sections = signal.butter(4, (low_hz, high_hz), "bandpass", fs=JUDGED_HZ, output="sos")
        start_s, stop_s = self.made.clock.eeg_s(
            np.array([1.0, self.settings.n_volumes * self.settings.tr_s - 1.0])
        )
        inside = slice(round(start_s * JUDGED_HZ), round(stop_s * JUDGED_HZ))
        slow = volts.astype(np.float64)
        if ratio > 1:
            slow = signal.resample_poly(slow, 1, ratio, axis=1)
        return np.asarray(signal.sosfiltfilt(sections, slow, axis=1)[:, inside])


def drawn(settings: ScannerEegSettings) -> Case:
    """Draw a recording; its clock is a line through its markers."""
    made = record(settings)
    onsets_s = [event.onset_s for event in made.recording.events]
    rate, offset_s = np.polyfit(np.arange(len(onsets_s)) * settings.tr_s, onsets_s, 1)
    clock = Clock(float(offset_s), float(rate))
    scene = Scene("simulated", clock, settings.tr_s, settings.n_volumes, settings.n_slices)
    return Case(settings, made, scene)


def scores(case: Case, volts: Floats, rate_hz: float) -> str:
    """Say how close EEG channels of shape (channel, time) are to the truth."""
    true_hz = case.settings.rate_hz
    figures = []
    for band, of in (
        ((1.0, 40.0), np.asarray),
        ((8.0, 12.0), lambda x: np.abs(signal.hilbert(x))),
    ):
        found = of(case.judged(volts, rate_hz, *band))
        true = of(case.judged(case.made.clean, true_hz, *band))
        figures.append(
            np.median([np.corrcoef(*pair)[0, 1] for pair in zip(found, true, strict=True)])
        )
    base_hz = case.scene.rates_hz["slice"]
    broad = (
        case.judged(signals, hertz, 0.5, 100.0)
        for signals, hertz in ((volts, rate_hz), (case.made.clean, true_hz))
    )
    frequency_hz, (found, true) = _spectra(broad)
    apart = [
        10 * np.log10(np.median(found[:, near].mean(axis=1) / true[:, near].mean(axis=1)))
        for harmonic in np.arange(base_hz, 70.0, base_hz)
        for near in (np.abs(frequency_hz - harmonic) <= 0.3,)
    ]
    farthest = max(apart, key=abs)
    return f"{figures[0]:9.4f} {figures[1]:9.4f} {farthest:+12.2f}"


def _spectra(signals: Iterator[Floats]) -> tuple[Floats, list[Floats]]:
    found = [signal.welch(each, JUDGED_HZ, nperseg=1000) for each in signals]
    return found[0][0], [power for _, power in found]


def plain(case: Case) -> Recording:
    """Subtract the mean of the volumes around each volume, cut at the markers' samples."""
    recording = case.made.recording
    volts = recording.volts.copy()
    starts = [round(event.onset_s * recording.rate_hz) for event in recording.events]
    length = int(np.diff(starts).min())
    rows = np.asarray(starts)[:, None] + np.arange(length)
    for row in volts:
        epochs = row[rows]
        for index, place in enumerate(rows):
            first = np.clip(index - PLAIN_WINDOW // 2, 0, max(0, len(rows) - PLAIN_WINDOW))
            row[place] -= epochs[first : first + PLAIN_WINDOW].mean(axis=0)
    return replace(recording, volts=volts)


def own(case: Case) -> Recording:
    """Gradient step, and the pulse step where there is a pulse, at the rate it is made for."""
    recording = gradient.apply(
        case.made.recording, gradient.Settings(), case.scene, lambda _: None
    )
    if case.settings.pulse:
        recording = resample.apply(recording, resample.Settings(), case.scene, lambda _: None)
        recording = pulse.apply(recording, pulse.Settings(), case.scene, lambda _: None)
    return recording


def facet(case: Case, python: Path, *, pca: bool, anc: bool) -> tuple[Floats, float] | None:
    """Run FACETpy in its own environment; give volts of shape (channel, time) and CPU seconds."""
    recording = case.made.recording
    with tempfile.TemporaryDirectory() as folder:
        np.savez(
            Path(folder) / "given.npz",
            volts=recording.volts[:-1],
            rate_hz=recording.rate_hz,
            onsets_s=[event.onset_s for event in recording.events],
        )
        words = [str(python), "-c", FACET, folder, str(int(pca)), str(int(anc))]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        if ended.returncode:
            print(f"FACETpy failed: {ended.stderr.strip().splitlines()[-1:]}")
            return None
        done = np.load(Path(folder) / "done.npz")
        return done["volts"], float(done["cpu_s"])


def compare(name: str, settings: ScannerEegSettings, python: Path | None) -> None:
    """Print one table."""
    case = drawn(settings)
    recording = case.made.recording
    print(f"\n{name}: {settings.n_channels} channels, {settings.n_volumes} volumes")
    print(f"{'':34}{'r 1-40':>9} {'r alpha':>9} {'harmonics dB':>12} {'CPU s':>8}")
    n_eeg = settings.n_channels
    print(f"{'as recorded':34}{scores(case, recording.volts[:-1], recording.rate_hz)}")
    methods: dict[str, Callable[[Case], Recording]] = {
        "template subtraction": plain,
        "eeg2fmri": own,
    }
    for label, method in methods.items():
        start = time.process_time()
        done = method(case)
        cpu_s = time.process_time() - start
        print(f"{label:34}{scores(case, done.volts[:n_eeg], done.rate_hz)} {cpu_s:8.1f}")
    if python is None or settings.pulse:
        return
    for label, pca, anc in (("AAS", 0, 0), ("AAS, PCA", 1, 0), ("AAS, PCA, ANC", 1, 1)):
        ran = facet(case, python, pca=bool(pca), anc=bool(anc))
        if ran is not None:
            told = scores(case, ran[0], recording.rate_hz)
            print(f"{'FACETpy: ' + label:34}{told} {ran[1]:8.1f}", flush=True)


def long_recording(folder: Path) -> None:
    """Print time and memory of reading and cleaning ten minutes of 64 channels at 5000 Hz."""
    settings = ScannerEegSettings(n_channels=7, n_volumes=295, pulse=True)
    case = drawn(settings)
    few = case.made.recording
    # Nine channels of each are enough to measure cost: drawing takes longer than cleaning.
    many = few.pick([*range(7)] * 9 + [7])
    names = tuple(f"E{number}" for number in range(1, 64))
    many = replace(many, names=(*names, "ECG"))
    files.write_brainvision(folder / "long_eeg.vhdr", many)
    del many, few
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[tuple[float, float, float]] = context.Queue()
    worker = context.Process(target=_timed, args=(folder / "long_eeg.vhdr", case.scene, queue))
    worker.start()
    wall_s, cpu_s, peak_gb = queue.get()
    worker.join()
    length_s = case.made.recording.duration_s
    print(
        f"\n64 channels, {length_s:.0f} s at 5000 Hz, read and all steps: "
        f"{wall_s:.0f} s, {cpu_s:.0f} CPU s, peak memory {peak_gb:.2f} GB"
    )


def _timed(
    path: Path, scene: Scene, queue: multiprocessing.Queue[tuple[float, float, float]]
) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    cleaning.clean(files.read(path), cleaning.settings_of({}), scene)
    # The peak that getrusage gives is inherited from the process that drew the recording; this one is not.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_gb = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9
    queue.put((time.perf_counter() - wall, time.process_time() - cpu, peak_gb))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=31)
    parser.add_argument("--volumes", type=int, default=120)
    parser.add_argument("--facet", type=Path, help="Python of an environment with facetpy")
    parser.add_argument("--long", action="store_true", help="time and memory only")
    chosen = parser.parse_args()
    if chosen.long:
        with tempfile.TemporaryDirectory() as folder:
            long_recording(Path(folder))
        return
    if chosen.facet is None:
        print("FACETpy: skipped; give its environment's interpreter with --facet")
    for name, settings in CASES.items():
        sized = replace(settings, n_channels=chosen.channels, n_volumes=chosen.volumes)
        compare(name, sized, chosen.facet)


if __name__ == "__main__":
    main()
