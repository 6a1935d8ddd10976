"""What tools/fuzz_border.py does to a folder of outputs."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from fuzz_border_answers import RAW, alter

TYPES = (
    "int4",
    "S99999999",
    "O",
    "i4,i4",
    "finfo",
    "float128",
    "datetime64[ns]",
    "",
    "\x00",
    "str",
)
Change = Callable[[random.Random, Path], object]


def _file(draw: random.Random, folder: Path) -> Path:
    return draw.choice(sorted(folder.iterdir()))


def _bytes_altered(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    if not file.is_file():
        return
    with file.open("rb") as opened:
        data = bytearray(opened.read(1 << 20))
    for _ in range(draw.choice((1, 3, 20))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    file.write_bytes(data)


def _cut(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    if file.is_symlink():
        return
    os.truncate(file, draw.choice((0, 5, 64, 127, 128, file.stat().st_size + 1, 1 << 33, 1 << 42)))


def _replaced(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    file.unlink()
    outside = folder.parent / "outside"
    kind = draw.randrange(8)
    if kind == 0:
        os.mkfifo(file)
    elif kind == 1:
        file.mkdir(mode=draw.choice((0, 0o700)))
    elif kind == 2:
        file.symlink_to(draw.choice((outside / "precious", file, Path("/dev/zero"), outside)))
    elif kind == 3:
        os.link(outside / "precious", file)
    elif kind == 4:
        np.save(file, np.zeros(draw.choice((0, 3, 24)), draw.choice(("f4", "f8", "S3", "c16"))))
    elif kind == 5:
        # As an array of objects looks: a header, and a pickle behind it.
        with file.open("wb") as stream:
            header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
            np.lib.format.write_array_header_1_0(stream, header)
            stream.write(b"\x80\x04}\x94.")
    elif kind == 6:
        file.write_bytes(draw.randbytes(draw.randrange(300)))


def _exchanged(draw: random.Random, folder: Path) -> None:
    _file(draw, folder).replace(_file(draw, folder))


def _header(draw: random.Random, folder: Path) -> None:
    """Another header of an array, with the file as long as it says."""
    count = draw.choice((0, 1, 23, 25, 2**31, 2**38, 2**62, 10**30))
    kind = draw.choice(("<f4", ">f4", "|u1", "<c16", "|O", "<U9", "[('a', '<f4')]"))
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}"
    text = draw.choice((text, text.replace("False", "__import__('os')"), "(" * 117, text * 2))
    file = folder / draw.choice(("output_0.npy", "output_1.npy", "output_1.bytes.npy"))
    if not file.is_file():
        return
    head = b"\x93NUMPY" + bytes([draw.choice((1, 1, 2, 9)), 0]) + (118).to_bytes(2, "little")
    file.write_bytes(head + text.encode().ljust(117)[:117] + b"\n")
    if draw.random() < 0.5:
        os.truncate(file, 128 + min(count, 2**38) * 4)


def _text(file: Path) -> str:
    """The beginning of a file, which another change may have made a pipe, or endless."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return opened.read(1 << 20).decode()


def _index(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    index = json.loads(_text(file))
    for _ in range(draw.choice((1, 1, 3))):
        alter(draw, index)
    file.write_text(json.dumps(index))


def _index_sizes(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    index = json.loads(_text(file))
    size = draw.choice((0, 1, 3, 7, 2**24, 2**40, 2**70))
    kind = draw.randrange(6)
    if kind == 0:
        index["calls"][0]["rows"] = [[0, size]] * draw.choice((1, 5, 999))
    elif kind == 1:
        index["calls"][1]["samples"] = size
    elif kind == 2:
        index["outputs"][0]["shapes"] = [[size] * draw.choice((1, 2, 40)), [4, 3]]
    elif kind == 3:
        index["outputs"][draw.randrange(2)]["dtype"] = draw.choice(TYPES)
    elif kind == 4:
        index["outputs"] *= draw.choice((2, 300))
    else:
        index["calls"] *= draw.choice((0, 2, 5000))
    file.write_text(json.dumps(index))


def _index_text(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    text = _text(file).encode()
    at = draw.randrange(len(text))
    file.write_bytes(text[:at] + draw.choice(RAW) + text[at + draw.randrange(9) :])


def _folder_itself(draw: random.Random, folder: Path) -> None:
    outside = folder.parent / "outside"
    shutil.rmtree(folder)
    if draw.random() < 0.5:
        folder.symlink_to(outside)
    elif draw.random() < 0.5:
        folder.write_text("a file")


def _deep(draw: random.Random, folder: Path) -> None:
    where = os.open(folder, os.O_RDONLY)
    for _ in range(draw.choice((3, 80))):
        os.mkdir("d" * 60, dir_fd=where)
        inner = os.open("d" * 60, os.O_RDONLY, dir_fd=where)
        os.symlink("/", "link", dir_fd=inner)
        os.close(where)
        where = inner
    os.close(where)


CHANGES: tuple[Change, ...] = (
    *(_bytes_altered, _cut, _replaced, _exchanged, _header, _header, _index, _index, _index_sizes),
    *(_index_sizes, _index_text, _folder_itself, _deep),
)
