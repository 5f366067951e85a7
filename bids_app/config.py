"""What the user asked for: one frozen record, and the tables of the config file for the stages."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from bids_app.errors import MissingInputError, UsageError

T = TypeVar("T")
RUN_TABLE = "run"
TEMPLATE = "MNI152NLin2009aSym"
DENOISING = ("none", "motion", "simple", "acompcor", "scrubbing")
ARTEFACT_STEPS = ("gradient", "loops", "pulse")
"""Steps against what a scanner does to EEG; the others are always taken."""

NETWORKS = ("dense", "siamese", "cnn", "transformer")
PRESETS: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {
    "paper": {
        ("eeg", "resample"): {"rate_hz": 1000.0},
        **{("models", name): {"preset": "paper"} for name in NETWORKS},
    },
}
"""Settings of each preset, by table of the config file; the config file wins over them."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One call of the app.

    Attributes
    ----------
    bids_dir, output_dir, work_dir : Path
        Input (never written to), output, and intermediate results.
    level : str
        ``participant`` or ``group``.
    participant_labels, session_labels, task_ids, runs : tuple of str
        What to process; empty for everything.
    filters : dict
        Query name (``bold``, ``eeg``, ``t1w``) to entity filters.
    derivatives : dict of str to Path
        Named folders of pre-computed derivatives, such as ``fmriprep``.
    model : Path or None
        A trained bundle to apply.
    architectures : tuple of str
        What to train.
    window_s, window_lag_s : float
        Length of the EEG window, and how long before its volume it ends.
    preset : str
        ``paper`` for the settings of Bricman & Borst (2021): windows end at the trigger of their volume, EEG at
        1000 Hz, the published size of the network. Empty for the app's own.
    experiment : str
        ``paper`` to run, at the group level, the grid of models and ways of testing of that paper in place of the rest.
    fold : int or None
        Train this fold only, from 1, and leave the rest to other calls.
    max_steps : int or None
        Most training steps of each network; for trying out.
    targets : str
        What models predict: ``voxels``, ``parcels`` or ``components``.
    atlas : Path or None
        Regions for ``parcels``; None to divide the mask into compact ones.
    preproc_only : bool
        Preprocess, and neither train nor predict; participants without EEG, and with an anatomy alone, are done too.
    fmri_engine : str
        ``builtin``; ``fmriprep`` to run fMRIPrep; ``auto`` for fMRIPrep's output where it is given, else built-in.
    fs_license_file : Path or None
        FreeSurfer's licence, for fMRIPrep.
    fmriprep_options : str
        Further words for fMRIPrep's command line.
    dummy_scans : int or None
        Non-steady-state volumes at the start of each run; None to detect them.
    slice_order : str
        Order of the slices where the dataset does not tell their times, a file of them, or ``none``; empty to leave
        such runs as they are.
    smoothing_fwhm_mm : float
        Smoothing of what the model learns; the preprocessed BOLD stays unsmoothed.
    denoise : str
        Name of the confounds that are regressed out of what the model learns; ``none`` for none.
    template : str
        Space of the output: nilearn's, or another of a TemplateFlow archive on this computer.
    resolution_mm : float
        Voxel edge of the output grid.
    extra_spaces : tuple of str
        Spaces that preprocessed BOLD is written in too: ``func`` for the run's own, ``T1w``.
    causal_scaling : bool
        Scale a new person's EEG with what was heard so far only.
    calibrate_runs : int
        Runs of a person with BOLD, never seen in training, to calibrate the model on; 0 for none.
    uncertainty, mask_unreliable : bool
        Also write the predictive standard deviation; leave voxels without skill empty.
    n_volumes : int or None
        Volumes to synthesize for EEG without BOLD.
    volume_marker : str or None
        Name of the volume markers, when the app cannot tell.
    eeg_start_s : float or None
        When the first stored volume starts, in seconds after the first EEG sample, when markers cannot tell.
    eeg_dir : Path or None
        Second folder tree, which holds the EEG.
    eeg_variant : str or None
        Which of several forms of a recording to take, such as ``raw``.
    dry_run_format : str
        ``table``, ``tsv`` or ``json``.
    eeg_steps : str
        Which artefacts of the scanner to remove from the EEG: ``auto``, ``none``, or names, parted by commas.
    device : str
        ``auto``, ``cpu`` or ``cuda[:n]``.
    n_procs, omp_nthreads : int
        Participants at a time, and threads of each.
    mem_mb : int or None
        Memory to stay within, in megabytes.
    random_seed : int
        The one seed.
    skip_bids_validation, strict_bids, stop_on_first_crash, overwrite, dry_run, reports_only, sloppy : bool
        Switches of the command line.
    tables : dict
        The config file's tables, for the stages.
    command : str
        The command line, for the record.
    """

    bids_dir: Path
    output_dir: Path
    work_dir: Path
    level: str
    participant_labels: tuple[str, ...] = ()
    session_labels: tuple[str, ...] = ()
    task_ids: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    filters: dict[str, dict[str, Any]] = field(default_factory=dict)
    derivatives: dict[str, Path] = field(default_factory=dict)
    model: Path | None = None
    architectures: tuple[str, ...] = ("sources",)
    window_s: float = 30.0
    window_lag_s: float = 0.0
    preset: str = ""
    experiment: str = ""
    fold: int | None = None
    max_steps: int | None = None
    targets: str = "voxels"
    atlas: Path | None = None
    preproc_only: bool = False
    fmri_engine: str = "auto"
    fs_license_file: Path | None = None
    fmriprep_options: str = ""
    dummy_scans: int | None = None
    slice_order: str = ""
    smoothing_fwhm_mm: float = 8.0
    denoise: str = "none"
    template: str = TEMPLATE
    resolution_mm: float = 3.0
    extra_spaces: tuple[str, ...] = ()
    causal_scaling: bool = False
    calibrate_runs: int = 0
    uncertainty: bool = False
    mask_unreliable: bool = False
    n_volumes: int | None = None
    volume_marker: str | None = None
    eeg_start_s: float | None = None
    eeg_dir: Path | None = None
    eeg_variant: str | None = None
    dry_run_format: str = "table"
    eeg_steps: str = "auto"
    device: str = "auto"
    n_procs: int = 1
    omp_nthreads: int = 1
    mem_mb: int | None = None
    random_seed: int = 0
    skip_bids_validation: bool = False
    strict_bids: bool = False
    stop_on_first_crash: bool = False
    overwrite: bool = False
    dry_run: bool = False
    reports_only: bool = False
    sloppy: bool = False
    tables: dict[str, Any] = field(default_factory=dict)
    command: str = ""

    def told(self, path: Path) -> str:
        """Path of an input file as reports say it: relative to the folder that the user gave."""
        roots = [root for root in (self.bids_dir, self.eeg_dir) if root is not None]
        return next(
            (path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)),
            path.name,
        )

    def table(self, *names: str) -> dict[str, Any]:
        """One table of the config file, such as ``table("eeg", "band")``; what it lacks is the preset's.

        Raises
        ------
        UsageError
            When the name stands for a value, not for a table.
        """
        found: Any = self.tables
        for depth, name in enumerate(names):
            found = found.get(name, {})
            if not isinstance(found, dict):
                where = ".".join(names[: depth + 1])
                raise UsageError(f"config file: {where} is {found!r}; expected a table [{where}]")
        return {**PRESETS.get(self.preset, {}).get(names, {}), **found}


def artefact_steps(asked: str) -> frozenset[str] | None:
    """Read which artefacts of the scanner to remove from EEG; None to go by what is found.

    Raises
    ------
    UsageError
        For a name that is none of theirs.
    """
    words = frozenset(word.strip() for word in asked.split(","))
    if words == {"auto"}:
        return None
    if words != {"none"} and not words <= set(ARTEFACT_STEPS):
        raise UsageError(
            f"--eeg-steps is {asked!r}; expected auto, none, or some of {', '.join(ARTEFACT_STEPS)}, parted by commas"
        )
    return words - {"none"}


def settings(cls: type[T], table: dict[str, Any], where: str) -> T:
    """Build one stage's settings from its table of the config file.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    table : dict
        Keys and values as written.
    where : str
        Name of the table, for the message.

    Raises
    ------
    UsageError
        For a key that the stage does not have, or a value of another type.
    """
    hints = get_type_hints(cls)
    known = [item.name for item in fields(cls)]  # type: ignore[arg-type]  # typeshed alone has a type of dataclasses
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise UsageError(
                f"config file: [{where}] has no setting {key!r}",
                hint=f"did you mean {near[0]!r}?"
                if near
                else f"known: {', '.join(known) or 'none'}",
            )
        if not _is(value, hints[key]):
            raise UsageError(
                f"config file: [{where}] {key} is {value!r}; expected {_told(hints[key])}"
            )
    return cls(**{
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    })


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, (list, tuple)) and all(
            _is(item, get_args(kind)[0]) for item in value
        )
    accepted = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}.get(kind)
    return accepted is None or (
        isinstance(value, accepted) and isinstance(value, bool) is (kind is bool)
    )


def _told(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"a list of {_told(get_args(kind)[0])}"
    return str(kind.__name__)


def read_config_file(path: Path) -> dict[str, Any]:
    """Read the tables of a TOML file.

    Raises
    ------
    MissingInputError
        When it cannot be read.
    UsageError
        When it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is not TOML: {error}") from error
