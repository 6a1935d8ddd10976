"""Which samples an artifact has right, packed into lines of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Number of samples in a line of packed flags, so that few changed samples change few lines.
_LINE = 256


def pack(correct: Sequence[bool] | np.ndarray) -> list[str]:
    """Pack flags, one for each sample, into lines of hexadecimal digits, four in each digit."""
    flags = np.asarray(correct, bool)
    return [
        np.packbits(flags[start : start + _LINE]).tobytes().hex()
        for start in range(0, len(flags), _LINE)
    ]


def unpack(lines: Sequence[str], samples: int) -> np.ndarray:
    """Unpack the flags, bool N, from lines of `pack`.

    Raises:
        ValueError: the lines do not fit the number of samples.
    """
    data = bytes.fromhex("".join(lines))
    if len(data) != (samples + 7) // 8:
        raise ValueError(f"{len(data)} bytes are not the flags of {samples} samples")
    return np.unpackbits(np.frombuffer(data, np.uint8), count=samples).astype(bool)
