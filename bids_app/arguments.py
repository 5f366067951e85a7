"""Kinds of options that the command line has beside click's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from bids_app.labels import LABEL

UNITS_MB = {"K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}


class Labels(click.Option):
    """An option that takes labels separated by spaces, as the BIDS-Apps standard has it.

    Click's options take a fixed number of values, so that the command rewrites ``--x a b`` into ``--x a --x b`` before
    it parses. The list ends at the next option, or at a word that cannot be a label, such as a path.
    """

    pattern = LABEL

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


class Spaces(Labels):
    """An option that takes output spaces separated by spaces, such as ``MNI152NLin2009aSym:res-2 T1w``."""

    pattern = re.compile(r"[0-9a-zA-Z]+(:[a-z]+-[0-9a-zA-Z.]+)*")

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ARG002 (click calls it with the context)
        """Take the words as they are."""
        return (value,) if isinstance(value, str) else tuple(value or ())


class App(click.Command):
    """A command whose :class:`Labels` options take several words."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each of its labels."""
        lists = {
            name: param
            for param in self.params
            if isinstance(param, Labels)
            for name in param.opts
        }
        return super().parse_args(ctx, list(_repeated(args, lists)))


def _repeated(args: Sequence[str], lists: dict[str, Labels]) -> list[str]:
    given: list[str] = []
    current = ""
    n_taken = 0
    for word in args:
        if word.startswith("-"):
            current, n_taken = (word, 0) if word in lists else ("", 0)
            given.append(word)
        elif not current or (n_taken and not _belongs(word, lists[current])):
            current = ""
            given.append(word)
        else:
            given += [current, word] if n_taken else [word]
            n_taken += 1
    return given


def _belongs(word: str, option: Labels) -> bool:
    return option.pattern.fullmatch(word.removeprefix(option.prefix)) is not None


def pairs(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, Path]:
    """Read ``NAME=PATH``; a click callback."""
    found = {}
    for item in value:
        name, equals, path = item.partition("=")
        if not (equals and name and path):
            raise click.BadParameter(f"{item!r}; expected NAME=PATH", ctx=ctx, param=param)
        found[name] = Path(path)
    return found


def megabytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read megabytes, or a number with a unit; a click callback."""
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
