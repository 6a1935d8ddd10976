"""Find the precision of a StableHLO module: the types that it names.

The module is MLIR bytecode (mlir.llvm.org, "MLIR Bytecode Format"), of which only the section of
types is read. Each of StableHLO's types begins with its number (VhloBytecode.cpp).
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import DamagedError
from ...tensors.precision import Precision, bits_of, coarsest, precision_from, uncounted

# Kinds of sections.
_ENTRIES, _OFFSETS = 2, 3
_ALIGNED = 0x80
_UINT32 = 18  # the number of a type, as in _NAMES
_NAMES = {
    **{2: "bfloat16", 3: "float16", 4: "float32", 5: "float64", 6: "float8_e4m3fn"},
    **{7: "float8_e5m2", 10: "int4", 11: "int8", 15: "uint4", 16: "uint8"},
    **{27: "float8_e4m3fnuz", 28: "float8_e5m2fnuz", 29: "float8_e4m3b11fnuz"},
    **{31: "int2", 32: "uint2", 35: "float8_e4m3", 36: "float8_e3m4", 37: "float4_e2m1fn"},
}


def precision_of(module: memoryview, border: set[str]) -> Precision:
    """Find the precision of a module.

    What is stored in a type is not told from what is calculated in it.

    Args:
        module: the bytecode.
        border: types of the inputs and outputs; whole numbers of 8 bits among these may be pixels.

    Raises:
        DamagedError: it is damaged.
    """
    numbers = set(_type_numbers(module))
    names = {_NAMES[number] for number in numbers if number in _NAMES}
    inside = names - border
    if _UINT32 in numbers:  # random numbers come from these, and may be bytes
        inside -= {"uint8"}
    few = [bits for name in inside if (bits := bits_of(name)) is not None]
    floats = {name for name in names | border if coarsest([name])}
    return precision_from(floats, (), uncounted(min(few)) if few else None)


def _type_numbers(module: memoryview) -> Iterator[int]:
    """The numbers of the types that have no parts."""
    sections = _sections(module)
    if _ENTRIES not in sections or _OFFSETS not in sections:
        raise DamagedError("a module without types")
    offsets, entries = _Reader(sections[_OFFSETS]), _Reader(sections[_ENTRIES])
    attributes, types = offsets.number(), offsets.number()
    for is_type, total in ((False, attributes), (True, types)):
        left = total
        while left > 0:
            offsets.number()  # the dialect
            count = offsets.number()
            for _ in range(count):
                size = offsets.number()
                entry = entries.bytes(size >> 1)
                if is_type and size & 1 and len(entry) == 1:
                    yield _Reader(entry).number()
            if not count:
                raise DamagedError("a module with a group of no types")
            left -= count


def _sections(module: memoryview) -> dict[int, memoryview]:
    reader = _Reader(module, 4)  # behind the mark
    reader.number()  # the version
    while int(reader.bytes(1)[0]):  # the producer, up to a zero
        pass
    sections = {}
    while reader.position < len(module):
        kind, size = int(reader.bytes(1)[0]), reader.number()
        if kind & _ALIGNED:
            alignment = reader.number()
            if not 0 < alignment <= 4096:
                raise DamagedError(f"a module with a part aligned to {alignment}")
            reader.position += -reader.position % alignment
        sections[kind & ~_ALIGNED] = reader.bytes(size)
    return sections


class _Reader:
    """Bytes that are read one after the other."""

    def __init__(self, data: memoryview, position: int = 0) -> None:
        self._data, self.position = data, position

    def number(self) -> int:
        """A number of variable size: the zeros that its first byte ends with tell its length."""
        first = int(self.bytes(1)[0])
        if first == 0:
            return int.from_bytes(self.bytes(8), "little")
        more = (first & -first).bit_length() - 1
        return int.from_bytes(bytes([first]) + bytes(self.bytes(more)), "little") >> (more + 1)

    def bytes(self, count: int) -> memoryview:
        """The next bytes."""
        part = self._data[self.position : self.position + count]
        if len(part) != count:
            raise DamagedError("truncated: a module that ends too early")
        self.position += count
        return part
