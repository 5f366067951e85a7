"""Refuse a file whose content is not here: a pointer, a broken link, a placeholder."""

from __future__ import annotations

from pathlib import Path

from bids_app.errors import MissingInputError

LARGEST_POINTER_BYTES = 1024
POINTERS = {b"/annex/objects/": "git-annex", b"version https://git-lfs": "Git LFS"}
FETCH = "fetch the content, for example with: datalad get PATH"


def check_fetched(path: Path) -> None:
    """Refuse a file that is not here as a whole.

    Raises
    ------
    MissingInputError
        For a path without a file, a broken link, an empty file, and the text that git-annex or Git LFS leave in place
        of a file.
    """
    if path.is_symlink() and not path.exists():
        raise MissingInputError(f"{path}: is a link to content that is not here", hint=FETCH)
    if path.is_dir():
        raise MissingInputError(
            f"{path}: is a folder; expected a file", hint="fetch the file again"
        )
    if not path.is_file():
        raise MissingInputError(
            f"{path}: no such file", hint="is the dataset complete, and mounted?"
        )
    n_bytes = path.stat().st_size
    if n_bytes == 0:
        raise MissingInputError(
            f"{path}: is empty (0 bytes), a placeholder for the file", hint=FETCH
        )
    if n_bytes > LARGEST_POINTER_BYTES:
        return
    start = path.read_bytes()
    for mark, maker in POINTERS.items():
        if start.startswith(mark):
            raise MissingInputError(
                f"{path}: is a pointer of {maker} ({n_bytes} bytes), not the file itself",
                hint=FETCH,
            )
