"""What the tests of figures share."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from bids_app.report.figures import canvas


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures in the order in which they are saved, kept in memory instead of on disk."""
    figures: list[Figure] = []

    def keep(figure: Figure, path: Path) -> Path:
        figures.append(figure)
        return path

    monkeypatch.setattr(canvas, "save", keep)
    return figures
