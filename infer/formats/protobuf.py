"""Protobuf messages read lazily, without their schema's code and without a framework.

A message's fields are listed when it is opened; their contents are parsed only when they are asked
for. So a file of gigabytes costs no more than the part that is needed, and a damaged file raises
an exception.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ..errors import DamagedError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10

Value = int | memoryview


class Message:
    """The fields of one message, by number.

    Args:
        data: exactly the bytes of the message.

    Raises:
        DamagedError: the bytes are no message.
    """

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[Value]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def numbers(self) -> set[int]:
        """The numbers of the fields that are present."""
        return set(self._fields)

    def raw(self, number: int) -> list[memoryview]:
        """The bytes of each value of a field of bytes, strings or messages."""
        chunks = [value for value in self._fields.get(number, ()) if isinstance(value, memoryview)]
        if len(chunks) != len(self._fields.get(number, ())):
            raise DamagedError(f"field {number} is a number, not bytes")
        return chunks

    def messages(self, number: int) -> list[Message]:
        """The values of a field of messages."""
        return [Message(value) for value in self.raw(number)]

    def message(self, number: int) -> Message:
        """The value of a field that holds one message; an empty message if it is missing.

        Several parts are merged into one message, as every parser does.
        """
        chunks = self.raw(number)
        return Message(chunks[0] if len(chunks) == 1 else memoryview(b"".join(chunks)))

    def strings(self, number: int) -> list[str]:
        """The values of a field of strings; what is not UTF-8 is replaced."""
        return [str(value, "utf-8", "replace") for value in self.raw(number)]

    def string(self, number: int) -> str:
        """The last value of a field of strings; empty if there is none."""
        strings = self.strings(number)
        return strings[-1] if strings else ""

    def integers(self, number: int) -> list[int]:
        """The values of a field of int32, int64 or an enumeration, packed or not."""
        integers: list[int] = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                integers.append(_signed(value))
            else:
                position = 0
                while position < len(value):
                    item, position = _varint(value, position)
                    integers.append(_signed(item))
        return integers

    def integer(self, number: int) -> int:
        """The last value of a field of integers; 0 if there is none."""
        integers = self.integers(number)
        return integers[-1] if integers else 0

    def floats(self, number: int) -> list[float]:
        """The values of a field of 32-bit floating-point numbers, packed or not."""
        floats: list[float] = []
        for value in self._fields.get(number, ()):
            data = value.to_bytes(4, "little") if isinstance(value, int) else bytes(value)
            if len(data) % 4:
                raise DamagedError(f"field {number} holds no whole 32-bit numbers")
            floats += (item for (item,) in struct.iter_unpack("<f", data))
        return floats


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise DamagedError(f"a field without a number at byte {position}")
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise DamagedError(f"a field of unknown kind {kind} at byte {position}")
        if size > end - position:
            raise DamagedError(
                f"truncated: a field of {size:,} bytes begins {end - position:,} before the end"
            )
        part = data[position : position + size]
        position += size
        yield number, part if kind == _BYTES else int.from_bytes(part, "little")


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + _LONGEST_VARINT, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, index + 1
    raise DamagedError(f"no whole number at byte {position}")


def _signed(value: int) -> int:
    """Decode an int32 or int64; negative ones are written as their 64-bit complement."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value
