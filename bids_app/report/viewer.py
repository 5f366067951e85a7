"""A map to look through: one page that draws a map over the template, with all that it needs inside."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from bids_app.files.whole import write_text

FOLDER = "figures"
# Small figures that are found everywhere by chance only hide the rest.
LEAST_R = 0.02


def viewers(output_dir: Path) -> list[tuple[str, str]]:
    """Write a viewer for each map of the group that has none as new as itself.

    Returns
    -------
    list of (title, source)
        Source is relative to `output_dir`.
    """
    found = []
    for image in sorted(output_dir.glob("tpl-*/func/*_stat-r_*_statmap.nii.gz")):
        name = image.name.removesuffix(".nii.gz")
        path = output_dir / FOLDER / f"{name}.html"
        model = re.sub(r".*_desc-(\w+?)_statmap", r"\1", name)
        title = f"Mean r over participants, {model}"
        if not path.is_file() or path.stat().st_mtime_ns < image.stat().st_mtime_ns:
            write_viewer(path, image, title)
        found.append((title, path.relative_to(output_dir).as_posix()))
    return found


def write_viewer(path: Path, image: Path, title: str) -> Path:
    """Write one viewer.

    The background is the template, never a person: no face is in it.

    Parameters
    ----------
    path : Path
        Page to write.
    image : Path
        Map in template space.
    title : str
        Title of the page.
    """
    from nilearn import plotting  # noqa: PLC0415 (takes a second to import; pages of participants need none)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        view = plotting.view_img(
            str(image), bg_img="MNI152", threshold=LEAST_R, width_view=900, black_bg=False
        )
    page = view.get_standalone()
    # An icon from a server: the one thing that the page would fetch.
    page = re.sub(r"<link rel=\"icon\".*?>", "", page, count=1, flags=re.DOTALL)
    return write_text(path, re.sub(r"<title>.*?</title>", f"<title>{title}</title>", page))
