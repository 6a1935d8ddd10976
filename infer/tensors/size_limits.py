"""The sizes that a free dimension may have, as a file states them or as trying has shown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

# As symbols of torch.export and jax.export are printed: `b`, `4*b`, `b*4`, `b + 2`.
_PRODUCT = re.compile(r"(?:(\d{1,9})\*)?([A-Za-z_]\w*)(?:\*(\d{1,9}))?", re.ASCII)
_SUM = re.compile(r"([A-Za-z_]\w*) ?([+-]) ?(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class SizeLimits:
    """The sizes that a dimension may have.

    Attributes:
        multiple: sizes are multiples of this.
        least: smallest size.
        most: largest size; None if there is none.
    """

    multiple: int = 1
    least: int = 1
    most: int | None = None

    @classmethod
    def fixed(cls, size: int) -> SizeLimits:
        """The limits of a dimension that has only one size."""
        return cls(1, size, size)

    @property
    def smallest(self) -> int:
        """The smallest size that is allowed."""
        return -(-self.least // self.multiple) * self.multiple

    @property
    def largest(self) -> int | None:
        """The largest size that is allowed; None if there is none."""
        return None if self.most is None else self.most // self.multiple * self.multiple

    @property
    def only(self) -> int | None:
        """The only size that is allowed; None if there are several."""
        return self.smallest if self.smallest == self.largest else None

    @property
    def is_empty(self) -> bool:
        """Whether no size is allowed."""
        return self.largest is not None and self.largest < self.smallest

    def allows(self, size: int) -> bool:
        """Whether a dimension may have this size."""
        return (
            size % self.multiple == 0
            and size >= self.least
            and (self.most is None or size <= self.most)
        )

    def size_for(self, count: int) -> int:
        """The smallest allowed size that holds a number of samples; the largest if none does."""
        size = max(self.smallest, -(-count // self.multiple) * self.multiple)
        return size if self.largest is None else min(size, self.largest)

    def nearest(self, size: int) -> int:
        """The allowed size that is nearest to another; of two the smaller."""
        above = self.size_for(size)
        below = max(self.smallest, min(size, above) // self.multiple * self.multiple)
        return above if abs(above - size) < abs(below - size) else below

    def scaled(self, factor: int) -> SizeLimits:
        """The limits of a size that is a multiple of one with these limits."""
        most = None if self.most is None else self.most * factor
        return SizeLimits(self.multiple * factor, self.least * factor, most)

    def within(self, other: SizeLimits) -> SizeLimits:
        """The limits that hold where these and others hold."""
        known = [most for most in (self.most, other.most) if most is not None]
        return SizeLimits(
            math.lcm(self.multiple, other.multiple),
            max(self.least, other.least),
            min(known, default=None),
        )

    @property
    def text(self) -> str:
        """The limits in words, such as "a multiple of 4, at most 16"."""
        if self.only is not None:
            return f"{self.only}, no other number"
        parts = []
        if self.multiple > 1:
            parts.append(f"a multiple of {self.multiple}")
        if self.smallest > self.multiple:
            parts.append(f"at least {self.smallest}")
        if self.largest is not None:
            parts.append(f"at most {self.largest}")
        return ", ".join(parts) or "any number"


ANY_SIZE = SizeLimits()


def limits_of_symbol(text: str, symbols: Mapping[str, SizeLimits] | None = None) -> SizeLimits:
    """The limits of a size that is written with a symbol, such as `4*b`.

    Args:
        text: a symbol, a multiple of one, or one plus a number; other texts have no limits.
        symbols: limits of the symbols, by name; a symbol is at least 1.
    """
    symbols = symbols or {}
    if match := _PRODUCT.fullmatch(text):
        factor = int(match[1] or 1) * int(match[3] or 1)
        return symbols.get(match[2], ANY_SIZE).scaled(factor) if factor else ANY_SIZE
    if match := _SUM.fullmatch(text):
        limits = symbols.get(match[1], ANY_SIZE)
        if limits.multiple == 1:
            added = int(match[2] + match[3])
            most = None if limits.most is None else limits.most + added
            return SizeLimits(1, max(1, limits.least + added), most)
    return ANY_SIZE


def size_of_symbol(text: str, sizes: Mapping[str, int]) -> int | None:
    """The size that is written with a symbol, if the symbol's size is known.

    Args:
        text: as for `limits_of_symbol`.
        sizes: sizes of symbols, by name.
    """
    if text in sizes:
        return sizes[text]
    if (match := _PRODUCT.fullmatch(text)) and match[2] in sizes:
        return int(match[1] or 1) * sizes[match[2]] * int(match[3] or 1)
    if (match := _SUM.fullmatch(text)) and match[1] in sizes:
        return sizes[match[1]] + int(match[2] + match[3])
    return None
