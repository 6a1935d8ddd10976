"""Numbers in a baseline file: base64 in lines, little-endian."""

from __future__ import annotations

import base64
import binascii

import numpy as np

# Characters in a line, so that few changed samples change few lines.
_LINE = 96


def to_lines(array: np.ndarray, kind: str) -> list[str]:
    """The lines of an array, as numbers of a type."""
    text = base64.b64encode(np.asarray(array, kind).tobytes()).decode()
    return [text[start : start + _LINE] for start in range(0, len(text), _LINE)]


def from_lines(lines: list[str], kind: str) -> np.ndarray:
    """The array of lines.

    Raises:
        ValueError: they are not base64, or no whole number of values.
    """
    try:
        data = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("numbers are not base64") from None
    return np.frombuffer(data, kind)
