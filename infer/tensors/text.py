"""Text and bytes in arrays, and how files hold them exactly.

A tensor of text is an array of type object. Its values are `str`, or `bytes` if one of them is no
UTF-8. Fixed-width arrays of NumPy would lose zero bytes at the end. So an array NAME of bytes is
two arrays in a file: NAME.bytes, uint8, the bytes of all values one after the other, and
NAME.lengths, the number of bytes of each, in the shape of the tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from ..escaping import printable

BYTES, LENGTHS = ".bytes", ".lengths"
# Number of characters that are shown of a text.
_SHOWN = 60


def as_bytes(array: np.ndarray) -> np.ndarray:
    """Convert text to an array of `bytes`, text as UTF-8."""
    return _objects(
        [
            bytes(value)
            if isinstance(value, bytes)
            else str(value).encode("utf-8", "surrogateescape")
            for value in array.reshape(-1)
        ],
        array.shape,
    )


def as_text(array: np.ndarray) -> np.ndarray:
    """Convert bytes to an array of `str`; unchanged bytes if one of them is no UTF-8."""
    values = as_bytes(array)
    try:
        return _objects([value.decode() for value in values.reshape(-1)], array.shape)
    except UnicodeDecodeError:
        return values


def escaped(value: str | bytes) -> str:
    """Show a text or bytes in one line: what cannot be printed as escapes, what is long cut."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    cut = text[:_SHOWN] + "..." if len(text) > _SHOWN else text
    return printable(cut)


def pack(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Convert text to the bytes of all values, uint8, and the number of bytes of each, int64."""
    values = as_bytes(array)
    lengths = np.array([len(value) for value in values.reshape(-1)], np.int64)
    return np.frombuffer(b"".join(values.reshape(-1)), np.uint8), lengths.reshape(array.shape)


def unpack(data: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Convert back what `pack` gives, to an array of `bytes`.

    Raises:
        ValueError: the lengths do not fit the data.
    """
    if data.dtype != np.uint8 or data.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError("the bytes must be one row of uint8, the lengths whole numbers")
    if lengths.min(initial=0) < 0 or lengths.max(initial=0) > data.size:
        raise ValueError(f"there are {data.size} bytes, and a length does not lie within them")
    # As floating-point numbers too, since a sum of whole numbers begins anew where it is too large.
    if lengths.sum(dtype=np.float64) > 2.0**62 or int(lengths.sum()) != data.size:
        raise ValueError(f"there are {data.size} bytes, the lengths say {int(lengths.sum())}")
    ends = np.cumsum(lengths.reshape(-1))
    whole = data.tobytes()
    values = [
        whole[end - length : end] for end, length in zip(ends, lengths.reshape(-1), strict=True)
    ]
    return _objects(values, lengths.shape)


def packed_names(names: Iterable[str]) -> list[str]:
    """The names of arrays that a file holds as bytes and lengths."""
    known = set(names)
    stems = [name.removesuffix(BYTES) for name in names if name.endswith(BYTES)]
    return [name for name in stems if name and name + LENGTHS in known and name not in known]


def pack_all(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert arrays to what a file holds: those of objects to bytes and lengths."""
    packed: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.dtype.kind == "O":
            packed[name + BYTES], packed[name + LENGTHS] = pack(array)
        else:
            packed[name] = array
    return packed


def unpack_all(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convert back what `pack_all` gives; text is `str`, or `bytes` if one value is no UTF-8.

    Raises:
        ValueError: lengths do not fit the bytes; the message names the array.
    """
    unpacked = dict(arrays)
    for name in packed_names(arrays):
        data, lengths = unpacked.pop(name + BYTES), unpacked.pop(name + LENGTHS)
        try:
            unpacked[name] = as_text(unpack(data, lengths))
        except ValueError as error:
            raise ValueError(f"'{name}': {error}") from None
    return unpacked


def _objects(values: list[bytes] | list[str], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)
