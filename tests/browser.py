"""A browser without a window, for tests that look at pages; Chromium where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
NO_BROWSER = "no Chromium is installed to draw the page"
needs_browser = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--hide-scrollbars --enable-logging=stderr --virtual-time-budget=3000"
)


class Fetched(HTMLParser):
    """Collects what a page fetches by itself; links that a reader may follow are no such thing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        wanted = given.get("src") or (given.get("href") if tag == "link" else None)
        if wanted and not wanted.startswith("data:"):
            self.found.append(wanted)


def fetched(page: Path) -> list[str]:
    """Give the addresses of all that a page fetches."""
    reader = Fetched()
    reader.feed(page.read_text("utf-8"))
    return reader.found


def drawn(page: Path, folder: Path, *, width: int = 1366, height: int = 1600) -> np.ndarray:
    """Draw a page without any complaint on the console; give pixels (rows x columns x RGB)."""
    picture = folder / "page.png"
    picture.unlink(missing_ok=True)
    call = [str(BROWSER), *FLAGS.split(), f"--user-data-dir={folder / 'profile'}"]
    call += [f"--window-size={width},{height}", f"--screenshot={picture}", page.as_uri()]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    with Image.open(picture) as image:
        return np.asarray(image.convert("RGB"), dtype=int)


def assert_draws(folder: Path, *pages: Path) -> None:
    """Find all that pages fetch beside them, and draw them; the end of a test, which is skipped without a browser."""
    for page in pages:
        for address in fetched(page):
            inside = (page.parent / address.split("#")[0]).resolve()
            assert inside.is_relative_to(page.parent.resolve()), f"{page.name} fetches {address}"
            assert inside.is_file(), f"{page.name} lacks {address}"
    if BROWSER is None:
        pytest.skip(NO_BROWSER)
    for page in pages:
        pixels = drawn(page, folder)
        assert pixels.shape == (1600, 1366, 3)
        assert 0.002 < (pixels.sum(axis=2) < 200).mean() < 0.5, page.name
