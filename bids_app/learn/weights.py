"""What tells one trained model from another."""

from __future__ import annotations

import hashlib

from torch import nn


def weights_hash(model: nn.Module) -> str:
    """Hash a model's weights, by name, wherever it lies.

    Returns
    -------
    str
        SHA-256.
    """
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
