"""The two trees of ds000116, as the app finds and reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from bids_app.config import RunConfig
from bids_app.errors import CannotCreateError, UsageError
from bids_app.files import eeg, sidecar, tables
from bids_app.layout.pair import find
from bids_app.layout.timing import beside, find_clock
from bids_app.preproc.eeg import bipolar
from bids_app.simulate import openfmri, truth
from bids_app.simulate.settings import SimulationSettings, sized
from bids_app.values.pairing import Pairing, Scan
from bids_app.values.recording import Recording
from bids_app.values.scene import Scene

pytestmark = pytest.mark.slow

N_VOLUMES = 10
AUDITORY = "auditoryoddballwithbuttonresponsetotargetstimuli"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate one person with one run of each task."""
    settings = sized("tiny", n_participants=1, n_runs=1, layout="ds000116", n_networks=2)
    settings = replace(settings, size=replace(settings.size, n_volumes=N_VOLUMES))
    return openfmri.simulate(settings, tmp_path_factory.mktemp("ds000116") / "made")


def pairings(made: Path, variant: str) -> tuple[RunConfig, tuple[Pairing, ...]]:
    config = RunConfig(
        made / "bids",
        made / "out",
        made / "work",
        "participant",
        eeg_dir=made / "openfmri",
        eeg_variant=variant,
    )
    return config, find(config, "01").pairings


def recording(made: Path, variant: str) -> Recording:
    """Read the auditory run."""
    config, (pairing, _) = pairings(made, variant)
    assert pairing.eeg is not None
    told = beside(pairing, config)
    return eeg.read(pairing.eeg.path, told.channels, told.line_hz, told.rate_hz)


def test_the_trees_are_those_of_the_dataset(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["bids", "openfmri", "truth"]
    bids = made / "bids"
    assert sorted(path.name for path in bids.iterdir()) == [
        "CHANGES",
        "README",
        "dataset_description.json",
        "participants.tsv",
        "sub-01",
        f"task-{AUDITORY}_bold.json",
        "task-visualoddballwithbuttonresponsetotargetstimuli_bold.json",
    ]
    assert sorted(path.name for path in bids.rglob("sub-01/*/*")) == [
        "sub-01_T1w.nii.gz",
        f"sub-01_task-{AUDITORY}_run-01_bold.nii.gz",
        f"sub-01_task-{AUDITORY}_run-01_events.tsv",
        "sub-01_task-visualoddballwithbuttonresponsetotargetstimuli_run-01_bold.nii.gz",
        "sub-01_task-visualoddballwithbuttonresponsetotargetstimuli_run-01_events.tsv",
    ]
    metadata = sidecar.read_json(bids / f"task-{AUDITORY}_bold.json")
    assert metadata["TaskName"] == "auditory oddball with button response to target stimuli"
    assert "SliceTiming" not in metadata
    events = tables.read_tsv(bids / f"sub-01/func/sub-01_task-{AUDITORY}_run-01_events.tsv")
    assert events["onset"][-1] == events["trial_type"][-1] == "n/a"
    assert events["trial_type"][0] == "auditory standard stimulus presentation"


def test_arrays_have_the_names_and_shapes_of_the_dataset(made: Path) -> None:
    folder = made / "openfmri/sub001/EEG/task002_run001"
    for name, variable, n_rows in (
        ("EEG_raw", "data", 49),
        ("EEG_noGA", "data_noGA", 49),
        ("EEG_rereferenced", "data_reref", 37),
    ):
        content = {
            key: value for key, value in loadmat(folder / f"{name}.mat").items() if key[0] != "_"
        }
        assert {key: value.shape for key, value in content.items()} == {
            variable: (n_rows, N_VOLUMES * 2000)
        }
    stimulus = content["data_reref"][35]
    assert set(np.unique(stimulus)) <= {0, 25, 225, 250}
    assert {25, 225} <= set(np.unique(stimulus))


@pytest.mark.parametrize("variant", ["rereferenced", "noGA", "raw"])
def test_every_form_is_paired_and_starts_with_the_scan(made: Path, variant: str) -> None:
    config, found = pairings(made, variant)
    assert len(found) == 2
    for pairing in found:
        assert pairing.run is not None
        assert pairing.eeg is not None
        assert variant in pairing.eeg.path.name
        told = beside(pairing, config)
        header = eeg.read_header(pairing.eeg.path, told.channels, told.rate_hz)
        assert header.duration_s == 2 * N_VOLUMES
        clock = find_clock(pairing, header, Scan(2.0, N_VOLUMES), config)
        assert clock is not None
        assert (clock.offset_s, clock.rate, clock.source) == (0.0, 1.0, "ds000116")


def test_pairs_and_electrodes_are_one_recording(made: Path) -> None:
    electrodes, pairs = recording(made, "rereferenced"), recording(made, "noGA")
    solved = bipolar.apply(pairs, bipolar.Settings(), Scene("a"), lambda _: None)
    expected = electrodes.volts[electrodes.rows("EEG")]
    found = solved.volts[solved.rows("EEG")]
    assert solved.names[:34] == electrodes.names[:34]
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    heart = [
        one.volts[one.names.index(name)] for one, name in ((electrodes, "ECG"), (solved, "ECG1"))
    ]
    assert np.allclose(heart[0], heart[1], atol=1e-9)
    levels = solved.volts[solved.names.index("stimulus")]
    assert set(np.unique(levels)) <= {0, 25, 125, 150}


def test_the_electrodes_hold_what_the_brain_did(made: Path) -> None:
    stem = f"sub-01/sub-01_task-{AUDITORY}_run-01_desc-clean_eeg.vhdr"
    clean = eeg.read(made / "truth" / truth.FOLDER / stem)
    against = clean.volts[:34] - clean.volts[34:].mean(axis=0)
    measured = recording(made, "rereferenced").volts[:34, ::4][:, : against.shape[1]]
    # The pulse artefact is left in, and is twice as large, but slow: steps from sample to sample are the brain's.
    steps = zip(np.diff(against, n=2), np.diff(measured, n=2), strict=True)
    found = [np.corrcoef(*rows)[0, 1] for rows in steps]
    assert np.median(found) > 0.9


def test_raw_is_gradients_on_top_in_the_unit_of_the_amplifier(made: Path) -> None:
    raw, free = recording(made, "raw"), recording(made, "noGA")
    gradients = (raw.volts - free.volts)[raw.rows("EEG")]
    assert raw.kinds == free.kinds
    assert np.abs(raw.volts[:43]).max() <= 8e-4 * 1.001  # the amplifier's range
    by_volume = gradients.reshape(len(gradients), N_VOLUMES, -1)
    alike = np.corrcoef(by_volume[0, 3], by_volume[0, 6])[0, 1]
    assert alike > 0.95
    assert gradients.std() > 3 * free.volts[free.rows("EEG")].std()


def test_an_occupied_folder_is_refused(made: Path) -> None:
    with pytest.raises(CannotCreateError, match="made: exists already"):
        openfmri.simulate(sized("tiny", layout="ds000116"), made)


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="layout is 'openfmri'; expected one of bids, ds000116"):
        SimulationSettings(layout="openfmri")  # type: ignore[arg-type]  # wrong on purpose


def test_another_cap_than_the_datasets_is_refused() -> None:
    with pytest.raises(UsageError, match=r"caps are \(19,\); the cap of ds000116 has 34"):
        SimulationSettings(layout="ds000116", caps=(19,))
