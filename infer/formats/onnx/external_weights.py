"""The files beside an ONNX file that hold its weights."""

from __future__ import annotations

import math
import re
from pathlib import Path

from ...errors import ArtifactError, DamagedError
from ..map_file import map_file
from ..protobuf import Message
from ..safe_paths import beside
from ..weights_file import check_weights_file
from .traversal import all_tensors
from .value_types import element_type

_DIMS, _DTYPE, _EXTERNAL, _LOCATION = 1, 2, 13, 14  # of a tensor, as in onnx.proto


def external_files(path: Path) -> list[Path]:
    """List the files beside an ONNX file that its tensors name, even if they hold values too.

    Raises:
        ArtifactError: the file is damaged, or names one outside of its folder.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        return []
    names = {name for tensor in all_tensors(Message(data)) for name in _locations(tensor)}
    return sorted(weights_path(path, name) for name in names)


def check_weights(path: Path) -> None:
    """Check that the files beside an ONNX file have all of its weights.

    Raises:
        ArtifactError: one is missing or cut short, or the file is damaged.
    """
    data = map_file(path)
    if bytes(data[4:8]) == b"ORTM":
        return
    ends: dict[str, int] = {}
    for tensor in all_tensors(Message(data)):
        name = external_name(tensor)
        if name is not None:
            ends[name] = max(ends.get(name, 0), _end(tensor))
    for name, size in ends.items():
        check_weights_file(path, weights_path(path, name), size)


def _end(tensor: Message) -> int:
    """Where a tensor ends in its file, in bytes."""
    entries = {entry.string(1): entry.string(2) for entry in tensor.messages(_EXTERNAL)}
    bits = max(0, math.prod(tensor.integers(_DIMS))) * element_type(tensor.enumeration(_DTYPE))[1]
    numbers = [entries.get("offset", "0"), entries.get("length", str(bits // 8))]
    if not all(re.fullmatch(r"\d{1,19}", number) for number in numbers):
        raise DamagedError(f"a tensor whose place in a file is {' and '.join(numbers)}")
    return sum(map(int, numbers))


def external_name(tensor: Message) -> str | None:
    """The file that holds the values of a tensor; None if the tensor itself does."""
    if tensor.enumeration(_LOCATION) != 1:
        return None
    locations = _locations(tensor)
    return locations[-1] if locations else None


def _locations(tensor: Message) -> list[str]:
    """All files that a tensor names.

    Raises:
        DamagedError: a name is not UTF-8, so that runtimes may not open the file that we find.
    """
    names = [entry.raw(2) for entry in tensor.messages(_EXTERNAL) if entry.string(1) == "location"]
    try:
        return [str(parts[-1], "utf-8") if parts else "" for parts in names]
    except UnicodeDecodeError:
        raise DamagedError("a file of weights whose name is not UTF-8") from None


def weights_path(path: Path, name: str) -> Path:
    """The file of weights that a tensor of an ONNX file names.

    Raises:
        ArtifactError: it lies outside of the file's folder, or is an address in memory.
    """
    if name.startswith("*/_ORT_MEM_ADDR_"):  # ONNX Runtime would read its own memory there
        raise ArtifactError(f"{path}: names an address in memory as its weights")
    return beside(path, name)
