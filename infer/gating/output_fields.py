"""What the baseline file holds of an output: its sketch, as text in lines."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated, Literal

import msgspec
import numpy as np

from ..parity.kept_sketch import KeptSketch
from ..parity.sketch import HASHES, values_by_sum

Size = Annotated[int, msgspec.Meta(ge=0)]

# Characters in a line, so that few changed samples change few lines.
_LINE = 96


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
        values=_lines(kept.values, "<u2"),
        sums=_lines(kept.sums, "<u2"),
        labels=_lines(kept.labels, "u1"),
        hashes=_lines(kept.hashes, "<u2"),
    )


def from_fields(fields: OutputFields) -> KeptSketch:
    """The sketch that the file holds.

    Raises:
        ValueError: it is not whole.
    """
    limits = (fields.tolerance, fields.largest, fields.root_mean_square, fields.allowed_share)
    if not all(value is None or (math.isfinite(value) and value >= 0) for value in limits):
        raise ValueError("a number is negative or not finite")
    sums = _array(fields.sums, "<u2")
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
        values=_array(fields.values, "<u2"),
        sums=sums,
        labels=_array(fields.labels, "u1"),
        hashes=_array(fields.hashes, "<u2"),
    )


def _lines(array: np.ndarray, kind: str) -> list[str]:
    text = base64.b64encode(np.asarray(array, kind).tobytes()).decode()
    return [text[start : start + _LINE] for start in range(0, len(text), _LINE)]


def _array(lines: list[str], kind: str) -> np.ndarray:
    try:
        data = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("numbers are not base64") from None
    return np.frombuffer(data, kind)
