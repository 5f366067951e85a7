from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image

from bids_app.report import pictures


def problem(output_dir: Path, path: str) -> str:
    (found,) = pictures.of(output_dir, {"figures": [{"path": path, "title": "T"}]})
    assert bool(found.source) != bool(found.problem)
    return found.problem


def test_a_figure_outside_the_output_folder_is_not_read(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Image.new("L", (3, 2)).save(tmp_path / "secret.png")
    (out / "link.png").symlink_to(tmp_path / "secret.png")
    for path in ("../secret.png", str(tmp_path / "secret.png"), "link.png"):
        assert problem(out, path) == f"{path}: lies outside the output folder"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert problem(tmp_path, "a.png") == "a.png: is neither a PNG nor a JPEG"


def test_a_huge_figure_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGEST_BYTES", 10)
    (tmp_path / "a.png").write_bytes(b"x" * 11)
    assert problem(tmp_path, "a.png") == "a.png: has 11 bytes; expected at most 10"


def test_a_figure_without_words_is_described_by_its_title(tmp_path: Path) -> None:
    Image.new("L", (3, 2)).save(tmp_path / "a.png")
    (found,) = pictures.of(tmp_path, {"figures": [{"path": "a.png", "title": "T"}]})
    assert (found.alt, found.caption, found.width, found.height) == ("T", "", 3, 2)


def test_a_folder_and_no_path_are_problems(tmp_path: Path) -> None:
    assert "directory" in problem(tmp_path, ".").lower()
    assert problem(tmp_path, "").startswith("no path: ")


def test_two_pictures_take_turns(tmp_path: Path) -> None:
    Image.new("L", (30, 20)).save(tmp_path / "a.jpg")
    Image.new("L", (30, 20), 9).save(tmp_path / "b.jpg")
    row = {"path": "a.jpg", "second": "b.jpg", "title": "T"}
    (found,) = pictures.of(tmp_path, {"figures": [row]})
    assert (found.width, found.height) == (30, 20)
    for source, name in ((found.source, "a.jpg"), (found.second, "b.jpg")):
        kind, _, carried = source.partition(",")
        assert kind == "data:image/jpeg;base64"
        assert base64.b64decode(carried) == (tmp_path / name).read_bytes()
    (tmp_path / "b.jpg").unlink()
    assert problem(tmp_path, "a.jpg") == ""
    (found,) = pictures.of(tmp_path, {"figures": [row]})
    assert found.problem == "b.jpg: No such file or directory"
