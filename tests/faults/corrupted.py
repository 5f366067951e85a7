"""Sixty inputs that are wrong, each with the exit code that it must end with and a word of what must be said."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RUN = "sub-01_task-oddball_run-1"
DONE, DATA, MISSING, INVALID, USAGE, MEMORY = 0, 65, 66, 16, 64, 75
DEEP = 100_000
DATASET = "@DATA@"


@dataclass(frozen=True)
class Case:
    """One wrong input.

    Attributes
    ----------
    spoil : callable
        Makes it, in a copy of a dataset.
    code : int
        Exit code.
    says : str
        Part of the message.
    words : tuple of str
        Further words of the command line; ``@DATA@`` is the dataset.
    goes_on : bool
        The work is done without what is wrong, and takes its time.
    """

    spoil: Callable[[Path], None]
    code: int
    says: str
    words: tuple[str, ...] = ()
    goes_on: bool = False


def bold(data: Path) -> Path:
    return data / f"sub-01/func/{RUN}_bold.nii.gz"


def sidecar(data: Path) -> Path:
    return data / f"sub-01/func/{RUN}_bold.json"


def t1w(data: Path) -> Path:
    return data / "sub-01/anat/sub-01_T1w.nii.gz"


def eeg(data: Path, ending: str = "vhdr") -> Path:
    return data / f"sub-01/eeg/{RUN}_eeg.{ending}"


def cut(of: Callable[[Path], Path], share: float) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        path = of(data)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])

    return spoil


def write(of: Callable[[Path], Path], content: bytes) -> Callable[[Path], None]:
    return lambda data: void(of(data).write_bytes(content))


def void(_: object) -> None:
    return None


def remove(of: Callable[[Path], Path]) -> Callable[[Path], None]:
    return lambda data: of(data).unlink()


def header(
    of: Callable[[Path], Path], *changes: tuple[str, int, tuple[float, ...]]
) -> Callable[[Path], None]:
    """Change fields of a NIfTI header: format, offset, values."""

    def spoil(data: Path) -> None:
        path = of(data)
        content = bytearray(gzip.decompress(path.read_bytes()))
        for form, offset, values in changes:
            struct.pack_into(f"<{len(values)}{form}", content, offset, *values)
        path.write_bytes(gzip.compress(bytes(content), 1))

    return spoil


def voxels(of: Callable[[Path], Path], value: float) -> Callable[[Path], None]:
    """Fill an image with one value, as float32."""

    def spoil(data: Path) -> None:
        path = of(data)
        content = bytearray(gzip.decompress(path.read_bytes()))
        (count,) = (struct.unpack_from("<h", content, 40 + 2 * axis)[0] for axis in (1,))
        n_axes = struct.unpack_from("<h", content, 40)[0]
        for axis in range(2, n_axes + 1):
            count *= struct.unpack_from("<h", content, 40 + 2 * axis)[0]
        struct.pack_into("<hh", content, 70, 16, 32)
        struct.pack_into("<2f", content, 112, 1.0, 0.0)
        path.write_bytes(gzip.compress(bytes(content[:352]) + struct.pack("<f", value) * count, 1))

    return spoil


def metadata(of: Callable[[Path], Path], **changes: object) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        path = of(data)
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def text(of: Callable[[Path], Path], old: str, new: str) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        path = of(data)
        content = path.read_text(encoding="utf-8")
        assert old in content, (path, old)
        path.write_text(content.replace(old, new), encoding="utf-8")

    return spoil


def link(of: Callable[[Path], Path], to: str) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        path = of(data)
        path.unlink()
        path.symlink_to(to)

    return spoil


def vmrk(data: Path) -> Path:
    return eeg(data, "vmrk")


def samples(data: Path) -> Path:
    return eeg(data, "eeg")


def description(data: Path) -> Path:
    return data / "dataset_description.json"


def channels(data: Path) -> Path:
    return data / f"sub-01/eeg/{RUN}_channels.tsv"


def lose_markers(data: Path) -> None:
    path = vmrk(data)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if "R128" not in line) + "\n")
    for table in data.rglob("*_events.tsv"):
        table.unlink()


def keep_markers(count: int) -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        path = vmrk(data)
        kept, n_markers = [], 0
        for line in path.read_text().splitlines():
            n_markers += "R128" in line
            if "R128" not in line or n_markers <= count:
                kept.append(line)
        path.write_text("\n".join(kept) + "\n")
        for table in data.rglob("*_events.tsv"):
            table.unlink()

    return spoil


def nan_samples(data: Path) -> None:
    path = samples(data)
    content = bytearray(path.read_bytes())
    content[4000:8000] = struct.pack("<f", float("nan")) * 1000
    path.write_bytes(bytes(content))


def bomb(data: Path) -> None:
    """Sixty gigabytes of zeros in a file of as many megabytes, and a header that says so."""
    path = bold(data)
    start = bytearray(gzip.decompress(path.read_bytes())[:352])
    struct.pack_into("<5h", start, 40, 4, 700, 700, 612, 50)
    struct.pack_into("<hh", start, 70, 16, 32)
    block = gzip.compress(bytes(64 * 2**20), 9)
    with path.open("wb") as opened:
        opened.write(gzip.compress(bytes(start)))
        for _ in range(1000):
            opened.write(block)


def zero_tr(data: Path) -> None:
    header(bold, ("f", 92, (0.0,)))(data)
    sidecar(data).unlink()


def folder(data: Path) -> None:
    bold(data).unlink()
    bold(data).mkdir()


def loop(data: Path) -> None:
    shutil.rmtree(data / "sub-01/func")
    (data / "sub-01/func").symlink_to("../sub-01/func")


def nobody(data: Path) -> None:
    shutil.rmtree(data / "sub-01")


def only_strange_names(data: Path) -> None:
    """Names that are no BIDS: with spaces, a line feed, and letters that are not ASCII."""
    for folder in ("func", "eeg"):
        for path in list((data / "sub-01" / folder).iterdir()):
            path.unlink()
    for name in ("sub-01 task.nii.gz", "sub-01_tâsk-ü_bold.nii.gz", "sub-01\nx_bold.nii.gz"):
        (data / "sub-01/func" / name).write_bytes(b"x")


def bundle(content: str | None, weights: bytes = b"") -> Callable[[Path], None]:
    def spoil(data: Path) -> None:
        folder = data.parent / "bundle"
        folder.mkdir()
        if content is not None:
            (folder / "bundle.json").write_text(content)
            (folder / "weights.safetensors").write_bytes(weights)

    return spoil


def pickled(data: Path) -> None:
    """A bundle whose weights are a pickle that would leave a file behind when it were loaded."""
    bundle(json.dumps({"version": 1}))(data)
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.system, (f"touch {data.parent / 'owned'}",)

    (data.parent / "bundle" / "weights.safetensors").write_bytes(pickle.dumps(Evil()))


def beside(name: str, content: str) -> Callable[[Path], None]:
    return lambda data: void((data.parent / name).write_text(content, encoding="utf-8"))


PREPARE = ("--preproc-only",)
MODEL = ("--model", f"{DATASET}/../bundle")
CONFIG = ("--config-file", f"{DATASET}/../config.toml")
FILTER = ("--bids-filter-file", f"{DATASET}/../filter.json")
NESTED = b'{"a":' * DEEP + b"1" + b"}" * DEEP

CASES: dict[str, Case] = {
    # BOLD
    "BOLD: truncated gzip": Case(cut(bold, 0.5), MISSING, "cannot be read to its end"),
    "BOLD: cut in the header": Case(cut(bold, 0.0002), MISSING, "is not a NIfTI image"),
    "BOLD: empty file": Case(write(bold, b""), MISSING, "is empty (0 bytes)"),
    "BOLD: gzip of nothing": Case(
        write(bold, gzip.compress(b"")), MISSING, "is not a NIfTI image"
    ),
    "BOLD: wrong magic": Case(
        header(bold, ("b", 344, (120, 120, 120, 0))), MISSING, "bold.nii.gz"
    ),
    "BOLD: random bytes": Case(
        write(bold, bytes(range(256)) * 40), MISSING, "is not a NIfTI image"
    ),
    "BOLD: git-annex pointer": Case(
        write(bold, b"/annex/objects/MD5E-s1--x\n"), MISSING, "is a pointer of git-annex"
    ),
    "BOLD: broken checksum": Case(
        lambda data: void(bold(data).write_bytes(bold(data).read_bytes()[:-8] + bytes(8))),
        MISSING,
        "cannot be read",
    ),
    "BOLD: NaN affine": Case(
        header(bold, ("h", 252, (0, 1)), ("f", 280, (float("nan"),) * 12)), DATA, "affine"
    ),
    "BOLD: affine of zeros": Case(
        header(bold, ("h", 252, (0, 1)), ("f", 280, (0.0,) * 12)), DATA, "affine"
    ),
    "BOLD: 10^9 volumes in the header": Case(
        header(bold, ("h", 40, (7, 40, 40, 30, 32000, 32000, 1, 1))),
        MISSING,
        "the header tells of",
    ),
    "BOLD: no voxels in the header": Case(
        header(bold, ("h", 40, (4, 0, 0, 0, 50))), DATA, "expected an image"
    ),
    "BOLD: negative size in the header": Case(
        header(bold, ("h", 42, (-5,))), MISSING, "bold.nii.gz"
    ),
    "BOLD: one volume": Case(
        header(bold, ("h", 40, (3,)), ("h", 48, (1,))), DATA, "expected four axes"
    ),
    "BOLD: unknown data type": Case(
        header(bold, ("h", 70, (999,))), MISSING, "is not a NIfTI image"
    ),
    "BOLD: 60 GB of zeros in 60 MB": Case(bomb, MEMORY, "MB may be used"),
    "BOLD: all NaN": Case(voxels(bold, float("nan")), DATA, "all voxels have the same value"),
    "BOLD: constant": Case(voxels(bold, 7.0), DATA, "all voxels have the same value"),
    "BOLD: zero TR, no sidecar": Case(
        zero_tr,
        DATA,
        "repetition time",
    ),
    "BOLD: link to nowhere": Case(link(bold, "nowhere.nii.gz"), MISSING, "bold.nii.gz"),
    "BOLD: link to itself": Case(link(bold, f"{RUN}_bold.nii.gz"), MISSING, "bold.nii.gz"),
    "BOLD: link out of the dataset": Case(
        link(bold, "/etc/hostname"), MISSING, "is not a NIfTI image"
    ),
    "BOLD: a folder of that name": Case(folder, MISSING, "is a folder"),
    # sidecars
    "sidecar: truncated": Case(cut(sidecar, 0.5), DATA, "is not JSON"),
    "sidecar: empty": Case(write(sidecar, b""), DATA, "is not JSON"),
    "sidecar: a list": Case(write(sidecar, b"[1, 2]"), DATA, "expected an object"),
    "sidecar: 100,000 levels deep": Case(write(sidecar, NESTED), DATA, "is not JSON"),
    "sidecar: 20 MB": Case(
        write(sidecar, b'{"a": "' + b"x" * 20_000_000 + b'"}'), DATA, "expected a sidecar"
    ),
    "sidecar: not UTF-8": Case(write(sidecar, b'{"TaskName": "\xff\xfe"}'), DATA, "is not JSON"),
    "sidecar: zero TR": Case(metadata(sidecar, RepetitionTime=0), DATA, "RepetitionTime is 0"),
    "sidecar: negative TR": Case(
        metadata(sidecar, RepetitionTime=-2.0), DATA, "RepetitionTime is -2.0"
    ),
    "sidecar: TR as text": Case(
        metadata(sidecar, RepetitionTime="2 s"), DATA, "RepetitionTime is 2 s"
    ),
    "sidecar: TR of NaN": Case(
        metadata(sidecar, RepetitionTime=float("nan")), DATA, "RepetitionTime is nan"
    ),
    "sidecar: slice times of another count": Case(
        metadata(sidecar, SliceTiming=[0.0, 0.5]), DATA, "SliceTiming"
    ),
    "sidecar: slice times beyond the TR": Case(
        metadata(sidecar, SliceTiming=[99.0] * 24), DATA, "SliceTiming"
    ),
    # T1w
    "T1w: missing": Case(
        remove(t1w), DONE, "has no T1w image. The template was found from", PREPARE, goes_on=True
    ),
    "T1w: truncated": Case(
        cut(t1w, 0.4), DONE, "cannot be read to its end", PREPARE, goes_on=True
    ),
    "T1w: constant": Case(
        voxels(t1w, 1.0), DONE, "all voxels have the same value", PREPARE, goes_on=True
    ),
    # EEG
    "EEG: header empty": Case(write(eeg, b""), DATA, "is not a BrainVision header"),
    "EEG: header of random bytes": Case(
        write(eeg, bytes(range(256))), DATA, "is not a BrainVision header"
    ),
    "EEG: data missing": Case(remove(samples), MISSING, "eeg"),
    "EEG: data empty": Case(write(samples, b""), MISSING, "eeg"),
    "EEG: markers missing": Case(remove(vmrk), MISSING, "eeg"),
    "EEG: no volume marker": Case(lose_markers, DATA, "no volume markers"),
    "EEG: two volume markers": Case(keep_markers(2), DATA, "marker"),
    "EEG: NaN samples": Case(nan_samples, DATA, "NaN or infinite"),
    "EEG: rate of zero": Case(
        text(eeg, "SamplingInterval=", "SamplingInterval=1e12;"),
        DATA,
        "is not a BrainVision header",
    ),
    "EEG: link to itself": Case(link(samples, f"{RUN}_eeg.eeg"), MISSING, "eeg"),
    "EEG: cut to five seconds": Case(cut(samples, 0.04), MISSING, "expected 140 for each"),
    "EEG: channels.tsv of ragged rows": Case(
        write(channels, b"name\ttype\tunits\nFz\tEEG\n"), DATA, "cells"
    ),
    # the tree
    "tree: description truncated": Case(cut(description, 0.5), INVALID, "is not a BIDS dataset"),
    "tree: nobody": Case(nobody, INVALID, "has no folder sub-"),
    "tree: folder that links to itself": Case(loop, INVALID, "cannot be listed"),
    "tree: only names with spaces, line feeds, umlauts": Case(
        only_strange_names, MISSING, "has no BOLD and no EEG"
    ),
    # bundles, config files, filters
    "bundle: empty folder": Case(bundle(None), MISSING, "bundle.json", MODEL),
    "bundle: not JSON": Case(bundle("{"), DATA, "bundle.json", MODEL),
    "bundle: pickle in place of weights": Case(pickled, DATA, "bundle", MODEL),
    "config: not TOML": Case(beside("config.toml", "[run\n"), USAGE, "is not TOML", CONFIG),
    "config: code in place of a value": Case(
        beside("config.toml", "[eeg.band]\nlow_hz = __import__('os')\n"),
        USAGE,
        "is not TOML",
        CONFIG,
    ),
    "filter: 100,000 levels deep": Case(
        beside("filter.json", NESTED.decode()), USAGE, "is not JSON", FILTER
    ),
}
assert len(CASES) == 60
