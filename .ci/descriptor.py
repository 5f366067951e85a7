"""Write the Boutiques descriptor of the command line: ``make descriptor``. A test sees that it is up to date."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from bids_app import __version__, errors
from bids_app.arguments import Labels
from bids_app.cli import command
from bids_app.configure import LEVELS

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "hpc/nipoppy/descriptor.json"
LEFT_OUT = {"version", "help"}
# Draft of the execution specification for BIDS-Apps that exit codes and analysis levels follow.
SPECIFICATION = "0.1.0"


def descriptor() -> dict[str, Any]:
    """Describe the command."""
    inputs = [described(param) for param in command.params if param.name not in LEFT_OUT]
    first = ("bids_dir", "output_dir", "analysis_level")
    rest = sorted(f"[{item['id'].upper()}]" for item in inputs if item["id"] not in first)
    order = [f"[{name.upper()}]" for name in first]
    return {
        "name": "eeg2fmri",
        "description": " ".join((command.help or "").split()),
        "tool-version": __version__,
        "schema-version": "0.5",
        "author": "eeg2fmri developers",
        "url": "https://github.com/eeg2fmri/eeg2fmri",
        "command-line": " ".join(["eeg2fmri", *order, *rest]),
        "inputs": inputs,
        "output-files": outputs(),
        "error-codes": codes(),
        "tags": {"domain": ["neuroinformatics", "fmri", "eeg"]},
        "custom": {
            "BIDSAppSpecVersion": SPECIFICATION,
            "BIDSAnalysisLevels": [
                {"participant": "subject", "group": "dataset"}[level] for level in LEVELS
            ],
        },
    }


def described(param: click.Parameter) -> dict[str, Any]:
    """Describe an argument or option."""
    found: dict[str, Any] = {
        "id": str(param.name),
        "name": str(param.name).replace("_", " "),
        "value-key": f"[{str(param.name).upper()}]",
        "optional": not param.required,
        **kind(param),
    }
    if param.name == "analysis_level":
        found["value-choices"] = list(LEVELS)
    if isinstance(param, click.Option):
        found["command-line-flag"] = max(
            param.opts, key=lambda name: (name.startswith("--"), "-" in name[2:])
        )
        found["description"] = param.help or ""
        if param.multiple or isinstance(param, Labels):
            found["list"] = True
            if not isinstance(param, Labels):
                found["list-separator"] = f" {found['command-line-flag']} "
    return found


def kind(param: click.Parameter) -> dict[str, Any]:
    """Tell the type of a parameter as Boutiques has it."""
    if isinstance(param, click.Option) and (param.is_flag or param.count):
        return {"type": "Flag"}
    if isinstance(param.type, click.Choice):
        return {"type": "String", "value-choices": list(param.type.choices)}
    if isinstance(param.type, click.Path):
        return {"type": "String" if param.name in {"output_dir", "work_dir"} else "File"}
    if isinstance(param.type, click.types.IntParamType):
        found: dict[str, Any] = {"type": "Number", "integer": True}
        least = getattr(param.type, "min", None)
        return found | ({} if least is None else {"minimum": least})
    return (
        {"type": "Number"}
        if isinstance(param.type, click.types.FloatParamType)
        else {"type": "String"}
    )


def outputs() -> list[dict[str, Any]]:
    """Name what is there after any run."""
    return [
        {
            "id": "description",
            "name": "Description of the output as a BIDS dataset",
            "path-template": "[OUTPUT_DIR]/dataset_description.json",
        },
        {
            "id": "reports",
            "name": "Reports of participants, or of the group",
            "path-template": "[OUTPUT_DIR]/*.html",
            "list": True,
            "optional": True,
        },
    ]


def codes() -> list[dict[str, Any]]:
    """List exit codes, with what they mean."""
    kinds = {kind.exit_code: kind for kind in vars(errors).values() if isinstance(kind, type)}
    return [
        {
            "code": code,
            "description": re.sub(r"\s+", " ", (kinds[code].__doc__ or "").split("\n\n")[0]),
        }
        for code in sorted(kinds)
    ]


def text() -> str:
    """Spell the descriptor as it is on disk."""
    return json.dumps(descriptor(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.exit(0)
