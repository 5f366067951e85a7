"""What all figures share: colours, axes and a file that stays small."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bids_app.files.whole import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with any kind of colour vision tell apart.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#6B7280"
CYCLE = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
INK = "#1B2430"
RULE = "#D5DAE1"
LARGEST_BYTES = 300_000
RESOLUTIONS_DPI = (144, 120, 100, 80, 60, 40)


def sheet(width_in: float, height_in: float, *, dark: bool = False) -> Figure:
    """Make an empty figure that needs no display; on a dark one, for images, axes are placed by hand."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Voxels need fewer pixels than letters.
    dpi = RESOLUTIONS_DPI[1 if dark else 0]
    figure = Figure(figsize=(width_in, height_in), dpi=dpi, facecolor="black" if dark else "white")
    FigureCanvasAgg(figure)
    if not dark:
        figure.set_layout_engine("constrained", w_pad=0.04, h_pad=0.04)
    return figure


def tidy(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Label axes and take away what carries nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8.5)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    if title:
        axes.set_title(title, fontsize=10, color=INK, loc="left")


def legend(axes: Axes, n_columns: int = 3) -> None:
    """Name the lines of axes, without a frame, above the axes at the right."""
    axes.legend(
        fontsize=8.5, frameon=False, ncols=n_columns, loc="lower right", bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2, handlelength=1.6, columnspacing=1.2, labelcolor=INK,
    )  # fmt: skip


def save(figure: Figure, path: Path, largest_bytes: int = LARGEST_BYTES) -> Path:
    """Write a figure, whole; as PNG in as much detail as the size allows.

    Parameters
    ----------
    figure : Figure
        Made by :func:`sheet`.
    path : Path
        Where to; its folder is made. ``.jpg`` is for photographs, such as slices of a head.
    largest_bytes : int
        Beyond it, colours and then the resolution are reduced.

    Returns
    -------
    Path
        `path`.
    """
    encoded = _photograph(figure) if path.suffix == ".jpg" else _png(figure, largest_bytes)
    with whole(path) as partial:
        partial.write_bytes(encoded)
    return path


def _photograph(figure: Figure) -> bytes:
    dpi = int(figure.dpi)
    buffer = BytesIO()
    _drawn(figure, dpi).save(buffer, "JPEG", quality=80, subsampling=0, dpi=(dpi, dpi))
    return buffer.getvalue()


def _png(figure: Figure, largest_bytes: int) -> bytes:
    encoded = b""
    for dpi in [dpi for dpi in RESOLUTIONS_DPI if dpi <= figure.dpi]:
        picture = _drawn(figure, dpi)
        encoded = _encoded(picture, dpi)
        if len(encoded) > largest_bytes:
            encoded = _encoded(picture.quantize(256, dither=Image.Dither.NONE), dpi)
        if len(encoded) <= largest_bytes:
            break
    return encoded


def _drawn(figure: Figure, dpi: int) -> Image.Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _encoded(picture: Image.Image, dpi: int) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG", dpi=(dpi, dpi))
    return buffer.getvalue()
