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
_LARGEST_TAG = (1 << 32) - 1  # a number of a field and its kind; parsers drop higher bits
_MOST_FIELDS = 1_000_000  # of one message; parsing so many takes a second


class Message:
    """The fields of one message, by number.

    Args:
        data: exactly the bytes of the message.

    Raises:
        DamagedError: the bytes are no message.
    """

    def __init__(self, data: memoryview) -> None:
        # By number: whole numbers, bytes, and the bytes of numbers of a fixed size. A reader of the
        # schema ignores values of another kind than the field's; here they are refused.
        self._integers: dict[int, list[int]] = {}
        self._bytes: dict[int, list[memoryview]] = {}
        self._fixed: dict[int, list[memoryview]] = {}
        for count, (number, kind, value) in enumerate(_fields(data)):
            if count >= _MOST_FIELDS:
                raise DamagedError(f"more than {_MOST_FIELDS:,} fields in one message")
            if isinstance(value, int):
                self._integers.setdefault(number, []).append(value)
            elif kind == _BYTES:
                self._bytes.setdefault(number, []).append(value)
            else:
                self._fixed.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._integers or number in self._bytes or number in self._fixed

    def numbers(self) -> set[int]:
        """The numbers of the fields that are present."""
        return {*self._integers, *self._bytes, *self._fixed}

    def raw(self, number: int) -> list[memoryview]:
        """The bytes of each value of a field of bytes, strings or messages."""
        if number in self._integers or number in self._fixed:
            raise DamagedError(f"field {number} is a number, not bytes")
        return self._bytes.get(number, [])

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
        """The values of a repeated field of int32 or int64, packed or not."""
        if number in self._fixed:
            raise DamagedError(f"field {number} has another kind of numbers")
        values = [_signed(value) for value in self._integers.get(number, ())]
        for part in self._bytes.get(number, ()):
            position = 0
            while position < len(part):
                item, position = _varint(part, position)
                values.append(_signed(item))
        return values

    def integer(self, number: int) -> int:
        """The last value of a field of int64; 0 if there is none."""
        if number in self._bytes or number in self._fixed:
            raise DamagedError(f"field {number} is not a whole number")
        values = self._integers.get(number)
        return _signed(values[-1]) if values else 0

    def enumeration(self, number: int) -> int:
        """The last value of a field of int32 or an enumeration, of which 32 bits count."""
        return _signed(self.integer(number), 32)

    def floats(self, number: int) -> list[float]:
        """The values of a field of 32-bit floating-point numbers, packed or not."""
        if number in self._integers:
            raise DamagedError(f"field {number} holds no 32-bit numbers")
        values: list[float] = []
        for part in (*self._fixed.get(number, ()), *self._bytes.get(number, ())):
            if len(part) % 4:
                raise DamagedError(f"field {number} holds no whole 32-bit numbers")
            values += (item for (item,) in struct.iter_unpack("<f", part))
        return values


def _fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield number, kind and value of each field."""
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, kind = key >> 3, key & 7
        if number == 0 or key > _LARGEST_TAG:
            raise DamagedError(f"a field without a valid number at byte {position}")
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield number, kind, value
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
        yield number, kind, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    for index in range(position, min(position + _LONGEST_VARINT, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, index + 1
    raise DamagedError(f"no whole number at byte {position}")


def _signed(value: int, bits: int = 64) -> int:
    """Decode an int32 or int64; negative ones are written as their complement."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
