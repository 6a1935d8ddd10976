"""Flatbuffers read by slot number, with every offset checked.

The `flatbuffers` package trusts its input; offsets in files of strangers may point anywhere.
"""

from __future__ import annotations

import struct
from typing import Any

from ..errors import DamagedError

# Tables and items of vectors that are read of one file. Since several offsets may lead to the same
# table, a small file can describe a tree that is larger than any memory.
_MOST_ITEMS = 5_000_000


class Table:
    """A table, whose fields are read by the number of their slot.

    Args:
        data: the whole file.
        position: where the table begins.
        left: how many tables and items may still be read, which the tables of a file share.

    Raises:
        DamagedError: no table begins there.
    """

    def __init__(self, data: memoryview, position: int, left: list[int] | None = None) -> None:
        self._data = data
        self._left = [_MOST_ITEMS] if left is None else left
        self._take(1)
        self._position = position
        self._slots = position - int(_unpack(data, "i", position))
        self._size = int(_unpack(data, "H", self._slots))
        if self._size < 4 or self._slots + self._size > len(data):
            raise DamagedError(f"no table at byte {position}")

    @classmethod
    def root(cls, data: memoryview) -> Table:
        """The table that a file begins with."""
        return cls(data, int(_unpack(data, "I", 0)))

    def number(self, slot: int, kind: str, default: int = 0) -> int:
        """A number of a type of `struct`: "b", "B", "h", "H", "i", "I", "?", "Q"."""
        place = self._place(slot)
        return default if place is None else int(_unpack(self._data, kind, place))

    def string(self, slot: int) -> str:
        """A string; empty if the field is missing."""
        return str(self.data(slot), "utf-8", "replace")

    def data(self, slot: int) -> memoryview:
        """The bytes of a string or of a vector of bytes; empty where there is none."""
        start, count = self._vector(slot, 1)
        return self._data[start : start + count]

    def numbers(self, slot: int, kind: str) -> list[int]:
        """A vector of numbers."""
        start, count = self._vector(slot, struct.calcsize(kind))
        return list(struct.unpack_from(f"<{count}{kind}", self._data, start))

    def length(self, slot: int) -> int:
        """Number of tables or strings in a vector."""
        return self._vector(slot, 4)[1]

    def table(self, slot: int) -> Table | None:
        """A table; None if the field is missing."""
        place = self._place(slot)
        return None if place is None else Table(self._data, self._follow(place), self._left)

    def tables(self, slot: int) -> list[Table]:
        """A vector of tables."""
        return [Table(self._data, position, self._left) for position in self._targets(slot)]

    def strings(self, slot: int) -> list[str]:
        """A vector of strings."""
        texts = []
        for position in self._targets(slot):
            size = int(_unpack(self._data, "I", position))
            if size > len(self._data) - position - 4:
                raise DamagedError(f"truncated: a string at byte {position}")
            texts.append(str(self._data[position + 4 : position + 4 + size], "utf-8", "replace"))
        return texts

    def _targets(self, slot: int) -> list[int]:
        start, count = self._vector(slot, 4)
        self._take(count)
        return [self._follow(start + 4 * index) for index in range(count)]

    def _place(self, slot: int) -> int | None:
        entry = 4 + 2 * slot
        if entry + 2 > self._size:
            return None
        offset = int(_unpack(self._data, "H", self._slots + entry))
        return self._position + offset if offset else None

    def _vector(self, slot: int, item: int) -> tuple[int, int]:
        place = self._place(slot)
        if place is None:
            return 0, 0
        start = self._follow(place)
        count = int(_unpack(self._data, "I", start))
        if count * item > len(self._data) - start - 4:
            raise DamagedError(f"truncated: {count:,} items at byte {start}")
        return start + 4, count

    def _take(self, count: int) -> None:
        self._left[0] -= count
        if self._left[0] < 0:
            raise DamagedError(f"more than {_MOST_ITEMS:,} parts, or parts that repeat each other")

    def _follow(self, place: int) -> int:
        return place + int(_unpack(self._data, "I", place))


def _unpack(data: memoryview, kind: str, position: int) -> Any:
    if position < 0 or position + struct.calcsize(kind) > len(data):
        raise DamagedError(f"truncated: byte {position:,} of {len(data):,} is asked for")
    return struct.unpack_from(f"<{kind}", data, position)[0]
