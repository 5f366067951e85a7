"""How a command ends: a message for the user, and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import click

from bids_app.errors import AppError, UsageError
from bids_app.interrupt import Interrupted


def run(
    command: click.Command, name: str, args: Sequence[str] | None = None, *, when_stopped: str = ""
) -> int:
    """Run a command.

    Parameters
    ----------
    command : click.Command
        What to run.
    name : str
        What it is called, for messages.
    args : sequence of str, optional
        Command line, without the program's name; that of this process when left out.
    when_stopped : str
        What to tell the user when a signal stopped it.

    Returns
    -------
    int
        Exit code of the BIDS Apps execution specification.
    """
    try:
        given = None if args is None else list(args)
        return int(command.main(args=given, standalone_mode=False) or 0)
    except AppError as error:
        _say(name, str(error), error.hint)
        return error.exit_code
    except click.ClickException as error:
        hint = error.ctx.get_usage() if isinstance(error, click.UsageError) and error.ctx else ""
        _say(name, error.format_message(), hint)
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt, Interrupted) as error:
        stop = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        _say(name, f"stopped by {stop}{when_stopped and f'; {when_stopped}'}", "")
        return stop.exit_code


def _say(name: str, message: str, hint: str) -> None:
    click.echo(f"{name}: error: {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
