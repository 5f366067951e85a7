"""The one place that knows what the computer computes on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from bids_app.errors import DeviceError, UsageError
from bids_app.learn.store import Store
from bids_app.values import Floats

SHARE_FOR_EEG = 0.5
"""Of a GPU's free memory; weights, targets and what the model computes need the rest."""


def choose(wanted: str = "auto") -> torch.device:
    """Turn a user's word into a device.

    Parameters
    ----------
    wanted : str, default="auto"
        ``auto`` takes a GPU where there is one; ``cpu``; ``cuda`` or ``cuda:N``.

    Raises
    ------
    UsageError
        For any other word.
    DeviceError
        When a GPU was asked for and is not there.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", wanted):
        raise UsageError(f"device is {wanted!r}", hint="choose auto, cpu, cuda or cuda:N")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return torch.device("cuda:0" if n_gpus else "cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and (device.index or 0) >= n_gpus:
        raise DeviceError(
            f"device {wanted} was asked for; this computer has {n_gpus} usable GPUs",
            hint="use --device cpu; in a container, pass the GPU on (--gpus all, or --nv)",
        )
    return device


def use_threads(count: int) -> None:
    """Let torch use this many threads per operation."""
    torch.set_num_threads(max(1, count))


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Compute in bfloat16 on GPUs that have it; change nothing elsewhere."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def compiled(model: nn.Module, device: torch.device) -> nn.Module:
    """Compile on a GPU; on a CPU the wait is longer than what it saves."""
    if device.type != "cuda":
        return model
    fast: nn.Module = torch.compile(model)  # type: ignore[assignment]  # called as the module is
    return fast


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:  # noqa: FBT001 (the one thing it is about)
    """Use only operations that give the same result each time, inside the block."""
    before = torch.are_deterministic_algorithms_enabled()
    # cuBLAS wants this before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(wanted or before)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def place(store: Store, device: torch.device) -> None:
    """Keep a store on a GPU that has room for it; elsewhere leave it where it is."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if store.values.nbytes < SHARE_FOR_EEG * free:
            store.place(device)


def copy(values: Floats | Tensor, device: torch.device) -> Tensor:
    """Put an array of any shape on the device, as float32; without waiting where possible."""
    if isinstance(values, Tensor):
        return values.to(device)
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
