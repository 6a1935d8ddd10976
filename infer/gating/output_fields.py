"""What the baseline file holds of an output: its sketch, as text in lines."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec

from ..parity.kept_sketch import KeptSketch
from ..parity.sketch import HASHES, values_by_sum
from .text_lines import from_lines, to_lines

Size = Annotated[int, msgspec.Meta(ge=0)]


class OutputFields(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """An output: what it may differ by, and its sketch; numbers in base64, little-endian.

    Attributes:
        form: "numbers", or "hashes" of text and of very large whole numbers.
        shape: samples x anything.
        tolerance: the largest difference of a value that passes, in the output's own unit.
        root_mean_square: what the differences may be in the root mean square, if it is quantised.
        allowed_share: share of the values that may differ by more.
        absolute: whether absolute values are compared.
        calls: hash of its calls, where samples cannot be told apart.
        is_whole, is_complex: whether its values are whole numbers, or complex ones.
        largest: the largest absolute value.
        non_finite: hash of where NaN and infinities are.
        values, sums: counts of steps modulo 65521, 16 bits each.
        labels: of each sample, or each few, the label modulo 16 and how clear it is, 4 bits each.
        hashes: of each sample, or each few, 16 bits each.
    """

    form: Literal["numbers", "hashes"]
    shape: list[Size]
    tolerance: float
    root_mean_square: float | None = None
    allowed_share: float | None = None
    absolute: bool = False
    calls: str = ""
    is_whole: bool = False
    is_complex: bool = False
    largest: float = 0.0
    non_finite: str = ""
    values: list[str] = []
    sums: list[str] = []
    labels: list[str] = []
    hashes: list[str] = []


def to_fields(kept: KeptSketch) -> OutputFields:
    """What the file holds of a sketch."""
    return OutputFields(
        form="hashes" if kept.form == HASHES else "numbers",
        shape=list(kept.shape),
        tolerance=kept.tolerance,
        root_mean_square=kept.root_mean_square,
        allowed_share=kept.allowed_share,
        absolute=kept.absolute,
        calls=kept.calls,
        is_whole=kept.is_whole,
        is_complex=kept.is_complex,
        largest=kept.largest,
        non_finite=kept.non_finite,
        values=to_lines(kept.values, "<u2"),
        sums=to_lines(kept.sums, "<u2"),
        labels=to_lines(kept.labels, "u1"),
        hashes=to_lines(kept.hashes, "<u2"),
    )


def from_fields(fields: OutputFields) -> KeptSketch:
    """The sketch that the file holds.

    Raises:
        ValueError: it is not whole.
    """
    limits = (fields.tolerance, fields.largest, fields.root_mean_square, fields.allowed_share)
    if not all(value is None or (math.isfinite(value) and value >= 0) for value in limits):
        raise ValueError("a number is negative or not finite")
    sums = from_lines(fields.sums, "<u2")
    shape = tuple(fields.shape)
    if len(values_by_sum(shape, len(sums), is_complex=fields.is_complex)) != len(sums):
        raise ValueError(f"{len(sums)} sums do not fit the shape {shape}")
    return KeptSketch(
        form=fields.form,
        shape=shape,
        is_whole=fields.is_whole,
        is_complex=fields.is_complex,
        largest=fields.largest,
        non_finite=fields.non_finite,
        tolerance=fields.tolerance,
        root_mean_square=fields.root_mean_square,
        allowed_share=fields.allowed_share,
        absolute=fields.absolute,
        calls=fields.calls,
        values=from_lines(fields.values, "<u2"),
        sums=sums,
        labels=from_lines(fields.labels, "u1"),
        hashes=from_lines(fields.hashes, "<u2"),
    )
