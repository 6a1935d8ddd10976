"""The process that reads images, tables, or what a function yields; it may write nowhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ..codec import Record, decode
from ..errors import InputError
from ..sandbox.reader_limits import limit_memory
from ..tensors.text import BYTES, LENGTHS, pack_all, packed_names
from .description import Description
from .frames import Header, write_frame


class Batches(Protocol):
    """Something that batches come of.

    Attributes:
        samples: how many samples will come; None if that is not known.
    """

    samples: int | None

    def batches(self) -> Iterator[dict[str, np.ndarray]]:
        """Some samples at a time: arrays by the names of inputs."""


class Request(Record, frozen=True):
    """What is to be read.

    Attributes:
        kind: "images", "tables", "saved" by `datasets`, or "function".
        paths: the folder, the files, or the file with the function.
        described: what the user says of it.
        advice: where to say more, for messages.
        beside: folder that a file of labels is named from.
        function: name of the function.
        memory: bytes that the process may take.
    """

    kind: str
    paths: tuple[str, ...]
    described: Description
    advice: str
    beside: str
    function: str
    memory: int


def main(arguments: list[str]) -> None:
    """Read batches, and write each to standard output; runs in the separate process."""
    request: Request = decode(Request, arguments[0], "request")
    limit_memory(request.memory)
    # What libraries and the user's function print is no frame.
    frames = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with frames:
        try:
            _write_batches(request, frames)
        except InputError as error:
            write_frame(frames, Header(error=str(error)))
        except ImportError as error:
            write_frame(frames, Header(error=_missing(request, error)))
        except MemoryError:
            limit = f"{request.memory / 2**30:.0f} GiB"
            write_frame(
                frames, Header(error=f"{request.paths[0]}: takes more than {limit} to read")
            )
        except Exception as error:  # a damaged file may raise anything
            what = f"{type(error).__name__}: {error}"[:1000]
            write_frame(frames, Header(error=f"{request.paths[0]}: cannot be read ({what})"))


def _write_batches(request: Request, frames: BinaryIO) -> None:
    source = _open(request)
    write_frame(frames, Header(total=source.samples))
    for batch in source.batches():
        if taken := packed_names(batch):
            name = taken[0]
            raise InputError(
                f"{request.paths[0]}: '{name}{BYTES}' and '{name}{LENGTHS}' together stand for the "
                f"text '{name}' where inputs are stored: call one of them otherwise"
            )
        write_frame(frames, Header(), pack_all(batch))
    write_frame(frames, Header(is_last=True))


def _open(request: Request) -> Batches:
    # Each imports the library that it needs, and no more.
    paths = [Path(path) for path in request.paths]
    if request.kind == "function":
        from .user_function import UserFunction

        return UserFunction(paths[0], request.function)
    if request.kind == "images":
        from .image_folder import ImageFolder

        return ImageFolder(paths[0], request.described, request.advice, Path(request.beside))
    from .tables import Tables, saved_files

    files = saved_files(paths[0]) if request.kind == "saved" else paths
    return Tables(files, request.described, request.advice)


def _missing(request: Request, error: ImportError) -> str:
    packages = {"PIL": "Pillow", "pyarrow": "pyarrow"}
    package = packages.get((error.name or "").partition(".")[0])
    if package is None:
        return f"{request.paths[0]}: cannot be read ({error})"
    return f"{request.paths[0]}: needs {package}: pip install 'exportbench[data]'"
