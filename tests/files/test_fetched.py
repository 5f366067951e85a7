from __future__ import annotations

from pathlib import Path

import pytest

from bids_app.errors import MissingInputError
from bids_app.files import eeg
from bids_app.files.fetched import check_fetched

FETCH = "fetch the content, for example with: datalad get PATH"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"/annex/objects/MD5E-s1--0.vhdr\n",
            "is a pointer of git-annex (31 bytes), not the file",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid x\n",
            "is a pointer of Git LFS (49 bytes)",
        ),
        (b"", "is empty (0 bytes), a placeholder for the file"),
    ],
    ids=["annex", "lfs", "empty"],
)
def test_what_stands_for_a_file_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a_eeg.vhdr"
    path.write_bytes(content)
    with pytest.raises(MissingInputError) as caught:
        eeg.read_header(path)
    assert f"{path}: {told}" in str(caught.value)
    assert caught.value.hint == FETCH


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a_bold.nii.gz"
    path.symlink_to(".git/annex/objects/MD5E-s1--0.nii.gz")
    with pytest.raises(MissingInputError, match=f"{path}: is a link to content that is not here"):
        check_fetched(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"a\.nii: no such file") as caught:
        check_fetched(tmp_path / "a.nii")
    assert "mounted" in caught.value.hint


def test_small_and_large_files_pass(tmp_path: Path) -> None:
    for name, n_bytes in (("small", 3), ("large", 5000)):
        (tmp_path / name).write_bytes(b"x" * n_bytes)
        check_fetched(tmp_path / name)
