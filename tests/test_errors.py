from __future__ import annotations

import pickle

import pytest

from bids_app import errors

CODES = {
    "AppError": 1,
    "InvalidDatasetError": 16,
    "AnalysisLevelError": 17,
    "NoMatchError": 18,
    "UsageError": 64,
    "DataError": 65,
    "MissingInputError": 66,
    "BugError": 70,
    "CannotCreateError": 73,
    "DeviceError": 74,
    "TemporaryError": 75,
}


def test_exit_codes_are_those_of_the_execution_specification() -> None:
    found = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.AppError)
    }
    assert found == CODES


@pytest.mark.parametrize("name", CODES)
def test_an_error_keeps_its_hint_on_the_way_from_a_worker(name: str) -> None:
    error = getattr(errors, name)("a.nii: is broken", hint="fetch it again")
    back = pickle.loads(pickle.dumps(error))  # as multiprocessing does
    assert type(back) is type(error)
    assert (str(back), back.hint) == ("a.nii: is broken", "fetch it again")
