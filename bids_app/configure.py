"""From arguments and the config file to one record."""

from __future__ import annotations

import difflib
import json
import logging
import math
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from bids_app import plugins, resources
from bids_app.config import RUN_TABLE, TEMPLATE, RunConfig, artefact_steps, read_config_file
from bids_app.errors import AnalysisLevelError, MissingInputError, UsageError
from bids_app.files import templateflow
from bids_app.layout.slice_order import ORDERS, UNCORRECTED, parse

logger = logging.getLogger(__name__)

OWN_SPACES = ("func", "T1w")
LEVELS = ("participant", "group")
NOT_IN_FILE = {"config_file", "help", "notrack", "quiet", "verbose", "version"}


def configure(given: dict[str, Any], command: click.Command) -> RunConfig:
    """Turn arguments and the config file into one record.

    Parameters
    ----------
    given : dict
        Values by option; None or empty for those that were not given.
    command : click.Command
        The command, whose options the config file may hold too.

    Raises
    ------
    AppError
        For anything that cannot be used, each with its own exit code.
    """
    level = given.pop("analysis_level")
    if level not in LEVELS:
        raise AnalysisLevelError(
            f"there is no analysis level {level!r}", hint=f"use one of: {', '.join(LEVELS)}"
        )
    given.pop("notrack")
    config_file = given.pop("config_file")
    tables = read_config_file(config_file) if config_file else {}
    chosen = (
        _eeg_place(tables)
        | _space(_from_file(tables.pop(RUN_TABLE, {}), command))
        | _space({name: value for name, value in given.items() if value not in (None, (), {})})
    )
    filters = chosen.pop("bids_filter_file", None)
    bids_dir, output_dir = (
        Path(chosen.pop("bids_dir")).absolute(),
        Path(chosen.pop("output_dir")).absolute(),
    )
    work_dir = Path(chosen.pop("work_dir", None) or output_dir / "work").absolute()
    if "eeg_dir" in chosen:
        chosen["eeg_dir"] = Path(chosen["eeg_dir"]).absolute()
    _check_folders(bids_dir, output_dir, work_dir)
    config = RunConfig(
        bids_dir=bids_dir,
        output_dir=output_dir,
        work_dir=work_dir,
        level=level,
        filters=_filters(filters) if filters else {},
        tables=tables,
        command=shlex.join(["eeg2fmri", *sys.argv[1:]]),
        **({"n_procs": resources.processors()} | chosen),
    )
    _check_values(config)
    return config


def _from_file(table: Any, command: click.Command) -> dict[str, Any]:
    known = {
        str(param.name): param
        for param in command.params
        if isinstance(param, click.Option) and param.name not in NOT_IN_FILE
    }
    if not isinstance(table, dict):
        raise UsageError(f"config file: {RUN_TABLE} is {table!r}; expected a table [{RUN_TABLE}]")
    names = {str(name).replace("-", "_"): value for name, value in table.items()}
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise UsageError(
            f"config file: [{RUN_TABLE}] has no setting {unknown[0]!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}",
        )
    return {name: _value(known[name], name, value) for name, value in names.items()}


def _value(option: click.Option, name: str, value: Any) -> Any:
    try:
        if name == "derivatives" and isinstance(value, dict):
            return {key: Path(path) for key, path in value.items()}
        return option.process_value(click.Context(click.Command(name)), value)
    except (click.UsageError, TypeError) as error:
        told = error.message if isinstance(error, click.UsageError) else error
        raise UsageError(f"config file: [{RUN_TABLE}] {name} is {value!r}: {told}") from error


def _check_folders(bids_dir: Path, output_dir: Path, work_dir: Path) -> None:
    if output_dir.resolve() == bids_dir.resolve():
        raise UsageError(
            f"output_dir is bids_dir: {output_dir}; the input is never written to",
            hint=f"use {bids_dir / 'derivatives' / 'eeg2fmri'}, or a folder elsewhere",
        )
    inside_derivatives = (bids_dir / "derivatives").resolve()
    for name, path in (("output_dir", output_dir), ("work_dir", work_dir)):
        resolved = path.resolve()
        if resolved.is_relative_to(bids_dir.resolve()) and not resolved.is_relative_to(
            inside_derivatives
        ):
            raise UsageError(
                f"{name} lies in bids_dir: {path}; the input is never written to",
                hint="choose a folder outside the dataset, or below its derivatives",
            )
    if bids_dir.resolve().is_relative_to(output_dir.resolve()):
        raise UsageError(
            f"bids_dir lies in output_dir: {bids_dir}", hint="choose another output folder"
        )


def _space(chosen: dict[str, Any]) -> dict[str, Any]:
    """Take the resolution and further spaces out of ``SPACE[:res-MM] ...``."""
    asked = chosen.pop("output_spaces", None)
    if not asked:
        return chosen
    words = [word for item in asked for word in str(item).split()]
    chosen["extra_spaces"] = tuple(name for name in OWN_SPACES if name in words)
    for word in words:
        name, *modifiers = word.split(":")
        if name in OWN_SPACES and not modifiers:
            continue
        if not name.isalnum() or chosen.setdefault("template", name) != name:
            raise UsageError(
                f"--output-spaces {word}: expected one template, {' and '.join(OWN_SPACES)}",
                hint="a template has a name of letters and digits; call the app once for each",
            )
        for modifier in modifiers:
            kind, _, value = modifier.partition("-")
            if kind != "res" or not value.replace(".", "", 1).isdecimal():
                raise UsageError(f"--output-spaces {word}: {modifier!r}; expected res-MM")
            chosen.setdefault("resolution_mm", float(value))
    return chosen


def _eeg_place(tables: dict[str, Any]) -> dict[str, Any]:
    """Take ``dir`` and ``variant`` out of the table ``[eeg]``, which holds the tables of the steps too."""
    table = tables.get("eeg")
    if not isinstance(table, dict):
        return {}
    found = {name: table.pop(name) for name in ("dir", "variant") if name in table}
    for name, value in found.items():
        if not isinstance(value, str):
            raise UsageError(f"config file: [eeg] {name} is {value!r}; expected text")
    return {f"eeg_{name}": value for name, value in found.items()}


def _filters(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise MissingInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise UsageError(
            f'{path}: expected an object of queries, such as {{"bold": {{"task": "rest"}}}}'
        )
    for name in sorted(found.keys() - {"bold", "eeg", "t1w"}):
        logger.warning("%s: the query %r is not used here", path, name)
    return found


def _check_values(config: RunConfig) -> None:
    for name, value, least in (
        ("--window", config.window_s, 1.0),
        ("--window-lag", config.window_lag_s, 0.0),
        ("--smoothing-fwhm", config.smoothing_fwhm_mm, 0.0),
        ("--resolution", config.resolution_mm, 1.0),
    ):
        if not least <= value < math.inf:
            raise UsageError(f"{name} is {value:g}; expected {least:g} or more")
    for name in config.architectures:
        plugins.check("models", name)
    for name, path in config.derivatives.items():
        if not path.is_dir():
            raise MissingInputError(f"-d {name}={path}: no such folder")
        if name != "fmriprep":
            raise UsageError(f"-d {name}: only fmriprep derivatives can be reused")
    if config.model is not None and not config.model.is_dir():
        raise MissingInputError(
            f"--model {config.model}: no such folder",
            hint="give the folder that holds bundle.json",
        )
    _check_calibration(config)
    _check_eeg(config)
    _check_engine(config)


def _check_calibration(config: RunConfig) -> None:
    if not config.calibrate_runs:
        return
    if config.level == "participant" and config.model is None:
        raise UsageError(
            "--calibrate-runs at the participant level without --model: there is no model of other people to calibrate",
            hint="give a trained bundle with --model, or use the group level",
        )
    if config.experiment:
        raise UsageError(
            f"--calibrate-runs with --experiment {config.experiment}: its models are not calibrated",
            hint="leave one out",
        )


def _check_eeg(config: RunConfig) -> None:
    if config.eeg_dir is not None and not config.eeg_dir.is_dir():
        raise MissingInputError(
            f"--eeg-dir {config.eeg_dir}: no such folder", hint="is the folder mounted?"
        )
    if config.eeg_start_s is not None and not math.isfinite(config.eeg_start_s):
        raise UsageError(f"--eeg-start is {config.eeg_start_s:g}; expected seconds")
    artefact_steps(config.eeg_steps)


def _check_template(config: RunConfig) -> None:
    other = config.derivatives or config.fmri_engine == "fmriprep" or config.reports_only
    if config.template != TEMPLATE and config.level == "participant" and not other:
        templateflow.images(config.template)


def _check_engine(config: RunConfig) -> None:
    _check_template(config)
    if config.derivatives and config.fmri_engine != "auto":
        raise UsageError(
            f"--fmri-engine {config.fmri_engine} with -d fmriprep: either run an engine, or reuse what is there",
            hint="leave one of the two out",
        )
    if config.fs_license_file is not None and not config.fs_license_file.is_file():
        raise MissingInputError(f"--fs-license-file {config.fs_license_file}: no such file")
    if config.fmri_engine != "fmriprep" and (config.fs_license_file or config.fmriprep_options):
        logger.warning(
            "--fs-license-file and --fmriprep-options are for --fmri-engine fmriprep only"
        )
    if config.preproc_only and config.model is not None:
        raise UsageError("--preproc-only with --model: nothing is predicted", hint="leave one out")
    order = config.slice_order
    if order and order != UNCORRECTED and not Path(order).is_file() and parse(order) is None:
        raise UsageError(
            f"--slice-order {order}: is no file, and no order; expected none or one of {', '.join(ORDERS)}, with "
            ":mb-N for N slices at a time"
        )
