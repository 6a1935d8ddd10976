"""Calls in outputs whose samples cannot be told apart; their values are in one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WholeCall:
    """A call in such an output.

    Attributes:
        samples: numbers of the samples of the call.
        shape: shape of the output in it.
    """

    samples: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def key(self) -> dict[str, int]:
        """How records name the call: by its first sample, and how many it had."""
        return {"sample": self.samples[0], "call_samples": len(self.samples)}


def by_call(values: np.ndarray, calls: Sequence[WholeCall]) -> list[np.ndarray]:
    """Cut the values into those of each call, in the call's shape."""
    ends = np.cumsum([int(np.prod(call.shape)) for call in calls], dtype=int)[:-1]
    return [
        part.reshape(call.shape) for part, call in zip(np.split(values, ends), calls, strict=True)
    ]


def place_of(index: int, calls: Sequence[WholeCall]) -> tuple[WholeCall, tuple[int, ...]]:
    """Find the call of a value, and its place there."""
    for call in calls:
        size = int(np.prod(call.shape))
        if index < size:
            return call, tuple(int(at) for at in np.unravel_index(index, call.shape))
        index -= size
    raise IndexError(index)


def named_samples(first: int, count: int) -> str:
    """The samples of a call in words, such as "sample 3" or "samples 0 to 7"."""
    return f"sample{'' if count == 1 else 's'} {samples_title(first, count)}"


def samples_title(first: int, count: int) -> str:
    """The numbers of the samples of a call in words: one, or the first and the last."""
    return f"{first:,}" if count == 1 else f"{first:,} to {first + count - 1:,}"
