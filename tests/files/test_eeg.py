from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edfio
import mne
import numpy as np
import pytest
from scipy.io import savemat

from bids_app.errors import CannotCreateError, DataError, MissingInputError
from bids_app.files import eeg
from bids_app.values import Floats
from bids_app.values.recording import Event, Recording

NAMES = ("Cz", "Pz", "Oz", "ECG")
RATE_HZ = 250.0
N_TIME = 500
MARKS = (Event(0.1, "Response/R128"), Event(1.1, "Response/R128"))
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "eeglab_sample"
TRUNCATED = "the file is truncated; fetch it again"


@pytest.fixture
def volts(rng: np.random.Generator) -> Floats:
    """Make signals of some microvolts, different for each channel."""
    scale = np.array([10e-6, 20e-6, 30e-6, 500e-6])[:, None]
    return (scale * rng.standard_normal((4, N_TIME))).astype(np.float32)


def recording(volts: Floats, **more: Any) -> Recording:
    given: dict[str, Any] = {
        "names": NAMES,
        "kinds": ("EEG", "EEG", "EEG", "ECG"),
        "positions_m": np.full((4, 3), np.nan),
        "events": MARKS,
    }
    return Recording(volts, RATE_HZ, **(given | more))


def as_fif(path: Path, volts: Floats, first_sample: int = 0, date: int | None = None) -> Path:
    info = mne.create_info(list(NAMES), RATE_HZ, ["eeg", "eeg", "eeg", "ecg"])
    raw = mne.io.RawArray(volts.astype(np.float64), info, first_sample, verbose="error")
    if date is not None:
        raw.set_meas_date(datetime.datetime.fromtimestamp(date, tz=datetime.UTC))
    raw.set_annotations(mne.Annotations([0.1, 1.1], [0, 0], "Response/R128"))
    raw.save(path, fmt="double", verbose="error")
    return path


def as_edf(path: Path, volts: Floats, kind: Any = edfio.EdfSignal) -> Path:
    signals = [
        kind(row * 1e6, RATE_HZ, label=name, physical_dimension="uV")
        for row, name in zip(volts.astype(np.float64), NAMES, strict=True)
    ]
    marks = [edfio.EdfAnnotation(mark.onset_s, None, mark.label) for mark in MARKS]
    whole = edfio.Edf if kind is edfio.EdfSignal else edfio.Bdf
    whole(signals, annotations=marks, data_record_duration=1).write(path)
    return path


def as_bdf(path: Path, volts: Floats) -> Path:
    return as_edf(path, volts, edfio.BdfSignal)


def as_set(path: Path, volts: Floats, *, apart: bool = False) -> Path:
    data: Any = (volts * 1e6).astype(np.float32)
    if apart:
        data.T.astype("<f4").tofile(path.with_suffix(".fdt"))
        data = path.with_suffix(".fdt").name
    marks = [(mark.label, mark.onset_s * RATE_HZ + 1, 1) for mark in MARKS]
    fields = [("type", object), ("latency", object), ("duration", object)]
    found = {
        "data": data,
        "nbchan": len(NAMES),
        "pnts": N_TIME,
        "trials": 1,
        "srate": RATE_HZ,
        "xmin": 0.0,
        "xmax": (N_TIME - 1) / RATE_HZ,
        "chanlocs": np.array([(name,) for name in NAMES], dtype=[("labels", object)]),
        "event": np.array(marks, dtype=fields),
        "epoch": [],
        "icawinv": [],
        "icasphere": [],
        "icaweights": [],
    }
    savemat(path, {"EEG": found}, appendmat=False)
    return path


def as_set_and_fdt(path: Path, volts: Floats) -> Path:
    return as_set(path, volts, apart=True)


def as_brainvision(path: Path, volts: Floats) -> Path:
    return eeg.write_brainvision(path, recording(volts))


FORMATS = [
    (".vhdr", as_brainvision, 1e-6),
    (".edf", as_edf, 1e-3),  # 16 bits
    (".bdf", as_bdf, 1e-5),  # 24 bits
    (".set", as_set, 1e-6),
    (".set", as_set_and_fdt, 1e-6),
    (".fif", as_fif, 1e-6),
]


@pytest.mark.parametrize(("suffix", "write", "share"), FORMATS)
def test_every_format_gives_volts_names_types_and_markers(
    tmp_path: Path, volts: Floats, suffix: str, write: Callable[..., Path], share: float
) -> None:
    path = write(tmp_path / f"sub-01_task-rest_eeg{suffix}", volts)
    found = eeg.read(path, line_hz=50.0)
    assert found.names == NAMES
    assert found.kinds == ("EEG", "EEG", "EEG", "ECG")
    assert (found.rate_hz, found.line_hz) == (RATE_HZ, 50.0)
    assert found.volts.dtype == np.float32
    assert np.abs(found.volts - volts).max() < share * np.abs(volts).max()
    onsets = {event.onset_s for event in found.events if event.label.endswith("R128")}
    assert sorted(onsets) == pytest.approx([0.1, 1.1], abs=1e-6)
    header = eeg.read_header(path)
    assert (header.rate_hz, header.duration_s, header.names) == (RATE_HZ, 2.0, NAMES)
    assert header.events == found.events


@pytest.mark.parametrize("first_sample", [0, 125])
@pytest.mark.parametrize("date", [None, 10**9])
def test_markers_count_from_the_first_sample(
    tmp_path: Path, volts: Floats, first_sample: int, date: int | None
) -> None:
    path = as_fif(tmp_path / "a_eeg.fif", volts, first_sample, date)
    raw = mne.io.read_raw_fif(path, verbose="error")
    samples = mne.events_from_annotations(raw, verbose="error")[0][:, 0] - raw.first_samp
    onsets = [event.onset_s for event in eeg.read(path).events]
    assert onsets == pytest.approx(samples / RATE_HZ)
    assert len(onsets) == 2


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the sample recording of EEGLAB is not here")
def test_a_recording_of_eeglab_is_read() -> None:
    found = eeg.read(SAMPLE / "eeglab_data.set")
    assert (len(found.names), found.rate_hz, len(found.events)) == (32, 128.0, 154)
    assert found.duration_s == pytest.approx(238.3, abs=0.1)
    assert 1e-6 < np.median(found.volts.std(axis=1)) < 100e-6
    assert np.isfinite(found.positions_m[found.rows("EEG")]).all()


# ------------------------------------------------------------ BrainVision there and back


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Response/R128", "Response/R128"),
        ("Stimulus/S  5", "Stimulus/S  5"),
        ("Stimulus/S 12", "Stimulus/S 12"),
        ("Stimulus/T  1", "Comment/Stimulus/T  1"),
        ("Response/S  5", "Comment/Response/S  5"),
        ("T 1", "Comment/T 1"),
        ("Comment/eyes open, then closed", "Comment/eyes open, then closed"),
        ("two\r\nlines", "Comment/two lines"),
        ("µ=é", "Comment/µ=é"),
    ],
)
def test_labels_survive(tmp_path: Path, volts: Floats, written: str, read: str) -> None:
    given = recording(volts, events=(Event(0.5, written), Event(1.0, "last")))
    found = eeg.read(eeg.write_brainvision(tmp_path / "a_eeg.vhdr", given))
    assert [event.label for event in found.events] == [read, "Comment/last"]
    again = eeg.read(eeg.write_brainvision(tmp_path / "b_eeg.vhdr", found))
    assert again.events[0].label.rsplit("/", maxsplit=1)[-1] == read.rsplit("/", maxsplit=1)[-1]


def test_times_survive_and_markers_outside_do_not(tmp_path: Path, volts: Floats) -> None:
    events = (
        Event(-0.1, "before"),
        Event(0.0, "first"),
        Event(0.4, "long", 0.2),
        Event(1.9, "too long", 5.0),
        Event(1.9981, "last"),
        Event(2.0, "after"),
    )
    path = eeg.write_brainvision(tmp_path / "a_eeg.vhdr", recording(volts, events=events))
    found = {event.label.removeprefix("Comment/"): event for event in eeg.read(path).events}
    assert list(found) == ["first", "long", "too long", "last"]
    assert found["long"].onset_s == pytest.approx(0.4)
    assert found["long"].duration_s == pytest.approx(0.2)
    assert found["last"].onset_s == pytest.approx(1.996)


def test_a_recording_without_markers_is_written(tmp_path: Path, volts: Floats) -> None:
    path = eeg.write_brainvision(tmp_path / "a_eeg.vhdr", recording(volts, events=()))
    assert eeg.read(path).events == ()


def test_only_whole_files_are_left(
    tmp_path: Path, volts: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = eeg.write_brainvision(tmp_path / "new" / "a_eeg.vhdr", recording(volts))
    names = {"a_eeg.vhdr", "a_eeg.vmrk", "a_eeg.eeg"}
    assert {found.name for found in path.parent.iterdir()} == names

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pybv.write_brainvision", full)
    with pytest.raises(CannotCreateError, match=f"{path}: cannot be written: No space left"):
        eeg.write_brainvision(path, recording(2 * volts))
    assert {found.name for found in path.parent.iterdir()} == names
    assert np.allclose(eeg.read(path).volts, volts)


# ------------------------------------------------------------ types and positions


def test_declared_types_win_but_for_what_only_passes_as_eeg(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)

    def kinds(**types: str) -> tuple[str, ...]:
        table = {"name": list(types), "type": list(types.values())}
        return eeg.read(path, table).kinds

    assert kinds(Cz="misc", Oz="eog") == ("MISC", "EEG", "EOG", "ECG")
    assert kinds(ECG="EEG") == ("EEG", "EEG", "EEG", "ECG")
    assert kinds(ECG="MISC") == ("EEG", "EEG", "EEG", "MISC")
    assert kinds(Cz="n/a", ECG="n/a") == ("EEG", "EEG", "EEG", "ECG")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("EKG1", "ECG"),
        ("HEOG", "EOG"),
        ("VEOGb", "EOG"),
        ("emg+", "EMG"),
        ("Status", "TRIG"),
        ("CWL3", "MISC"),
        ("Resp", "MISC"),
        ("Fp1", "EEG"),
        ("E12", "EEG"),
    ],
)
def test_types_are_guessed_from_names(tmp_path: Path, volts: Floats, name: str, kind: str) -> None:
    given = recording(volts, names=("Cz", name, "Oz", "Pz"))
    found = eeg.read(eeg.write_brainvision(tmp_path / "a_eeg.vhdr", given))
    assert found.kinds == ("EEG", kind, "EEG", "EEG")


def test_positions_are_those_of_the_standard_where_the_file_has_none(
    tmp_path: Path, volts: Floats
) -> None:
    found = eeg.read(as_brainvision(tmp_path / "a_eeg.vhdr", volts)).positions_m
    assert np.isnan(found[3]).all()
    top, back = found[0], found[2]
    assert top[2] > 0.08  # Cz is at the top, Oz at the back
    assert back[1] < -0.08
    assert eeg.standard_position_m(" cZ ") == pytest.approx(top)
    assert eeg.standard_position_m("E12") is None


def test_digitised_positions_win_over_the_standard(tmp_path: Path, volts: Floats) -> None:
    path = as_fif(tmp_path / "a_eeg.fif", volts)
    raw = mne.io.read_raw_fif(path, preload=True, verbose="error")
    place = np.array([0.01, 0.02, 0.09])
    raw.set_montage(
        mne.channels.make_dig_montage({"Cz": place}, coord_frame="head"), on_missing="ignore"
    )
    raw.save(path, overwrite=True, verbose="error")
    found = eeg.read(path).positions_m
    assert found[0] == pytest.approx(place, abs=1e-6)
    assert found[2] == pytest.approx(eeg.standard_position_m("Oz"))


# ------------------------------------------------------------ digitised electrodes of BIDS


def electrodes(folder: Path, volts: Floats, rows: str) -> Path:
    """Write a recording with its table of electrodes."""
    path = folder / "sub-01" / "eeg" / "sub-01_task-rest_eeg.vhdr"
    eeg.write_brainvision(path, recording(volts))
    (path.parent / "sub-01_electrodes.tsv").write_text(f"name\tx\ty\tz\n{rows}")
    (path.parent / "sub-01_coordsystem.json").write_text(
        '{"EEGCoordinateSystem": "CapTrak", "EEGCoordinateUnits": "mm"}'
    )
    (path.parent / "sub-01_task-rest_channels.tsv").write_text(
        "name\ttype\tunits\n" + "".join(f"{name}\tEEG\tuV\n" for name in NAMES)
    )
    return path


def test_digitised_electrodes_are_in_metres(tmp_path: Path, volts: Floats) -> None:
    path = electrodes(tmp_path, volts, "Cz\t1\t2\t90\nPz\tn/a\tn/a\tn/a\nOz\t0\t-95\t10\n")
    before = path.parent.stat().st_mtime_ns
    found = eeg.electrode_positions_m(path, tmp_path / "scratch")
    assert path.parent.stat().st_mtime_ns == before
    assert not list((tmp_path / "scratch").iterdir())
    assert "Pz" not in found
    assert found["Cz"] == pytest.approx([0.001, 0.002, 0.09], abs=1e-6)
    assert found["Oz"] == pytest.approx([0, -0.095, 0.01], abs=1e-6)


def test_without_usable_electrodes_there_are_no_positions(
    tmp_path: Path, volts: Floats, caplog: pytest.LogCaptureFixture
) -> None:
    path = electrodes(tmp_path, volts, "Cz\tleft\n")
    assert eeg.electrode_positions_m(path, tmp_path / "scratch") == {}
    assert f"{path}: electrodes.tsv cannot be used: " in caplog.text
    (path.parent / "sub-01_electrodes.tsv").unlink()
    assert eeg.electrode_positions_m(path, tmp_path / "scratch") == {}


# ------------------------------------------------------------ files that are broken


@pytest.mark.parametrize("read", [eeg.read, eeg.read_header])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = tmp_path / "a_eeg.vhdr"
    with pytest.raises(MissingInputError, match=f"{path}: no such file") as caught:
        read(path)
    assert "is the dataset complete" in caught.value.hint


def test_another_format_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a_eeg.cnt"
    path.write_text("x")
    with pytest.raises(DataError, match=rf"{path}: \.cnt cannot be read") as caught:
        eeg.read(path)
    assert caught.value.hint == "known: .vhdr, .set, .fif, .bdf, .edf, .mat"


@pytest.mark.parametrize("suffix", eeg.SUFFIXES[1:])
def test_a_file_that_is_something_else_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a_eeg{suffix}"
    path.write_bytes(b"something else\n")
    with pytest.raises(
        MissingInputError, match=f"{path}: cannot be read as {suffix}: .*"
    ) as caught:
        eeg.read(path)
    assert "fetch it again" in caught.value.hint or "lie beside it, whole" in caught.value.hint


def test_missing_samples_are_told(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    path.with_suffix(".eeg").unlink()
    told = f"{path}: its samples are missing: DataFile=a_eeg.eeg is not there; beside it: no .eeg"
    with pytest.raises(MissingInputError, match=told) as caught:
        eeg.read(path)
    assert "correct DataFile" in caught.value.hint


def test_missing_markers_are_told(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    path.with_suffix(".vmrk").unlink()
    with pytest.raises(
        MissingInputError, match=f"{path}: its markers are missing: no a_eeg.vmrk"
    ) as caught:
        eeg.read(path)
    assert "nothing tells when the volumes were" in caught.value.hint


def test_markers_are_found_after_a_renaming(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    header = path.read_text("utf-8")
    path.write_text(header.replace("MarkerFile=a_eeg", "MarkerFile=before"), "utf-8")
    assert len(eeg.read(path).events) == 2


def test_samples_may_be_written_as_text(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    header = path.read_text("utf-8").replace("DataFormat=BINARY", "DataFormat=ASCII")
    binary = "[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32"
    text = "[ASCII Infos]\nDecimalSymbol=.\nSkipLines=1\nSkipColumns=0"
    path.write_text(header.replace(binary, text).replace(",,0.1,", ",,1,"), "utf-8")
    rows = [" ".join(NAMES), *(" ".join(f"{x:.4f}" for x in row) for row in 1e6 * volts.T)]
    path.with_suffix(".eeg").write_text("\n".join(rows) + "\n")
    assert eeg.read(path).volts == pytest.approx(volts, abs=1e-9)


def test_a_recording_may_have_no_marker_file(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    path.with_suffix(".vmrk").unlink()
    header = path.read_text("utf-8")
    path.write_text(header.replace("MarkerFile=a_eeg.vmrk", "MarkerFile="), "utf-8")
    assert eeg.read(path).events == ()


def test_a_missing_data_file_of_eeglab_is_told(tmp_path: Path, volts: Floats) -> None:
    path = as_set_and_fdt(tmp_path / "a_eeg.set", volts)
    path.with_suffix(".fdt").unlink()
    with pytest.raises(MissingInputError, match=r"cannot be read as \.set: .*a_eeg\.fdt"):
        eeg.read(path)


def test_truncated_samples_are_told(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    data = path.with_suffix(".eeg")
    data.write_bytes(data.read_bytes()[:-5])
    told = f"{data}: has 7995 bytes; expected 16 for each of 499 samples"
    with pytest.raises(MissingInputError, match=told) as caught:
        eeg.read(path)
    assert caught.value.hint == TRUNCATED


def test_fewer_samples_than_the_header_says_are_told(tmp_path: Path, volts: Floats) -> None:
    path = as_brainvision(tmp_path / "a_eeg.vhdr", volts)
    header, data = path.read_text("utf-8"), path.with_suffix(".eeg")
    path.write_text(header.replace("NumberOfCh", f"DataPoints={N_TIME}\nNumberOfCh"), "utf-8")
    assert eeg.read(path).n_samples == N_TIME
    data.write_bytes(data.read_bytes()[: 16 * 400])
    told = f"{data}: has 6400 bytes; expected 16 for each of 500 samples"
    with pytest.raises(MissingInputError, match=told) as caught:
        eeg.read_header(path)
    assert caught.value.hint == TRUNCATED


@pytest.mark.parametrize(("suffix", "write"), [(".edf", as_edf), (".bdf", as_bdf)])
def test_fewer_records_than_the_header_says_are_told(
    tmp_path: Path, volts: Floats, suffix: str, write: Callable[..., Path]
) -> None:
    path = write(tmp_path / f"a_eeg{suffix}", volts)
    n_bytes = path.stat().st_size - 600
    path.write_bytes(path.read_bytes()[:n_bytes])
    told = f"{path}: is shorter than its header says: {n_bytes} bytes"
    with pytest.raises(MissingInputError, match=told) as caught:
        eeg.read(path)
    assert caught.value.hint == TRUNCATED


def test_truncated_data_of_eeglab_are_told(tmp_path: Path, volts: Floats) -> None:
    path = as_set_and_fdt(tmp_path / "a_eeg.set", volts)
    data = path.with_suffix(".fdt")
    data.write_bytes(data.read_bytes()[:-160])
    with pytest.raises(
        MissingInputError, match=f"{path}: the samples cannot be read: .+"
    ) as caught:
        eeg.read(path)
    assert caught.value.hint == TRUNCATED


def test_a_recording_without_samples_is_told(
    tmp_path: Path, volts: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = as_edf(tmp_path / "a_eeg.edf", volts)
    raw = mne.io.RawArray(np.zeros((4, 0)), mne.create_info(list(NAMES), RATE_HZ), verbose="error")
    monkeypatch.setitem(eeg.READERS, ".edf", lambda *_, **__: raw)
    with pytest.raises(DataError, match=f"{path}: has 4 channels of 0 samples"):
        eeg.read(path)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Ch1=", "Cx1=", "is not a BrainVision header: 'Ch1' is missing"),
        ("DataFormat=BINARY", "DataFormat=ASCII", "does not tell how its samples are stored: "),
    ],
)
def test_a_brainvision_header_that_contradicts_itself_is_told(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    text = "\n".join((
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=a.eeg",
        "DataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\nSamplingInterval=4000",
        "[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=Fz,,0.5,uV\nCh2=Cz,,0.5,uV\n",
    ))
    (tmp_path / "a.eeg").write_bytes(bytes(400))
    (tmp_path / "a.vhdr").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=why) as caught:
        eeg.read_header(tmp_path / "a.vhdr")
    assert "export the recording again" in caught.value.hint
