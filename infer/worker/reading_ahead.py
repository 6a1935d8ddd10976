"""Read the inputs of the next call of a pass while the runtime calculates; never of timed calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..runtimes.base import Arrays

# Bytes of a batch from which on it is worth the change from one thread to another.
_LEAST_BYTES = 1 << 20


def read_ahead(
    read: Callable[[int, list[int]], Arrays], batches: Sequence[list[int]]
) -> Iterator[Arrays]:
    """Yield the inputs of each batch.

    Those of the batch after it are read meanwhile, in a thread, where they are large; so no more
    than two batches are held. What `read` raises is raised when it is the batch's turn.

    Args:
        read: reads the inputs of a batch, given its number and its samples.
        batches: the samples of each batch.
    """
    if not batches:
        return
    first = read(0, batches[0])
    is_large = sum(array.nbytes for array in first.values()) >= _LEAST_BYTES
    if not is_large or len(batches) == 1:
        yield first
        del first
        for number in range(1, len(batches)):
            yield read(number, batches[number])
        return
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(read, 1, batches[1])
        yield first
        del first
        for number in range(2, len(batches)):
            inputs = waiting.result()
            waiting = thread.submit(read, number, batches[number])
            yield inputs
            del inputs
        yield waiting.result()
