from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bids_app import interrupt
from bids_app.errors import AppError, CannotCreateError, DataError
from bids_app.files.whole import check_folder, sweep, whole, whole_folder, write_text

ROOT = Path(__file__).resolve().parents[2]
REMEDY = "check free space and permissions"


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.nii.gz"
    with whole(path) as partial:
        partial.write_text("made")
        assert not path.exists()
        assert partial.parent == path.parent
        assert partial.name.endswith("a.nii.gz")
    assert path.read_text() == "made"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [DataError("planted"), KeyboardInterrupt(), ZeroDivisionError()])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    def fail() -> None:
        with whole(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    def fail() -> None:
        with whole(path):
            raise OSError(28, "No space left on device")

    with pytest.raises(CannotCreateError, match=f"{path}: cannot be written: No space") as caught:
        fail()
    assert REMEDY in caught.value.hint
    assert path.read_text() == "old"


def test_a_file_where_a_folder_belongs_is_told(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old") / "b.txt"
    with pytest.raises(CannotCreateError, match=f"{path}: cannot be written: "):
        write_text(path, "new")


def test_writing_nothing_is_told(tmp_path: Path) -> None:
    def forget() -> None:
        with whole(tmp_path / "a.txt"):
            pass

    with pytest.raises(CannotCreateError, match=r"a\.txt: cannot be written: No such file"):
        forget()


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    for content in ("first", "second"):
        with whole_folder(path) as partial:
            (partial / content).touch()
    assert [found.name for found in path.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), DataError("planted")])
def test_a_failure_leaves_the_old_folder(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "bundle"
    write_text(path / "old", "")

    def fail() -> None:
        with whole_folder(path) as partial:
            (partial / "new").touch()
            raise error

    with pytest.raises(AppError) as caught:
        fail()
    if isinstance(error, OSError):
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"
        assert isinstance(caught.value, CannotCreateError)
        assert REMEDY in caught.value.hint
    assert [found.name for found in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle"
    write_text(path / "old", "")
    rename = Path.replace

    def fail_late(self: Path, target: Path) -> Path:
        if self.name.startswith(".partial-"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    def replace() -> None:
        with whole_folder(path) as partial:
            (partial / "new").touch()

    monkeypatch.setattr(Path, "replace", fail_late)
    with pytest.raises(CannotCreateError, match="bundle: cannot be written: Input/output error"):
        replace()
    assert [found.name for found in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_swept_and_what_another_writes_is_not(
    tmp_path: Path,
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)], check=False, cwd=ROOT
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "sub-01").glob(".partial-*"))) == 2
    with whole(tmp_path / "sub-01" / "mine.txt") as partial:
        partial.write_text("still writing")
        far = re.sub(r"-[0-9a-f]{8}-", "-00000000-", partial.name, count=1)
        for name in (far, far.replace("mine", "old")):
            (tmp_path / name).write_text("on another computer")
        os.utime(tmp_path / far.replace("mine", "old"), (0, 0))
        sweep(tmp_path)
        left = {path.name for path in tmp_path.rglob(".partial-*")}
        assert left == {partial.name, far}


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from bids_app.files.whole import whole, whole_folder
with whole(Path(sys.argv[1], "sub-01", "a.txt")) as file, whole_folder(Path(sys.argv[1], "sub-01", "b")) as folder:
    file.write_text("half")
    (folder / "half").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_renamed_is_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, rename = os.fsync, Path.replace

    def told_sync(number: int) -> None:
        order.append(f"sync {Path(f'/proc/self/fd/{number}').readlink().name[-1]}")
        sync(number)

    def told_rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", told_sync)
    monkeypatch.setattr(Path, "replace", told_rename)
    write_text(tmp_path / "z" / "a", "text")
    with whole_folder(tmp_path / "z" / "b") as partial:
        (partial / "c").touch()
    assert order == ["sync a", "rename", "sync z", "sync c", "rename", "sync z"]


def test_a_signal_waits_for_the_end_of_the_write(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGUSR1)

    def write() -> None:
        with whole(tmp_path / "a.txt") as partial:
            signal.raise_signal(signal.SIGUSR1)
            partial.write_text("made")

    try:
        interrupt.listen((signal.SIGUSR1,))
        with pytest.raises(interrupt.Interrupted, match="SIGUSR1"):
            write()
    finally:
        interrupt.listen(())
        signal.signal(signal.SIGUSR1, before)
    assert (tmp_path / "a.txt").read_text() == "made"


def test_a_folder_is_made_and_tried(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(CannotCreateError) as caught:
        check_folder(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be written: Read-only file system"
    assert "is it mounted writable" in caught.value.hint
