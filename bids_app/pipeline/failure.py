"""What could not be done, and the exit code that follows from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be done.

    Attributes
    ----------
    what : str
        Run, participant or file.
    why : str
        The message.
    hint : str
        What to do.
    exit_code : int
        What it would end the run with.
    """

    what: str
    why: str
    hint: str = ""
    exit_code: int = 1


def exit_code(n_done: int, failures: list[Failure]) -> int:
    """Tell how the run ended.

    Parameters
    ----------
    n_done : int
        What came out.
    failures : list of Failure
        What did not.

    Returns
    -------
    int
        0 when nothing failed; 1 when something failed and something came out; else the code that all failures share,
        or 1.
    """
    if not failures:
        return 0
    codes = {failure.exit_code for failure in failures}
    return codes.pop() if not n_done and len(codes) == 1 else 1
