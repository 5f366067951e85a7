"""What all tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

# A test that fails once must fail again, on a slow machine too.
settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.load_profile("project")


@pytest.fixture
def rng() -> np.random.Generator:
    """Give the same random numbers to every test that asks."""
    return np.random.default_rng(0)
