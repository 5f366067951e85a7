"""The command ``eeg2fmri-model``: what a trained model is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bids_app import __version__
from bids_app.command import run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="eeg2fmri %(version)s")
def command() -> None:
    """Look at trained models."""


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
def show(path: Path) -> None:
    """Tell what a model was trained on, what it takes and gives, and how it scored."""
    from bids_app.learn import bundle as bundles

    found = bundles.load(path)
    click.echo(bundles.card(found), nl=False)
    click.echo(f"\nweights: {bundles.identity(path)} (SHA-256)")


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    args : sequence of str, optional
        Command line, without the program's name.

    Returns
    -------
    int
        Exit code, as that of ``eeg2fmri``.
    """
    return run(command, "eeg2fmri-model", args)


if __name__ == "__main__":
    sys.exit(main())
