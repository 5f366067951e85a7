"""All steps on recordings from inside a scanner: what is found decides what is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bids_app.config import ARTEFACT_STEPS, artefact_steps
from bids_app.errors import UsageError
from bids_app.preproc.eeg import STEPS, clean, name, settings_of
from bids_app.simulate.scanner_eeg import record
from bids_app.values.recording import Recording
from tests.preproc.eeg.conftest import SCANNED, Scanned


def test_artefact_steps_are_steps_that_look_first() -> None:
    looking = [name(step) for step in STEPS if hasattr(step, "seen")]
    assert tuple(looking) == ARTEFACT_STEPS


def test_a_recording_with_both_artefacts_loses_both() -> None:
    settings = replace(SCANNED, pulse=True)
    scanned = Scanned(record(settings), settings)
    done = clean(scanned.made.recording, settings_of({}), scanned.scene)
    assert [found.artefact for found in done.before if found.present] == ["gradient", "pulse"]
    assert not any(found.present for found in done.after)
    assert {"gradient", "pulse"} <= done.taken.keys()
    assert "loops" not in done.taken
    assert set(done.recording.kinds) == {"EEG"}


@pytest.fixture(scope="module")
def quiet() -> Scanned:
    settings = replace(SCANNED, gradient=False)
    return Scanned(record(settings), settings)


def test_a_clean_recording_passes_as_if_there_were_no_such_steps(quiet: Scanned) -> None:
    found, without = (
        clean(quiet.made.recording, settings_of({}), quiet.scene, against=against)
        for against in ("auto", "none")
    )
    assert np.array_equal(found.recording.volts, without.recording.volts)
    assert found.taken.keys() == without.taken.keys()
    assert "bipolar" not in found.taken  # nothing that it could do
    assert not any(finding.present for finding in (*found.before, *found.after))


def test_steps_that_are_asked_for_are_taken_whatever_is_found(quiet: Scanned) -> None:
    done = clean(quiet.made.recording, settings_of({}), quiet.scene, against="pulse")
    assert "pulse" in done.taken
    assert "gradient" not in done.taken


def test_what_is_not_asked_for_stays_and_is_said_to_stay(scanned: Scanned) -> None:
    done = clean(scanned.made.recording, settings_of({}), scanned.scene, against="none")
    assert not done.taken.keys() & set(ARTEFACT_STEPS)
    assert [found.present for found in done.after] == [True, False, done.after[2].present]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("auto", None),
        ("none", set()),
        ("pulse", {"pulse"}),
        (" gradient, loops", {"gradient", "loops"}),
    ],
)
def test_the_words_of_the_option(asked: str, expected: set[str] | None) -> None:
    assert artefact_steps(asked) == expected


@pytest.mark.parametrize("asked", ["", "pulses", "auto,pulse", "band"])
def test_other_words_are_refused(asked: str) -> None:
    told = f"--eeg-steps is '{asked}'; expected auto, none, or some of gradient, loops, pulse"
    with pytest.raises(UsageError, match=told):
        artefact_steps(asked)


def test_electrodes_get_the_spelling_of_the_system(quiet: Scanned) -> None:
    names = ("FP1", "fz", "OZ", *quiet.made.recording.names[3:])
    given: Recording = replace(quiet.made.recording, names=names)
    done = clean(given, settings_of({}), quiet.scene, against="none")
    assert done.recording.names[:4] == ("Fp1", "Fz", "Oz", "E4")
