"""The command line: arguments → RunConfig → exit code."""

from __future__ import annotations

import difflib
import json
import logging
import math
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bids_app import __version__, log, plugins
from bids_app.config import PRESETS, RUN_TABLE, RunConfig, read_config_file
from bids_app.errors import (
    AnalysisLevelError,
    AppError,
    MissingInputError,
    UsageError,
)
from bids_app.labels import LABEL

logger = logging.getLogger(__name__)

LEVELS = ("participant", "group")
INTERRUPTED = 130
NOT_IN_FILE = {"config_file", "help", "notrack", "quiet", "verbose", "version"}
UNITS_MB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}


class Labels(click.Option):
    """An option that takes labels separated by spaces, as the BIDS-Apps standard has it.

    Click's options take a fixed number of values, so that the command rewrites ``--x a b`` into ``--x a --x b`` before
    it parses. The list ends at the next option, or at a word that cannot be a label, such as a path.
    """

    def __init__(self, *names: Any, prefix: str = "", **more: Any) -> None:
        super().__init__(*names, **{"multiple": True, "metavar": "LABEL ...", **more})
        self.prefix = prefix

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        """Strip the prefix, drop repetitions, refuse what is no label."""
        given = (value,) if isinstance(value, str) else value or ()
        found = dict.fromkeys(str(item).removeprefix(self.prefix) for item in given)
        for label in found:
            if not LABEL.fullmatch(label):
                raise click.BadParameter(
                    f"{label!r} is not a label; expected letters and digits", ctx=ctx, param=self
                )
        return tuple(found)


class App(click.Command):
    """A command whose :class:`Labels` options take several words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its labels."""
        lists = {
            name: param.prefix
            for param in self.params
            if isinstance(param, Labels)
            for name in param.opts
        }
        return super().parse_args(ctx, list(_repeated(args, lists)))


def _repeated(args: Sequence[str], lists: dict[str, str]) -> list[str]:
    given: list[str] = []
    current = ""
    n_taken = 0
    for word in args:
        if word.startswith("-"):
            current, n_taken = (word, 0) if word in lists else ("", 0)
            given.append(word)
        elif not current or (n_taken and not LABEL.fullmatch(word.removeprefix(lists[current]))):
            current = ""
            given.append(word)
        else:
            given += [current, word] if n_taken else [word]
            n_taken += 1
    return given


def _pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, Path]:
    found = {}
    for item in value:
        name, equals, path = item.partition("=")
        if not (equals and name and path):
            raise click.BadParameter(f"{item!r}; expected NAME=PATH", ctx=ctx, param=param)
        found[name] = Path(path)
    return found


def _megabytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    text = value.upper().removesuffix("B")
    unit = UNITS_MB.get(text[-1:])
    try:
        asked = int(float(text[:-1] if unit else text) * (unit or 1.0))
        if asked < 1:
            raise ValueError(text)
        return asked
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r}; expected megabytes, or a number with K, M, G or T", ctx=ctx, param=param
        ) from None


def available_processors() -> int:
    """Processors that this process may use: those of the SLURM task, else those that the system allows."""
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return int(slurm) if slurm.isdecimal() and int(slurm) else len(os.sched_getaffinity(0))


SWITCHES = {
    "skip_bids_validation": (
        ("--skip-bids-validation", "--skip_bids_validation", "--skip_bids_validator"),
        "Do not run the BIDS validator.",
    ),
    "strict_bids": (("--strict-bids",), "End with 16 when the BIDS validator finds errors."),
    "stop_on_first_crash": (
        ("--stop-on-first-crash",),
        "Stop at the first participant that fails.",
    ),
    "overwrite": (("--overwrite",), "Make everything again, and replace what other models wrote."),
    "dry_run": (("--dry-run",), "Print what is paired and what would be written; touch nothing."),
    "reports_only": (("--reports-only",), "Make the report pages again from what is on disk."),
    "causal_scaling": (
        ("--causal-scaling",),
        "Scale a new person's EEG with what came before, not with the whole run.",
    ),
    "sloppy": (("--sloppy",), "Coarse registration, for trying the app out; not for results."),
    "notrack": (("--notrack",), "Accepted; the app never tracks."),
}


def _switches(command: Any) -> Any:
    for name, (spellings, text) in reversed(SWITCHES.items()):
        command = click.option(name, *spellings, is_flag=True, default=None, help=text)(command)
    return command


@click.command(
    cls=App, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("bids_dir", type=click.Path(path_type=Path))
@click.argument("output_dir", type=click.Path(path_type=Path))
@click.argument("analysis_level", metavar="{participant,group}")
@click.option(
    "--participant_label",
    "--participant-label",
    "participant_labels",
    cls=Labels,
    prefix="sub-",
    help="Participants, with or without 'sub-'; all when left out.",
)
@click.option(
    "--session-label",
    "--session-id",
    "session_labels",
    cls=Labels,
    prefix="ses-",
    help="Sessions.",
)
@click.option("-t", "--task-id", "--task", "task_ids", cls=Labels, prefix="task-", help="Tasks.")
@click.option(
    "--run", "--run-id", "runs", cls=Labels, prefix="run-", help="Runs; 1 and 01 are the same."
)
@click.option(
    "--bids-filter-file",
    type=click.Path(path_type=Path),
    help="JSON of entity filters for bold, eeg, t1w.",
)
@click.option(
    "-d",
    "--derivatives",
    multiple=True,
    callback=_pairs,
    metavar="NAME=PATH",
    help="Derivatives to reuse, such as fmriprep=/path.",
)
@click.option(
    "-w",
    "--work-dir",
    type=click.Path(path_type=Path),
    help="Intermediate results [OUTPUT_DIR/work].",
)
@click.option(
    "--model", type=click.Path(path_type=Path), help="A trained bundle to apply; needs EEG only."
)
@click.option(
    "--architecture",
    "architectures",
    multiple=True,
    metavar="NAME",
    help=f"What to train; repeatable [ridge]. One of: {', '.join(plugins.names('models'))}.",
)
@click.option(
    "--window", "window_s", type=float, help="Seconds of EEG that go with a volume [30]."
)
@click.option(
    "--window-lag",
    "window_lag_s",
    type=float,
    help="Seconds from the window's end to its volume [0].",
)
@click.option(
    "--preset",
    type=click.Choice(tuple(PRESETS)),
    help="paper: windows that end at the trigger, EEG at 1000 Hz, the published network.",
)
@click.option(
    "--smoothing-fwhm",
    "smoothing_fwhm_mm",
    type=float,
    help="Smoothing of what the model learns, in mm [8].",
)
@click.option(
    "--output-spaces", help="Template of the output, as SPACE[:res-MM] [MNI152NLin2009aSym:res-3]."
)
@click.option(
    "--resolution", "resolution_mm", type=float, help="Voxel edge of the output, in mm [3]."
)
@click.option("--volume-marker", help="Name of the EEG's volume markers, when it cannot be told.")
@click.option(
    "--n-volumes", type=click.IntRange(1), help="Volumes to synthesize for EEG without BOLD."
)
@click.option("--device", help="auto, cpu or cuda[:n] [auto].")
@click.option(
    "--n-procs",
    "--nprocs",
    "--nthreads",
    "--n_cpus",
    "--n-cpus",
    type=click.IntRange(1),
    help="Processors to use [all that are allowed].",
)
@click.option("--omp-nthreads", type=click.IntRange(1), help="Threads of each process.")
@click.option(
    "--mem-mb",
    "--mem",
    "--mem_mb",
    callback=_megabytes,
    help="Memory to stay within, in MB, or with G.",
)
@click.option("--random-seed", type=click.IntRange(0), help="The one seed [0].")
@click.option(
    "--config-file",
    type=click.Path(path_type=Path),
    help="TOML file of settings; the command line wins.",
)
@click.option("-v", "--verbose", count=True, help="Say more; twice for everything.")
@click.option("-q", "--quiet", is_flag=True, help="Warnings and errors only.")
@_switches
@click.version_option(__version__, message="eeg2fmri %(version)s")
def command(**given: Any) -> int:
    """Synthesize fMRI from EEG, for a BIDS dataset of simultaneous EEG-fMRI or of EEG alone.

    participant: preprocess fMRI and EEG, pair each volume with the EEG before it, train and predict within the person,
    or apply a trained model.  group: leave each participant out in turn, score, and train the final model.
    """
    quiet, verbose = given.pop("quiet"), given.pop("verbose")
    log.setup(0 if quiet else 1 + verbose)
    config = configure(given)
    from bids_app import pipeline

    return pipeline.run(config)


def configure(given: dict[str, Any]) -> RunConfig:
    """Turn arguments and the config file into one record.

    Parameters
    ----------
    given : dict
        Values by option; None or empty for those that were not given.

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
    chosen = _space(_from_file(tables.pop(RUN_TABLE, {}))) | _space({
        name: value for name, value in given.items() if value not in (None, (), {})
    })
    filters = chosen.pop("bids_filter_file", None)
    bids_dir, output_dir = (
        Path(chosen.pop("bids_dir")).absolute(),
        Path(chosen.pop("output_dir")).absolute(),
    )
    work_dir = Path(chosen.pop("work_dir", None) or output_dir / "work").absolute()
    _check_folders(bids_dir, output_dir, work_dir)
    config = RunConfig(
        bids_dir=bids_dir,
        output_dir=output_dir,
        work_dir=work_dir,
        level=level,
        filters=_filters(filters) if filters else {},
        tables=tables,
        command=shlex.join(["eeg2fmri", *sys.argv[1:]]),
        **({"n_procs": available_processors()} | chosen),
    )
    _check_values(config)
    return config


def _from_file(table: Any) -> dict[str, Any]:
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
        return option.process_value(click.Context(command), value)
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
    """Take the resolution out of ``SPACE[:res-MM]``."""
    asked = chosen.pop("output_spaces", None)
    if asked is None:
        return chosen
    name, *modifiers = str(asked).split(":")
    if name != "MNI152NLin2009aSym":
        raise UsageError(
            f"--output-spaces {name}: the built-in engine knows MNI152NLin2009aSym",
            hint="for another template give fMRIPrep's output with -d fmriprep=PATH; its space is kept",
        )
    for modifier in modifiers:
        kind, _, value = modifier.partition("-")
        if kind != "res" or not value.replace(".", "", 1).isdecimal():
            raise UsageError(f"--output-spaces {asked}: {modifier!r}; expected res-MM")
        chosen.setdefault("resolution_mm", float(value))
    return chosen


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


def main(args: Sequence[str] | None = None) -> int:
    """Run the app.

    Parameters
    ----------
    args : sequence of str, optional
        Command line, without the program's name.

    Returns
    -------
    int
        Exit code of the BIDS Apps execution specification.
    """
    try:
        return int(
            command.main(args=None if args is None else list(args), standalone_mode=False) or 0
        )
    except AppError as error:
        _say(str(error), error.hint)
        return error.exit_code
    except click.ClickException as error:
        hint = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx else ""
        _say(error.format_message(), hint)
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted; the same command goes on from here", "")
        return INTERRUPTED


def _say(message: str, hint: str) -> None:
    click.echo(f"eeg2fmri: error: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
