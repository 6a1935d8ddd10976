"""Instructions of the kernel's packet filter (linux/filter.h), which seccomp runs."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000  # the latter with an error's number
# struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits.
NUMBER, ARCHITECTURE, _ARGUMENTS = 0, 4, 16


@dataclass(frozen=True)
class Argument:
    """The allowed values of a system call's argument, a C `int`.

    Only its lower half is looked at: the kernel drops the upper one of an `int`, where callers
    leave what they like.

    Attributes:
        index: which argument, from 0.
        values: the allowed values, or the refused ones.
        mask: the bits that are looked at.
        refused: whether `values` are the refused ones.
    """

    index: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    refused: bool = False


class Program:
    """Instructions of the kernel's packet filter, whose jumps go to labels."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, str | None, str | None, int]] = []
        self._labels: dict[str, int] = {}

    def add(
        self, code: int, operand: int, then: str | None = None, else_: str | None = None
    ) -> None:
        """An instruction; a jump goes on with the next one where no label is given."""
        self._lines.append((code, then, else_, operand))

    def label(self, name: str) -> None:
        """Set a label at the next instruction."""
        self._labels[name] = len(self._lines)

    def fail(self, label: str, number: int) -> None:
        """End, at a label, with an error's number."""
        self.label(label)
        self.add(RETURN, FAIL | number)

    def check(self, name: str, rule: Iterable[Argument], error: int) -> None:
        """Allow the call, at the label of its name, if each argument has a value that it may have.

        Args:
            name: name of the system call.
            rule: what its arguments may be.
            error: number of the error otherwise.
        """
        self.label(name)
        refused = f"{name} refused"
        for place, argument in enumerate(rule):
            passed = f"{name} passed {place}"
            # Both architectures are little-endian: the lower half comes first.
            self.add(LOAD, _ARGUMENTS + 8 * argument.index)
            if argument.mask != 0xFFFFFFFF:
                self.add(AND, argument.mask)
            *values, last = argument.values
            for value in values:
                self.add(EQUAL, value, then=refused if argument.refused else passed)
            then, else_ = (refused, None) if argument.refused else (None, refused)
            self.add(EQUAL, last, then=then, else_=else_)
            self.label(passed)
        self.add(RETURN, ALLOW)
        self.fail(refused, error)

    def assembled(self) -> list[bytes]:
        """`struct sock_filter` by `struct sock_filter`; jumps are forward and below 256."""
        return [
            struct.pack("HBBI", code, self._skip(here, then), self._skip(here, else_), operand)
            for here, (code, then, else_, operand) in enumerate(self._lines)
        ]

    def _skip(self, here: int, label: str | None) -> int:
        return 0 if label is None else self._labels[label] - here - 1
