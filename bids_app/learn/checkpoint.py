"""Where training stands, on disk: tensors in a safetensors file, the rest as JSON in its header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bids_app.files.whole import whole

NAME = "checkpoint.safetensors"


def save(
    folder: Path,
    model: nn.Module,
    best: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
    standing: dict[str, Any],
) -> None:
    """Write a checkpoint; an earlier one is replaced as a whole.

    Parameters
    ----------
    folder : Path
        Where to.
    model : torch.nn.Module
        Its weights are kept.
    best : dict of str to Tensor
        The weights that validated best so far.
    optimizer : torch.optim.Optimizer
        Its moments are kept.
    standing : dict
        Numbers: what :func:`restore` gives back.
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with whole(folder / NAME) as partial:
        save_file(tensors, partial, {"standing": json.dumps(standing)})


def restore(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Put a model and an optimizer where a checkpoint left them.

    Parameters
    ----------
    folder : Path
        Where :func:`save` wrote to.
    model : torch.nn.Module
        Of the same architecture.
    optimizer : torch.optim.Optimizer
        Of the same kind, on the model's parameters.

    Returns
    -------
    best : dict of str to Tensor
        The weights that validated best.
    standing : dict
        As it was saved. None in place of both when there is no checkpoint, or one that was made for another model
        or is damaged: training then begins anew.
    """
    try:
        with safe_open(folder / NAME, "pt") as file:
            standing = json.loads(file.metadata()["standing"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    own = model.state_dict()
    if {name: value.shape for name, value in own.items()} != {
        name: value.shape for name, value in _below("model.", tensors).items()
    }:
        return None
    model.load_state_dict(_below("model.", tensors))
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimizer.", tensors).items():
        index, _, kind = name.partition(".")
        weight = weights[int(index)]
        # Moments must lie in memory as their weights do: the optimizer walks through both.
        laid = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        moments.setdefault(int(index), {})[kind] = laid
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
    best = {name: value.to(own[name].device) for name, value in _below("best.", tensors).items()}
    return best, standing


def remove(folder: Path | None) -> None:
    """Remove a checkpoint that nothing will go on from."""
    if folder is not None:
        (folder / NAME).unlink(missing_ok=True)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
