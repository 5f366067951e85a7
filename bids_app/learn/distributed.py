"""Several processes that train one model together, started by ``torchrun``.

The first process runs the app. The others wait for models to train: they are told what the first
one trains, do their share of each batch, and go on waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from bids_app.values import Floats


@dataclass(frozen=True, slots=True)
class World:
    """The processes that train together.

    Attributes
    ----------
    rank : int
        Which of them this one is, from 0.
    size : int
        How many there are.
    """

    rank: int = 0
    size: int = 1

    def mine(self, values: Any) -> Any:
        """Share of a batch's parts that this process computes."""
        return values[self.rank :: self.size]

    def total(self, value: Tensor) -> Tensor:
        """Sum over processes, in place, whatever the shape."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def together(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Let gradients be averaged over processes."""
        if self.size == 1:
            return model
        devices = [device.index] if device.type == "cuda" else None
        together = DistributedDataParallel(model, devices)
        # Buffers never change in training; to send them around would count on equal parts.
        together.broadcast_buffers = False
        return together


def world() -> World:
    """Give the processes of this job: one, unless :func:`joined` has begun."""
    if not distributed.is_initialized():
        return World()
    return World(distributed.get_rank(), distributed.get_world_size())


def wanted() -> bool:
    """Tell whether ``torchrun`` started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def joined(serve: Callable[[Any], None], device: str) -> Iterator[bool]:
    """Join the other processes for as long as the block lasts.

    Parameters
    ----------
    serve : callable
        What processes after the first do with each job, until there are no more.
    device : str
        ``cuda…`` lets them talk by NCCL, each on the GPU of its number; all others by gloo.

    Yields
    ------
    bool
        True in the first process, which goes on; the others have nothing left to do.
    """
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    first = distributed.get_rank() == 0
    try:
        if not first:
            while (job := _passed(None)) is not None:
                serve(job)
        yield first
    finally:
        if first:
            _passed(None)
        distributed.destroy_process_group()


def announce(job: Any) -> None:
    """Tell the other processes what to work on; does nothing in a process that was told itself."""
    if world().size > 1 and world().rank == 0:
        _passed(job)


def _passed(job: Any) -> Any:
    told = [job]
    distributed.broadcast_object_list(told, src=0)
    return told[0]


@dataclass(frozen=True, slots=True)
class Mapped:
    """An array on disk, by reference, so that telling of it does not send it.

    Attributes
    ----------
    path : Path
        A file that is memory-mapped.
    dtype, offset, shape, strides
        What of it.
    """

    path: Path
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self) -> Floats:
        """Map it, with the shape that it had."""
        last = sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        itemsize = np.dtype(self.dtype).itemsize
        flat = np.memmap(self.path, np.uint8, "r", self.offset, (last + itemsize,))
        found: Floats = np.ndarray(self.shape, self.dtype, flat, 0, self.strides)
        return found


def by_reference(array: Floats | None) -> Floats | Mapped | None:
    """Refer to an array of any shape if it is a view of a memory map; else give it back."""
    root: Any = array
    while isinstance(getattr(root, "base", None), np.ndarray):
        root = root.base
    if array is None or not isinstance(root, np.memmap) or root.filename is None or not array.size:
        return array
    distance = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return Mapped(
        Path(root.filename), array.dtype.str, root.offset + distance, array.shape, array.strides
    )


def by_value(array: Floats | Mapped | None) -> Floats | None:
    """Undo :func:`by_reference`, whatever the shape."""
    return array.array() if isinstance(array, Mapped) else array
