"""Random numbers from one seed, without a global state that others share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Give a generator that depends on the seed and on what it is for, and on nothing else.

    Folds that are computed in another order, or alone, thus draw the same numbers.
    """
    words = hashlib.sha256("/".join((str(seed), *purpose)).encode()).digest()
    return np.random.default_rng(np.frombuffer(words, np.uint32))


@contextmanager
def torch_seeded(seed: int) -> Iterator[None]:
    """Seed torch for initial weights and dropout inside the block; restore its state after it."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield
