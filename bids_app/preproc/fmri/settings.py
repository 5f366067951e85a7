"""What the user may choose of fMRI preprocessing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnatSettings:
    """Settings of the anatomy.

    Attributes
    ----------
    sloppy : bool
        Coarser grids and fewer iterations: for tiny test data only.
    n_threads : int
        Most threads that any step uses.
    device : str
        Where torch registers: ``cpu``, ``cuda`` or ``cuda:1``.
    """

    sloppy: bool = False
    n_threads: int = 1
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of one BOLD run.

    Attributes
    ----------
    sloppy : bool
        Fewer points and iterations: for tiny test data only.
    n_threads : int
        Most threads that any step uses.
    n_dummies : int or None
        Non-steady-state volumes at the start; None to detect them.
    slice_timing : bool
        Correct slice timing where slice times are known.
    """

    sloppy: bool = False
    n_threads: int = 1
    n_dummies: int | None = None
    slice_timing: bool = True
