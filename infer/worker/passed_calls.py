"""The calls of a pass over the samples that are kept, to be repeated (repeating.py)."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtimes.base import Arrays
from ..tensors.outputs import CallSamples

# Bytes that are kept. They are taken off the memory of the artifact, but what was kept and removed
# again may stay in it.
_MOST_BYTES = 2 << 20
# What Python takes for a call, for each of its arrays, and for the number of a sample.
_CALL_BYTES, _ARRAY_BYTES, _ROW_BYTES = 600, 300, 40


@dataclass(frozen=True)
class PassedCall:
    """A call of a pass over all samples.

    Attributes:
        states: the inputs that took outputs of the call before; the others are read again.
        outputs: its outputs.
        samples: its samples.
    """

    states: Arrays
    outputs: Arrays
    samples: CallSamples


class KeptCalls:
    """Keeps all calls while they are small, else every second, fourth ... of them.

    The first and the last are always kept.
    """

    def __init__(self) -> None:
        self._kept: dict[int, PassedCall] = {}
        self._last: PassedCall | None = None
        self._count, self._every, self._held = 0, 1, 0

    def add(self, call: PassedCall) -> None:
        """Take the next call of the pass."""
        if self._count % self._every == 0:
            self._kept[self._count] = call
            self._held += bytes_of(call)
            while len(self._kept) > 1 and self._held > _MOST_BYTES:
                self._every *= 2
                self._kept = {n: one for n, one in self._kept.items() if n % self._every == 0}
                self._held = sum(map(bytes_of, self._kept.values()))
        self._last = call
        self._count += 1

    @property
    def calls(self) -> list[PassedCall]:
        """The calls that were kept, in their order."""
        calls = list(self._kept.values())
        if self._last is not None and self._last is not calls[-1]:
            calls.append(self._last)
        return calls


def bytes_of(call: PassedCall) -> int:
    """About how many bytes a call takes that is kept."""
    arrays = [*call.states.values(), *call.outputs.values()]
    values = sum(array.nbytes for array in arrays)
    return values + _CALL_BYTES + _ARRAY_BYTES * len(arrays) + _ROW_BYTES * len(call.samples.rows)
